package course

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// quickChecks runs all the checks that compile nothing.
func quickChecks(c *Course) []string {
	problems := slices.Concat(checkOrder(c), checkChapterPerCommit(c), checkBudgets(c), checkExcerpts(c),
		checkDocuments(c), checkReadingLists(c), checkLearnings(c), checkFoundLater(c))
	for _, chapter := range c.Chapters {
		problems = append(problems, checkShape(chapter)...)
	}
	return problems
}

// change is a row of the self-tests: a mistake that a writer may make, and parts
// of the messages that the writer must get.
type change struct {
	mistake string
	make    func(*sample)
	told    []string
}

func TestSampleCoursePasses(t *testing.T) {
	if problems := quickChecks(newSample(t).build()); len(problems) > 0 {
		t.Errorf("the sample has problems:\n%s", strings.Join(problems, "\n"))
	}
}

// At the commit of a milestone, the course ends with this milestone.
func TestEarlierCommitPasses(t *testing.T) {
	s := newSample(t)
	s.commits = s.commits[:second]
	if problems := quickChecks(s.build()); len(problems) > 0 {
		t.Errorf("milestone 1 alone has problems:\n%s", strings.Join(problems, "\n"))
	}
}

func TestCourseWithoutMilestonePasses(t *testing.T) {
	s := newSample(t)
	s.commits = s.commits[:first]
	if problems := quickChecks(s.build()); len(problems) > 0 {
		t.Errorf("no milestone at all has problems:\n%s", strings.Join(problems, "\n"))
	}
}

// A missing history is reported, with what to do about it.
func TestMissingHistoryIsReported(t *testing.T) {
	s := newSample(t)
	c := s.build()
	if err := c.complete(); err != nil {
		t.Errorf("a complete checkout is reported: %v", err)
	}
	shallow := t.TempDir()
	s.git(shallow, "", "clone", "--quiet", "--depth=1", "file://"+filepath.ToSlash(c.dir), ".")
	for dir, want := range map[string]string{
		t.TempDir():                        "needs a git checkout and the git command",
		filepath.Join(c.dir, "milestones"): "this directory is a part of another one",
		shallow:                            "this checkout is shallow: run git fetch --unshallow",
	} {
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%s) = %v, want %q", dir, err, want)
		}
	}
}

// TestMistakesAreFound sees every quick check fail.
func TestMistakesAreFound(t *testing.T) {
	rows := slices.Concat(historyMistakes(), excerptMistakes(), shapeMistakes(), markupMistakes(), testMistakes())
	for _, row := range rows {
		t.Run(row.mistake, func(t *testing.T) {
			t.Parallel()
			s := newSample(t)
			row.make(s)
			expectTold(t, quickChecks(s.build()), row.told)
		})
	}
}

func expectTold(t *testing.T, problems, told []string) {
	t.Helper()
	all := strings.Join(problems, "\n\n")
	for _, want := range told {
		if !strings.Contains(all, want) {
			t.Errorf("no problem says %q; the problems are:\n%s", want, all)
		}
	}
}

func historyMistakes() []change {
	return []change{
		{"a hyphen in a subject", func(s *sample) { s.reword(first, "–", "-") },
			[]string{"the subject of a milestone is fixed", "- feat: milestone 1 – basic HTTP server", "+ feat: milestone 1 - basic HTTP server"}},
		{"a milestone too many", func(s *sample) { s.reword(second, "milestone 2", "milestone 14") },
			[]string{"there are only milestones 1 to 13"}},
		{"a milestone left out", func(s *sample) { s.reword(first, "feat: milestone 1", "feat: number 1") },
			[]string{"milestone 1 is missing before", "milestones/01-basics.md is a chapter without a commit"}},
		{"a second commit", func(s *sample) { s.reword(later, "fix: greet people without a name, too", plans()[1].subject) },
			[]string{"milestone 2 has a second commit"}},
		{"the wrong order", func(s *sample) { s.commits[first], s.commits[second] = s.commits[second], s.commits[first] },
			[]string{"milestone 1 is missing before"}},
		{"a branch beside", func(s *sample) {
			s.commits[second].parents = []int{0}
			s.commits[pageFix].parents = []int{first, second}
		},
			[]string{"is not based on milestone 1"}},
		{"a fixup not folded", func(s *sample) { s.reword(later, "fix: greet", "fixup! feat: milestone 1 – greet") },
			[]string{"is not folded into its milestone yet"}},
		{"no chapter", func(s *sample) { delete(s.commits[second].files, chapterTwo) },
			[]string{"has no chapter: write milestones/02-name.md"}},
		{"two chapters", func(s *sample) { s.commits[second].files["milestones/02-again.md"] = "" },
			[]string{"are chapters of the same milestone"}},
		{"too much Go", func(s *sample) { s.commits[second].files["long.go"] = "package main\n" + strings.Repeat("\n", 140) },
			[]string{"lines of Go without tests, its budget is 150"}},
		{"too much page", func(s *sample) { s.commits[first].files["static/style.css"] = strings.Repeat("p{}\n", 250) },
			[]string{"adds 253 lines to static/ and lab/, its budget is 250"}},
		{"too much page in two folders", func(s *sample) {
			s.commits[first].files["static/style.css"] = strings.Repeat("p{}\n", 200)
			s.commits[first].files["lab/lab.js"] = strings.Repeat(";\n", 50)
		},
			[]string{"adds 253 lines to static/ and lab/, its budget is 250"}},
	}
}

func excerptMistakes() []change {
	return []change{
		{"a letter in an excerpt", func(s *sample) { s.replace(second, chapterTwo, "// Hub counts", "// Hub count") },
			[]string{"milestones/02-hub.md:5: block ```go file=hub.go", "is not in hub.go of milestone 2 (", "- // Hub count who is here.\n+ // Hub counts who is here."}},
		{"the indentation", func(s *sample) { s.replace(second, chapterTwo, "\th.mu.Lock()\n```", "    h.mu.Lock()\n```") },
			[]string{"The nearest place has 1 of its 2 lines", "  func (h *Hub) Join() {\n-     h.mu.Lock()\n+ \th.mu.Lock()"}},
		{"pieces in another order", func(s *sample) {
			s.replace(second, chapterTwo, "…\nfunc (h *Hub)", "…\nimport (\n…\nfunc (h *Hub)")
		},
			[]string{"“import (” is in hub.go of milestone 2", "before the piece above it"}},
		{"not the previous commit", func(s *sample) { s.replace(second, chapterTwo, "main.go at=previous", "main.go") },
			[]string{"- \tfmt.Println(greet(\"ada\"))\n+ \tfmt.Println(greet(\"bob\"))"}},
		{"nothing before the first", func(s *sample) {
			s.replace(later, chapterOne, "go file=main.go", "go file=main.go at=previous")
		},
			[]string{"there is no commit before milestone 1"}},
		{"a file that is not there", func(s *sample) { s.replace(second, chapterTwo, "go file=hub.go", "go file=hubs.go") },
			[]string{"there is no file hubs.go in milestone 2"}},
		{"an empty excerpt", func(s *sample) { s.replace(second, "README.md", "type Hub struct {\n\t// …\n}", "// …") },
			[]string{"README.md:3: block ```go file=hub.go", "quotes nothing"}},
		{"a letter in README.md", func(s *sample) { s.replace(second, "README.md", "type Hub", "type hub") },
			[]string{"README.md:3:", "in hub.go of the working tree", "- type hub struct {\n+ type Hub struct {"}},
	}
}

// The tests of the working tree are read from disk, uncommitted ones too, but
// not those of other projects and other commits.
func TestLearningsReadTheWorkingTree(t *testing.T) {
	c := newSample(t).build()
	from := filepath.Join(c.dir, "hub_test.go")
	for folder, told := range map[string]string{
		"course/2":             "names TestJoin, and no *_test.go declares it",
		"browser/node_modules": "names TestJoin, and no *_test.go declares it",
		".hidden":              "names TestJoin, and no *_test.go declares it",
		"milestones/course":    "names TestJoin in hub_test.go, but it is in milestones/course/hub_test.go",
	} {
		to := filepath.Join(c.dir, filepath.FromSlash(folder), "hub_test.go")
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.Rename(from, to)); err != nil {
			t.Fatal(err)
		}
		expectTold(t, checkLearnings(c), []string{told})
		from = to
	}
}

// The budgets count the program and its pages, and nothing else.
func TestBudgetsCountTheProgram(t *testing.T) {
	code, page := countAdded(map[string]int{
		"main.go": 1, "hub.go": 2, "hub_test.go": 10, "milestones/main.go": 20, "milestones/course/claim.go": 30, "bench/main.go": 40,
		"static/chat.js": 4, "static/css/dark.css": 8, "lab/lab.js": 16, "browser/page.test.js": 50, "README.md": 60, "fly.toml": 70,
	})
	if code != 3 || page != 28 {
		t.Errorf("counted %d lines of Go and %d of the page, want 3 and 28", code, page)
	}
}

// Up to milestone 9, at=previous means the milestone before; from milestone 10
// on, the first parent.
func TestPreviousCommit(t *testing.T) {
	c := &Course{history: []Commit{
		{Hash: "eight", Milestone: 8},
		{Hash: "feature", parents: []string{"eight"}},
		{Hash: "nine", Milestone: 9, parents: []string{"feature"}},
		{Hash: "side", parents: []string{"nine"}},
		{Hash: "rewrite", parents: []string{"nine"}},
		{Hash: "ten", Milestone: 10, parents: []string{"rewrite", "side"}},
	}}
	b := &Block{Attrs: map[string]string{"at": "previous"}}
	for chapter, want := range map[int]string{9: "eight", 10: "rewrite"} {
		if got, wrong := c.commitOf(&Document{Number: chapter}, b); got.Hash != want {
			t.Errorf("in chapter %d, at=previous means %q, want %q; %s", chapter, got.Hash, want, wrong)
		}
	}
}

// What a reading list may name.
func TestKnownWords(t *testing.T) {
	known := knownWords(map[string]string{"hub.go": sampleHub, "static/chat.js": sampleScript})
	want := []string{"-addr", "Hub", "Hub.Join", "Hub.clients", "Hub.mu", "_", "box", "hub.go", "send", "static/", "static/chat.js"}
	if got := slices.Sorted(maps.Keys(known)); !slices.Equal(got, want) {
		t.Errorf("known words:\n- %q\n+ %q", want, got)
	}
}

func shapeMistakes() []change {
	inTwo := func(old, becomes string) func(*sample) {
		return func(s *sample) { s.replace(second, chapterTwo, old, becomes) }
	}
	return []change{
		{"another title", inTwo("# Milestone 2: hub", "# Milestone 3: hub"), []string{`milestones/02-hub.md:1: the chapter begins with "# Milestone 2: …"`}},
		{"a heading left out", inTwo("## Predict\n", ""), []string{`the heading "## Predict" is missing, or not in this order`}},
		{"headings swapped", inTwo("## Decided against\n## Predict", "## Predict\n## Decided against"), []string{`the heading "## Predict" is missing, or not`}},
		{"too few words", inTwo(strings.Repeat("Plain words fill the chapter here.\n", 20), ""), []string{"words of prose, should have 600 to 1200"}},
		{"too many words", inTwo("## Not yet", strings.Repeat("word ", 600)+"\n## Not yet"), []string{"words of prose, should have 600 to 1200"}},
		{"late code", inTwo("At the end", strings.Repeat("word ", 150)+"\nAt the end"), []string{"the first code comes after 159 words"}},
		{"another milestone to stand on", inTwo("milestones start 2", "milestones start 1"), []string{"- go run ./milestones start 2"}},
		{"a line number", inTwo("Another one:", "See line 42, or hub.go:42."), []string{`"line 42" is a line number`}},
		{"a line number behind a file", inTwo("Another one:", "See `hub.go:42`."), []string{`".go:42" is a line number`}},
	}
}

func markupMistakes() []change {
	inTwo := func(old, becomes string) func(*sample) {
		return func(s *sample) { s.replace(second, chapterTwo, old, becomes) }
	}
	return []change{
		{"a typo in a language", inTwo("```go file", "```golang file"), []string{`unknown language "golang"`}},
		{"a typo in an attribute", inTwo("```go file", "```go fiel"), []string{`unknown attribute "fiel=hub.go"`}},
		{"a value left out", inTwo("break=TestJoin race", "break race"), []string{`unknown attribute "break"`}},
		{"code from nowhere", inTwo("```go file=hub.go", "```go"), []string{"code needs its source"}},
		{"another time", inTwo("main.go at=previous", "main.go at=next"), []string{"at= knows only at=previous"}},
		{"a diff that claims nothing", inTwo("diff break=TestJoin race", "diff"), []string{"a diff has one of break=TestX"}},
		{"race without break", inTwo("build=TestLeave compile", "build=TestLeave race"), []string{"race belongs to break="}},
		{"git switch in a checked block", inTwo("$ go run . && go vet ./...", "$ git switch main && go run ."), []string{"mark the block unchecked"}},
		{"a fence left open", inTwo("```text fails\nsomebody still waits\n```", "~~~text fails\nsomebody still waits"), []string{"its closing fence is missing"}},
		{"no fails block", inTwo("```text fails\nWARNING", "```text\nWARNING"), []string{"the next block must be ```text fails"}},
		{"an empty fails block", inTwo("WARNING: DATA RACE\n", ""), []string{"the next block must be ```text fails"}},
		{"a fails block alone", inTwo("## Decided against", "```text fails\nx\n```\n## Decided against"), []string{"a fails block must be the next block after its diff"}},
		{"an unfolded solution", inTwo("<details>\n\n```diff solution", "\n```diff solution"), []string{"inside <details>"}},
		{"two hints", inTwo("```text hint\nThe opposite of it.", "```text\nThe opposite of it."), []string{"needs three hints (```text hint) before its solution, has 2"}},
		{"an unfolded hint", inTwo("<details>\n\n```text hint", "```text hint"), []string{"a hint is inside <details>, between the exercise and its solution"}},
		{"a rule that changes a file", inTwo("--- /dev/null\n+++ b/rule_test.go", "--- a/hub_test.go\n+++ b/hub_test.go"), []string{"adds one new file"}},
		{"no solution", inTwo("solution=TestLeave", "solution=TestLeft"), []string{"a diff solution=TestLeave is missing"}},
		{"one break too few", inTwo("diff break=TestJoin\n", "text\n"), []string{"has 1 diff break=TestX, needs at least 2"}},
		{"nothing to build", inTwo("diff build=TestLeave compile", "text"), []string{"has no diff build=TestX"}},
		{"a diff in README.md", func(s *sample) { s.replace(second, "README.md", "go file=hub.go", "diff break=TestJoin") }, []string{"a diff belongs in a chapter"}},
		{"a name in the reading list", inTwo("`Hub.Join`", "`Hub.Jion`"), []string{"`Hub.Jion` in the reading list is not a file, a flag or a declared name at milestone 2", "the nearest is `Hub.Join`"}},
		{"a flag in the reading list", inTwo("`-addr`", "`-adr`"), []string{"`-adr` in the reading list"}},
		{"an empty reading list", inTwo("- `hub.go`: `Hub`, `Hub.Join`, `Hub.clients`, `-addr`, and `TestJoin` in `hub_test.go`", ""), []string{"## Read names no file"}},
	}
}

func testMistakes() []change {
	const fix = "fix: greet people without a name, too"
	return []change{
		{"a test in LEARNINGS.md", func(s *sample) { s.replace(second, "LEARNINGS.md", "TestJoin", "TestJoins") },
			[]string{"LEARNINGS.md:10: bullet", "names TestJoins, and no *_test.go declares it; the nearest is `TestJoin`"}},
		{"a test file in LEARNINGS.md", func(s *sample) { s.replace(second, "LEARNINGS.md", "`hub_test.go`", "`main_test.go`") },
			[]string{"names TestJoin in main_test.go, but it is in hub_test.go"}},
		{"a bullet without a test", func(s *sample) { s.replace(second, "LEARNINGS.md", "`TestGreet`", "") },
			[]string{"does not end with the test that guards it"}},
		{"a title in LEARNINGS.md", func(s *sample) { s.replace(second, "LEARNINGS.md", "see each other", "see one another") },
			[]string{"LEARNINGS.md:11: bullet", "names “people see one another”, and browser/page.test.js declares no test with this title; the nearest is `people see each other`"}},
		{"a browser file in LEARNINGS.md", func(s *sample) { s.replace(second, "LEARNINGS.md", "page.test.js", "pages.test.js") },
			[]string{"names a test in browser/pages.test.js, and there is no such test file; the nearest is `browser/page.test.js`"}},
		{"a title without its file", func(s *sample) { s.replace(second, "LEARNINGS.md", " in\n  `browser/page.test.js`", "") },
			[]string{"does not end with the test that guards it"}},
		{"a browser test turned off", func(s *sample) {
			s.replace(pageFix, "browser/page.test.js", "scenario(\"people", "// scenario(\"people")
		},
			[]string{"names “people see each other”, and browser/page.test.js declares no test with this title"}},
		{"a title like a Go test", func(s *sample) { s.replace(second, "LEARNINGS.md", "people see", "Tests see") },
			[]string{"names “Tests see each other”, and browser/page.test.js declares no test with this title"}},
		{"no section in LEARNINGS.md", func(s *sample) { s.replace(second, "LEARNINGS.md", "## Milestone 2", "## Number 2") },
			[]string{`the section "## Milestone 2: …" is missing`}},
		{"a section too many", func(s *sample) { s.replace(second, "LEARNINGS.md", "## Milestone 2", "## Milestone 3") },
			[]string{"is a section without a milestone commit"}},
		{"no bullet", func(s *sample) { delete(s.commits[later].files, chapterOne) },
			[]string{chapterOne + ": under \"## Found later\" a bullet about ", "- " + fix}},
		{"no trailer", func(s *sample) { s.reword(later, "\nFixes-Milestone: 1\n", "") },
			[]string{chapterOne + ":221: this bullet has the subject of no commit with the trailer Fixes-Milestone: 1"}},
		{"a trailer of another milestone", func(s *sample) { s.reword(later, "Fixes-Milestone: 1", "Fixes-Milestone: 2") },
			[]string{chapterTwo + ": under", "this bullet has the subject of no commit with the trailer Fixes-Milestone: 1"}},
		{"a trailer of no milestone", func(s *sample) { s.reword(later, "Fixes-Milestone: 1", "Fixes-Milestone: 7") },
			[]string{"names no milestone of this history"}},
		{"a misspelt trailer", func(s *sample) { s.reword(later, "Fixes-Milestone: 1", "Fixes milestone 1") },
			[]string{"is not a trailer"}},
		{"no regression test", func(s *sample) { delete(s.commits[later].files, "main_test.go") },
			[]string{"fixes milestone 1 without a regression test"}},
		{"another test in the bullet", func(s *sample) { s.replace(later, chapterOne, "`TestGreetAgain`", "`TestJoin`") },
			[]string{"names no regression test of", "it has TestGreet, TestGreetAgain"}},
		{"no regression test in the browser", func(s *sample) { delete(s.commits[pageFix].files, "browser/page.test.js") },
			[]string{"\"fix: the page greets everyone\": fixes milestone 1 without a regression test"}},
		{"another title in the bullet", func(s *sample) { s.replace(later, chapterOne, "`the page greets everyone`", "`TestGreet`") },
			[]string{"names no regression test of", "it has people see each other, the page greets everyone"}},
	}
}

// Masking must hide whatever differs from run to run, and nothing that matters
// in a chapter.
func TestMask(t *testing.T) {
	rows := []struct{ printed, masked string }{
		{"2026/01/02 15:04:05 INFO join name=ada", "· INFO join name=ada"},
		{"time=2026-01-02T15:04:05.123+01:00 level=INFO", "time=· level=INFO"},
		{`{"at":"2026-01-02T15:04:05.123Z","id":7}`, `{"at":"·","id":7}`},
		{"Date: Mon, 02 Jan 2026 15:04:05 GMT", "Date: ·"},
		{"ok  \tchat\t1.234s", "ok chat ·"},
		{"ok  \tchat\t(cached)", "ok chat ·"},
		{"--- FAIL: TestHub (0.01s)", "--- FAIL: TestHub (·)"},
		{"after=1m30.5s took=12µs, 200ms", "after=· took=·, ·"},
		{"BenchmarkSave 1234.5 ns/op", "BenchmarkSave · ns/op"},
		{"http://localhost:8080/ 127.0.0.1:4711 [::1]:80", "http://localhost:·/ 127.0.0.1:· [::1]:·"},
		{"goroutine 17 [running]: 0xc0000123", "goroutine · [running]: ·"},
		{"stopped pid=4711", "stopped pid=·"},
		{"HTTP/1.1 404 Not Found\r", "HTTP/1.1 404 Not Found"},
		{"hub_test.go:42: 3 of 10 messages", "hub_test.go:42: 3 of 10 messages"},
	}
	for _, row := range rows {
		if got := strings.Join(maskLines(row.printed), "\n"); got != row.masked {
			t.Errorf("masked %q\n- %s\n+ %s", row.printed, row.masked, got)
		}
	}
	shell := "[1] 4711\nbash: line 1: 4711 Terminated   ./chat\n[1]+  Done    ./chat\n\nlistening"
	if got := maskLines(shell); !slices.Equal(got, []string{"listening"}) {
		t.Errorf("masking leaves %q, want only the line that is not about jobs", got)
	}
}

func TestMatchLines(t *testing.T) {
	got := []string{"a", "b", "c", "b", "d"}
	rows := []struct {
		want    string
		matches bool
	}{
		{"a b c b d", true}, {"a b c b", false}, {"…", true}, {"a …", true}, {"… d", true}, {"… c", false},
		{"a … b d", true}, {"a … c … d", true}, {"a … d … c", false}, {"a b c … c b d", false}, {"… b … b …", true}, {"", false},
	}
	for _, row := range rows {
		if matches := matchLines(strings.Fields(row.want), got); matches != row.matches {
			t.Errorf("%q against %q: %t", row.want, got, matches)
		}
	}
}

// A chapter may be as long as it can be when it lands, and a mistake is found later.
func TestFoundLaterDoesNotCountAsProse(t *testing.T) {
	doc := parseDocument("milestones/01-basics.md", "# One\n\ntwo three\n\nWatch it: no more words\n\n## Found later\n\n- no more words\n\n## Questions\n\nfive\n")
	if doc.words != 5 {
		t.Errorf("the chapter has %d words, want 5: those of its title, its prose and its questions", doc.words)
	}
}
