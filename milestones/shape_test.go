package milestones

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestChapterShape(t *testing.T) {
	c := openCourse(t)
	var problems []string
	for _, chapter := range c.chapters {
		problems = append(problems, checkShape(chapter)...)
	}
	c.report(t, problems)
}

// checkShape is all that can be said of a chapter without its commit.
func checkShape(chapter *document) []string {
	return slices.Concat(checkMarkup(chapter), checkSequence(chapter), checkHeadings(chapter),
		checkLength(chapter), checkStand(chapter), checkLineNumbers(chapter))
}

// checkHeadings demands the same way through every chapter. Further headings
// may stand between.
func checkHeadings(chapter *document) []string {
	required := []string{"## Stand on this commit", "## The problem", "## Read", "## The idea", "## Decided against",
		"## Predict", "## Break it", "## Build it", "## Not yet", "## Questions"}
	title := fmt.Sprintf("# Milestone %d: ", chapter.number)
	if len(chapter.headings) == 0 || !strings.HasPrefix(chapter.headings[0].text, title) {
		return []string{fmt.Sprintf("%s:1: the chapter begins with %q", chapter.name, title+"…")}
	}
	var problems []string
	rest := chapter.headings[1:]
	for _, want := range required {
		i := slices.IndexFunc(rest, func(l line) bool { return strings.TrimSpace(l.text) == want })
		if i < 0 {
			problems = append(problems, fmt.Sprintf("%s: the heading %q is missing, or not in this order:\n  %s",
				chapter.name, want, strings.Join(required, "\n  ")))
			continue
		}
		rest = rest[i+1:]
	}
	return problems
}

// checkLength keeps chapters short, and code near their beginning.
func checkLength(chapter *document) []string {
	most := 1200
	if slices.Contains([]int{5, 7, 8, 9}, chapter.number) {
		most = 1800
	}
	var problems []string
	if chapter.words < 600 || chapter.words > most {
		problems = append(problems, fmt.Sprintf("%s: has %d words of prose, should have 600 to %d (outside of blocks, tables and HTML tags)",
			chapter.name, chapter.words, most))
	}
	i := slices.IndexFunc(chapter.blocks, func(b *block) bool { return isCode(b.lang) })
	if i < 0 {
		return append(problems, fmt.Sprintf("%s: shows no code; the first belongs into the first 150 words", chapter.name))
	}
	if first := chapter.blocks[i]; first.wordsBefore >= 150 {
		problems = append(problems, first.problem("the first code comes after %d words, it belongs into the first 150", first.wordsBefore))
	}
	return problems
}

// checkStand wants the command that brings a reader to exactly this commit,
// also from an earlier detached one.
func checkStand(chapter *document) []string {
	want := fmt.Sprintf(`git switch --detach "main^{/^feat: milestone %d }"`, chapter.number)
	var text strings.Builder
	text.WriteString(chapter.sectionText("## Stand on this commit"))
	for _, b := range chapter.blocks {
		if b.section == "## Stand on this commit" {
			text.WriteString(strings.Join(b.body, "\n") + "\n")
		}
	}
	if strings.Contains(text.String(), want) {
		return nil
	}
	return []string{fmt.Sprintf("%s: under ## Stand on this commit the command is missing:\n- %s", chapter.name, want)}
}

// checkLineNumbers refuses them: they are wrong after the next edit, and no
// reader notices before being lost.
func checkLineNumbers(doc *document) []string {
	reference := regexp.MustCompile(`(?i)\blines? \d+|\.(go|js|css|html|sql|toml|yaml|md):\d+|#L\d+`)
	var problems []string
	for _, l := range doc.prose {
		if found := reference.FindString(l.text); found != "" {
			problems = append(problems, fmt.Sprintf("%s:%d: %q is a line number: name the function or quote the line instead",
				doc.name, l.number, found))
		}
	}
	return problems
}
