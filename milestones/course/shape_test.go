package course

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestChapterShape(t *testing.T) {
	c := openCourse(t)
	var problems []string
	for _, chapter := range c.Chapters {
		problems = append(problems, checkShape(chapter)...)
	}
	c.report(t, problems)
}

// checkShape checks everything about a chapter that does not need its commit.
func checkShape(chapter *Document) []string {
	return slices.Concat(checkMarkup(chapter), checkSequence(chapter), checkHeadings(chapter),
		checkLength(chapter), checkStand(chapter), checkLineNumbers(chapter))
}

// checkHeadings requires the same headings in every chapter, in the same order.
// A chapter may have other headings between them.
func checkHeadings(chapter *Document) []string {
	required := []string{"## Stand on this commit", "## The problem", "## Read", "## The idea", "## Decided against",
		"## Predict", "## Break it", "## Build it", "## Not yet", "## Questions"}
	title := fmt.Sprintf("# Milestone %d: ", chapter.Number)
	if len(chapter.headings) == 0 || !strings.HasPrefix(chapter.headings[0].text, title) {
		return []string{fmt.Sprintf("%s:1: the chapter begins with %q", chapter.Name, title+"…")}
	}
	var problems []string
	rest := chapter.headings[1:]
	for _, want := range required {
		i := slices.IndexFunc(rest, func(l line) bool { return strings.TrimSpace(l.text) == want })
		if i < 0 {
			problems = append(problems, fmt.Sprintf("%s: the heading %q is missing, or not in this order:\n  %s",
				chapter.Name, want, strings.Join(required, "\n  ")))
			continue
		}
		rest = rest[i+1:]
	}
	return problems
}

// checkLength keeps chapters short, and requires code near their beginning.
func checkLength(chapter *Document) []string {
	var problems []string
	if p, ok := planOf(chapter.Number); ok && (chapter.words < 600 || chapter.words > p.words) {
		problems = append(problems, fmt.Sprintf("%s: has %d words of prose, should have 600 to %d (blocks, tables and HTML tags do not count)",
			chapter.Name, chapter.words, p.words))
	}
	i := slices.IndexFunc(chapter.Blocks, func(b *Block) bool { return isCode(b.Lang) })
	if i < 0 {
		return append(problems, fmt.Sprintf("%s: shows no code; the first 150 words should have some", chapter.Name))
	}
	if first := chapter.Blocks[i]; first.wordsBefore >= 150 {
		problems = append(problems, first.problem("the first code comes after %d words, and should come within the first 150", first.wordsBefore))
	}
	return problems
}

// checkStand requires the command that gives a reader exactly this commit.
func checkStand(chapter *Document) []string {
	want := fmt.Sprintf("go run ./milestones start %d\n", chapter.Number)
	var text strings.Builder
	for _, l := range chapter.prose {
		if l.section == "## Stand on this commit" {
			text.WriteString(l.text + "\n")
		}
	}
	for _, b := range chapter.Blocks {
		if b.Section == "## Stand on this commit" {
			text.WriteString(strings.Join(b.Body, "\n") + "\n")
		}
	}
	if strings.Contains(text.String(), want) {
		return nil
	}
	return []string{fmt.Sprintf("%s: under ## Stand on this commit the command is missing:\n- %s", chapter.Name, want)}
}

// checkLineNumbers refuses line numbers: they are wrong after the next edit, and
// readers notice it only when they are lost.
func checkLineNumbers(doc *Document) []string {
	reference := regexp.MustCompile(`(?i)\blines? \d+|\.(go|js|css|html|sql|toml|yaml|md):\d+|#L\d+`)
	var problems []string
	for _, l := range doc.prose {
		if found := reference.FindString(l.text); found != "" {
			problems = append(problems, fmt.Sprintf("%s:%d: %q is a line number: name the function or quote the line instead",
				doc.Name, l.number, found))
		}
	}
	return problems
}

// isCode reports whether a block in this language claims to quote a file.
func isCode(lang string) bool {
	return slices.Contains([]string{"go", "js", "sql", "css", "html", "toml", "yaml", "dockerfile"}, lang)
}

// allowed lists the attributes of a language; those that need a value end in
// "=".
func allowed(lang string) ([]string, bool) {
	switch {
	case isCode(lang):
		return []string{"file=", "at=", "from="}, true
	case lang == "diff":
		return []string{"break=", "race", "build=", "compile", "solution=", "rule="}, true
	case lang == "console":
		return []string{"at=", "unchecked"}, true
	case lang == "text":
		return []string{"fails", "hint"}, true
	}
	return nil, lang == "" || lang == "mermaid"
}

// checkMarkup refuses a block that no other check would look at. Otherwise a
// typo after the opening fence would turn a claim into decoration.
func checkMarkup(doc *Document) []string {
	problems := slices.Clone(doc.faults)
	for _, b := range doc.Blocks {
		attributes, known := allowed(b.Lang)
		if !known {
			problems = append(problems, b.problem("unknown language %q: known are go, js, sql, css, html, toml, yaml, dockerfile,"+
				" diff, console, text, mermaid",
				b.Lang))
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(b.Attrs)) {
			if value := b.Attrs[key]; !slices.Contains(attributes, written(key, value)) {
				problems = append(problems, b.problem("unknown attribute %q: a %s block knows %s",
					written(key, value)+value, b.Lang, strings.Join(attributes, ", ")))
			}
		}
		if wrong := combination(b, doc.Number > 0); wrong != "" {
			problems = append(problems, b.problem("%s", wrong))
		}
	}
	return problems
}

func written(key, value string) string {
	if value == "" {
		return key
	}
	return key + "="
}

// combination says which attributes of a block do not go together.
func combination(b *Block, chapter bool) string {
	kinds := 0
	for _, kind := range []string{"break", "build", "solution", "rule"} {
		if b.Has(kind) {
			kinds++
		}
	}
	switch {
	case isCode(b.Lang) && b.Has("file") == b.Has("from"):
		return "code needs its source: file=… or from=elsewhere"
	case b.Has("from") && b.Attrs["from"] != "elsewhere":
		return "from= knows only from=elsewhere"
	case b.Has("at") && (b.Attrs["at"] != "previous" || b.Has("from") || !chapter):
		return "at= knows only at=previous, in a chapter, for a file of this project"
	case b.Lang == "diff" && !chapter:
		return "a diff belongs in a chapter, where it is tried"
	case b.Lang == "diff" && kinds != 1:
		return "a diff has one of break=TestX, build=TestX, solution=TestX, rule=TestX (make a diff that is only shown a text block)"
	case b.Has("race") && !b.Has("break"), b.Has("compile") && !b.Has("build"):
		return "race belongs to break=, compile to build="
	case b.Lang == "console" && !b.Has("unchecked") && strings.Contains(strings.Join(b.Body, "\n"), "git switch") && chapter:
		return "git switch would move the worktree of the check: mark the block unchecked"
	}
	return ""
}

// checkSequence checks the blocks that need each other.
func checkSequence(doc *Document) []string {
	var problems []string
	built := map[string]bool{}
	solved := map[string]bool{}
	for i, b := range doc.Blocks {
		previous, next := doc.block(i-1), doc.block(i+1)
		if b.Has("break") && (!next.Has("fails") || strings.Trim(strings.Join(next.Body, ""), "… \t") == "") {
			problems = append(problems, b.problem("the next block must be ```text fails, with lines of what the broken test prints"))
		}
		if b.Has("fails") && !previous.Has("break") {
			problems = append(problems, b.problem("a fails block must be the next block after its diff break=TestX"))
		}
		if test := b.Attrs["build"]; test != "" {
			built[test] = true
		}
		if test := b.Attrs["solution"]; test != "" {
			solved[test] = true
			if !built[test] || !b.Folded {
				problems = append(problems, b.problem("a solution must come after the diff build=%s, inside <details>", test))
			}
		}
	}
	for _, b := range doc.Blocks {
		if test := b.Attrs["build"]; test != "" && !solved[test] {
			problems = append(problems, b.problem("a diff solution=%s is missing", test))
		}
	}
	return slices.Concat(problems, checkExercises(doc), checkHints(doc), checkRule(doc))
}

// checkHints requires three hints between the exercise and its solution.
func checkHints(doc *Document) []string {
	exercise := doc.exercise()
	if doc.Number == 0 || exercise == nil {
		return nil
	}
	var problems []string
	hints, solution := doc.hints(), solutionOf(doc, exercise.Attrs["build"])
	if len(hints) != 3 {
		problems = append(problems, exercise.problem("needs three hints (```text hint) before its solution, has %d", len(hints)))
	}
	for _, hint := range hints {
		if !hint.Folded || hint.number < exercise.number || hint.number > solution.number {
			problems = append(problems, hint.problem("a hint is inside <details>, between the exercise and its solution"))
		}
	}
	return problems
}

// checkRule wants the hidden test in a file of its own, so that it applies to
// whatever a learner has written.
func checkRule(doc *Document) []string {
	rules := doc.blocksWith(func(b *Block) bool { return b.Has("rule") })
	var problems []string
	for i, rule := range rules {
		adds := len(rule.Body) > 1 && slices.Contains(rule.Body[:min(len(rule.Body), 6)], "--- /dev/null")
		if i > 0 || !rule.Folded || !adds || len(filesOf(rule)) != 1 {
			problems = append(problems, rule.problem("a chapter has at most one rule=TestX; it is inside <details>, and adds one new file"))
		}
	}
	return problems
}

// checkExercises counts the diffs to break and to build something.
func checkExercises(doc *Document) []string {
	breaks, builds := 0, 0
	for _, b := range doc.Blocks {
		if b.Has("break") {
			breaks++
		}
		if b.Has("build") {
			builds++
		}
	}
	var problems []string
	if p, ok := planOf(doc.Number); ok && breaks < p.breaks {
		problems = append(problems, fmt.Sprintf("%s: has %d diff break=TestX, needs at least %d", doc.Name, breaks, p.breaks))
	}
	if builds < 1 {
		problems = append(problems, fmt.Sprintf("%s: has no diff build=TestX", doc.Name))
	}
	return problems
}
