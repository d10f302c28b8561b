package course

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// plan is what is fixed for a milestone before anyone writes it.
type plan struct {
	subject string
	code    int // most added lines of Go, without tests
	page    int // most added lines of the page
	words   int // most words of prose in the chapter
	breaks  int // fewest breaks in the chapter
}

// plans are the plans of all milestones, in their order.
func plans() []plan {
	return []plan{
		{"feat: milestone 1 – basic HTTP server", 150, 250, 1200, 1},
		{"feat: milestone 2 – simple WebSocket endpoint", 150, 250, 1200, 2},
		{"feat: milestone 3 – broadcast hub", 150, 250, 1200, 2},
		{"feat: milestone 4 – basic frontend UI", 150, 250, 1200, 1},
		{"feat: milestone 5 – disconnects and errors", 200, 250, 1800, 2},
		{"feat: milestone 6 – usernames", 200, 250, 1200, 1},
		{"feat: milestone 7 – persistence", 150, 250, 1800, 2},
		{"feat: milestone 8 – async features", 200, 250, 1800, 2},
		{"feat: milestone 9 – deployment", 150, 250, 1800, 1},
		{"feat: milestone 10 – never lose a message", 250, 300, 1800, 3},
		{"feat: milestone 11 – measure, then make it fast", 200, 250, 1800, 3},
		{"feat: milestone 12 – see inside", 250, 500, 1800, 2},
		{"feat: milestone 13 – many machines", 600, 250, 1800, 4},
	}
}

// planOf finds the plan of milestone n.
func planOf(n int) (plan, bool) {
	if all := plans(); n >= 1 && n <= len(all) {
		return all[n-1], true
	}
	return plan{}, false
}

func TestHistory(t *testing.T) {
	c := openCourse(t)
	c.report(t, slices.Concat(checkOrder(c), checkChapterPerCommit(c), checkBudgets(c)))
}

// checkOrder requires exactly one commit for each of the milestones 1…N, each
// an ancestor of the next.
func checkOrder(c *Course) []string {
	var problems []string
	seen := 0
	var before Commit
	for _, commit := range c.history {
		problems = append(problems, checkSubject(commit)...)
		if commit.Milestone == 0 {
			continue
		}
		switch {
		case commit.Milestone <= seen:
			problems = append(problems, fmt.Sprintf("milestone %d has a second commit, or comes after a later milestone: %.7s %q",
				commit.Milestone, commit.Hash, commit.Subject))
		case commit.Milestone != seen+1:
			problems = append(problems, fmt.Sprintf("milestone %d is missing before %.7s %q", seen+1, commit.Hash, commit.Subject))
		case seen > 0 && !c.isAncestor(before.Hash, commit.Hash):
			problems = append(problems, fmt.Sprintf("%s is not based on milestone %d: rebase it", commit, seen))
		}
		seen, before = max(seen, commit.Milestone), commit
	}
	return problems
}

func checkSubject(commit Commit) []string {
	if regexp.MustCompile(`^(fixup|squash|amend)! feat: milestone`).MatchString(commit.Subject) {
		return []string{fmt.Sprintf("%.7s %q is not folded into its milestone yet: git rebase --autosquash", commit.Hash, commit.Subject)}
	}
	if !strings.HasPrefix(commit.Subject, "feat: milestone") {
		return nil
	}
	want, ok := planOf(commit.Milestone)
	if !ok {
		return []string{fmt.Sprintf("%.7s %q: there are only milestones 1 to %d", commit.Hash, commit.Subject, len(plans()))}
	}
	if commit.Subject != want.subject {
		return []string{fmt.Sprintf("%.7s: the subject of a milestone is fixed\n- %s\n+ %s", commit.Hash, want.subject, commit.Subject)}
	}
	return nil
}

// isAncestor walks from the younger commit towards the root.
func (c *Course) isAncestor(older, younger string) bool {
	reached := map[string]bool{younger: true}
	for _, commit := range slices.Backward(c.history) { // children come before their parents
		if reached[commit.Hash] {
			for _, parent := range commit.parents {
				reached[parent] = true
			}
		}
	}
	return reached[older]
}

func checkChapterPerCommit(c *Course) []string {
	var problems []string
	chapters := map[int]string{}
	for _, chapter := range c.Chapters {
		if other, twice := chapters[chapter.Number]; twice {
			problems = append(problems, fmt.Sprintf("%s and %s are chapters of the same milestone", other, chapter.Name))
		}
		chapters[chapter.Number] = chapter.Name
		if _, ok := c.Milestone(chapter.Number); !ok {
			problems = append(problems, fmt.Sprintf("%s is a chapter without a commit: there is no %q in the history",
				chapter.Name, fmt.Sprintf("feat: milestone %d – …", chapter.Number)))
		}
	}
	for _, commit := range c.history {
		if commit.Milestone != 0 && chapters[commit.Milestone] == "" {
			problems = append(problems, fmt.Sprintf("%q has no chapter: write milestones/%02d-name.md", commit.Subject, commit.Milestone))
		}
	}
	return problems
}

// checkBudgets keeps each milestone as short as its plan says: a reader should
// get through it in one sitting.
func checkBudgets(c *Course) []string {
	var problems []string
	for _, commit := range c.history {
		budget, ok := planOf(commit.Milestone)
		if !ok {
			continue
		}
		code, page := countAdded(commit.added)
		if code > budget.code {
			problems = append(problems, fmt.Sprintf("%q adds %d lines of Go without tests, its budget is %d: move something to a commit of its own",
				commit.Subject, code, budget.code))
		}
		if page > budget.page {
			problems = append(problems, fmt.Sprintf("%q adds %d lines to static/ and lab/, its budget is %d: move something to a commit of its own",
				commit.Subject, page, budget.page))
		}
	}
	return problems
}

// countAdded counts the added lines that a reader of the milestone has to
// read: the program, that is the Go files at the top level, and its pages. The
// engine of the course, the browser tests and the benchmarks do not count.
func countAdded(added map[string]int) (code, page int) {
	for name, lines := range added {
		switch {
		case strings.HasPrefix(name, "static/"), strings.HasPrefix(name, "lab/"):
			page += lines
		case path.Dir(name) == "." && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			code += lines
		}
	}
	return code, page
}
