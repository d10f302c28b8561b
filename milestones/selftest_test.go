package milestones

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// quickChecks are all the checks that compile nothing.
func quickChecks(c *course) []string {
	problems := slices.Concat(checkOrder(c), checkChapterPerCommit(c), checkBudgets(c), checkExcerpts(c),
		checkDocuments(c), checkReadingLists(c), checkLearnings(c), checkFoundLater(c))
	for _, chapter := range c.chapters {
		problems = append(problems, checkShape(chapter)...)
	}
	return problems
}

// change is a row of the self-test: a small mistake, and what the writer who
// makes it must be told.
type change struct {
	mistake string
	make    func(*sample)
	told    []string
}

// The indexes of the sample's commits, and its files with the most rows.
const (
	first, second, later = 1, 2, 3
	chapterTwo           = "milestones/02-hub.md"
)

func TestSampleCoursePasses(t *testing.T) {
	if problems := quickChecks(newSample(t).build()); len(problems) > 0 {
		t.Errorf("the sample has problems:\n%s", strings.Join(problems, "\n"))
	}
}

// At a milestone's own commit exactly the milestones up to it are accepted.
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

// Where the history is missing, a sentence says what to do.
func TestMissingHistoryIsSaid(t *testing.T) {
	s := newSample(t)
	c := s.build()
	if why := c.missingHistory(); why != "" {
		t.Errorf("a whole checkout is said to miss something: %s", why)
	}
	shallow := t.TempDir()
	s.git(shallow, "", "clone", "--quiet", "--depth=1", "file://"+filepath.ToSlash(c.dir), ".")
	for dir, want := range map[string]string{
		t.TempDir():                        "need a git checkout and the git command",
		filepath.Join(c.dir, "milestones"): "only a part of another one",
		shallow:                            "this checkout is shallow: run git fetch --unshallow",
	} {
		expectTold(t, []string{newRepo(dir).missingHistory()}, []string{want})
	}
}

// TestMistakesAreFound sees every quick check failing.
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
			t.Errorf("nobody is told %q, only:\n%s", want, all)
		}
	}
}

func historyMistakes() []change {
	return []change{
		{"a hyphen in a subject", func(s *sample) { s.reword(first, "–", "-") },
			[]string{"the subject of a milestone is fixed", "- feat: milestone 1 – basic HTTP server", "+ feat: milestone 1 - basic HTTP server"}},
		{"a milestone too many", func(s *sample) { s.reword(second, "milestone 2", "milestone 12") },
			[]string{"there are milestones 1 to 9 only"}},
		{"a milestone left out", func(s *sample) { s.reword(first, "feat: milestone 1", "feat: number 1") },
			[]string{"milestone 1 is missing before", "milestones/01-basics.md is a chapter without a commit"}},
		{"a second commit", func(s *sample) { s.reword(later, "fix: greet people without a name, too", subjects()[1]) },
			[]string{"milestone 2 has a second commit"}},
		{"the wrong order", func(s *sample) { s.commits[first], s.commits[second] = s.commits[second], s.commits[first] },
			[]string{"milestone 1 is missing before"}},
		{"a branch beside", func(s *sample) { s.commits[second].parents = []int{0}; s.commits[later].parents = []int{first, second} },
			[]string{"is not built upon milestone 1"}},
		{"a fixup not folded", func(s *sample) { s.reword(later, "fix: greet", "fixup! feat: milestone 1 – greet") },
			[]string{"still waits to be folded"}},
		{"no chapter", func(s *sample) { delete(s.commits[second].files, chapterTwo) },
			[]string{"has no chapter: write milestones/02-name.md"}},
		{"two chapters", func(s *sample) { s.commits[second].files["milestones/02-again.md"] = "" },
			[]string{"are chapters of the same milestone"}},
		{"too much Go", func(s *sample) { s.commits[second].files["long.go"] = "package main\n" + strings.Repeat("\n", 140) },
			[]string{"lines of Go without tests, its budget is 150"}},
		{"too much page", func(s *sample) { s.commits[first].files["static/style.css"] = strings.Repeat("p{}\n", 250) },
			[]string{"adds 253 lines to static/, its budget is 250"}},
	}
}

func excerptMistakes() []change {
	return []change{
		{"a letter in an excerpt", func(s *sample) { s.replace(second, chapterTwo, "// Hub counts", "// Hub count") },
			[]string{"milestones/02-hub.md:5: block ```go file=hub.go", "does not stand like this in hub.go of milestone 2 (", "- // Hub count who is here.\n+ // Hub counts who is here."}},
		{"the indentation", func(s *sample) { s.replace(second, chapterTwo, "\th.mu.Lock()\n```", "    h.mu.Lock()\n```") },
			[]string{"The nearest place has 1 of its 2 lines", "  func (h *Hub) Join() {\n-     h.mu.Lock()\n+ \th.mu.Lock()"}},
		{"pieces in another order", func(s *sample) {
			s.replace(second, chapterTwo, "…\nfunc (h *Hub)", "…\nimport (\n…\nfunc (h *Hub)")
		},
			[]string{"“import (” stands in hub.go of milestone 2", "before the piece above it"}},
		{"not the previous commit", func(s *sample) { s.replace(second, chapterTwo, "main.go at=previous", "main.go") },
			[]string{"- \tfmt.Println(greet(\"ada\"))\n+ \tfmt.Println(greet(\"bob\"))"}},
		{"nothing before the first", func(s *sample) {
			s.replace(later, "milestones/01-basics.md", "go file=main.go", "go file=main.go at=previous")
		},
			[]string{"milestone 1 has no milestone before it"}},
		{"a file that is not there", func(s *sample) { s.replace(second, chapterTwo, "go file=hub.go", "go file=hubs.go") },
			[]string{"there is no file hubs.go in milestone 2"}},
		{"an empty excerpt", func(s *sample) { s.replace(second, "README.md", "type Hub struct {\n\t// …\n}", "// …") },
			[]string{"README.md:3: block ```go file=hub.go", "quotes nothing"}},
		{"a letter in README.md", func(s *sample) { s.replace(second, "README.md", "type Hub", "type hub") },
			[]string{"README.md:3:", "in hub.go of the working tree", "- type hub struct {\n+ type Hub struct {"}},
	}
}

// The tests of the working tree are read from disk, uncommitted ones too.
func TestLearningsReadTheWorkingTree(t *testing.T) {
	c := newSample(t).build()
	if err := os.Remove(filepath.Join(c.dir, "hub_test.go")); err != nil {
		t.Fatal(err)
	}
	expectTold(t, checkLearnings(c), []string{"names TestJoin, and no *_test.go declares it"})
}

// What a reading list may name.
func TestKnownWords(t *testing.T) {
	known := knownWords(map[string]string{"hub.go": sampleHub, "static/chat.js": sampleScript})
	want := []string{"-addr", "Hub", "Hub.Join", "Hub.clients", "Hub.mu", "_", "box", "hub.go", "send", "static/", "static/chat.js"}
	if got := slices.Sorted(maps.Keys(known)); !slices.Equal(got, want) {
		t.Errorf("known words:\n- %q\n+ %q", want, got)
	}
}
