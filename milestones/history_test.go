package milestones

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// subjects are the milestones in their order.
func subjects() []string {
	return []string{
		"feat: milestone 1 – basic HTTP server",
		"feat: milestone 2 – simple WebSocket endpoint",
		"feat: milestone 3 – broadcast hub",
		"feat: milestone 4 – basic frontend UI",
		"feat: milestone 5 – disconnects and errors",
		"feat: milestone 6 – usernames",
		"feat: milestone 7 – persistence",
		"feat: milestone 8 – async features",
		"feat: milestone 9 – deployment",
	}
}

// commit is what the checks know of one commit.
type commit struct {
	hash, subject, body string
	parents             []string
	fixes               []string       // values of its Fixes-Milestone trailers
	added               map[string]int // added lines by path
	milestone           int            // 0 for an ordinary commit
}

// readCommits reads the history of HEAD, oldest first, with one process.
func readCommits(r *repo) ([]commit, error) {
	format := "--format=%x1e%H%x1f%P%x1f%s%x1f%(trailers:key=Fixes-Milestone,valueonly,separator=%x20)%x1f%b%x1f"
	log, err := r.git("log", "--topo-order", "--reverse", "--no-renames", "--numstat", format, "HEAD")
	if err != nil {
		return nil, err
	}
	var commits []commit
	for record := range strings.SplitSeq(log, "\x1e") {
		fields := strings.Split(record, "\x1f")
		if len(fields) != 6 {
			continue
		}
		commits = append(commits, commit{
			hash: fields[0], parents: strings.Fields(fields[1]), subject: fields[2],
			fixes: strings.Fields(fields[3]), body: fields[4], added: readNumstat(fields[5]),
			milestone: milestoneNumber(fields[2]),
		})
	}
	return commits, nil
}

func readNumstat(text string) map[string]int {
	added := map[string]int{}
	for line := range strings.Lines(text) {
		if fields := strings.SplitN(strings.TrimSpace(line), "\t", 3); len(fields) == 3 {
			added[fields[2]], _ = strconv.Atoi(fields[0]) // "-" for a binary file: no lines
		}
	}
	return added
}

// milestoneNumber takes a subject for a milestone as soon as it begins like
// one, so that a slip later in it is reported rather than overlooked.
func milestoneNumber(subject string) int {
	found := regexp.MustCompile(`^feat: milestone (\d+)\b`).FindStringSubmatch(subject)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

func TestHistory(t *testing.T) {
	c := openCourse(t)
	c.report(t, slices.Concat(checkOrder(c), checkChapterPerCommit(c), checkBudgets(c)))
}

// checkOrder demands exactly one commit for each of the milestones 1…N, each
// an ancestor of the next.
func checkOrder(c *course) []string {
	var problems []string
	seen := 0
	var before commit
	for _, one := range c.commits {
		problems = append(problems, checkSubject(one)...)
		if one.milestone == 0 {
			continue
		}
		switch {
		case one.milestone <= seen:
			problems = append(problems, fmt.Sprintf("milestone %d has a second commit, or comes after a later one: %.7s %q",
				one.milestone, one.hash, one.subject))
		case one.milestone != seen+1:
			problems = append(problems, fmt.Sprintf("milestone %d is missing before %.7s %q", seen+1, one.hash, one.subject))
		case seen > 0 && !c.isAncestor(before.hash, one.hash):
			problems = append(problems, fmt.Sprintf("milestone %d (%.7s) is not built upon milestone %d: rebase it", one.milestone, one.hash, seen))
		}
		seen, before = max(seen, one.milestone), one
	}
	return problems
}

func checkSubject(one commit) []string {
	if regexp.MustCompile(`^(fixup|squash|amend)! feat: milestone`).MatchString(one.subject) {
		return []string{fmt.Sprintf("%.7s %q still waits to be folded into its milestone: git rebase --autosquash", one.hash, one.subject)}
	}
	if !strings.HasPrefix(one.subject, "feat: milestone") {
		return nil
	}
	known := subjects()
	if one.milestone < 1 || one.milestone > len(known) {
		return []string{fmt.Sprintf("%.7s %q: there are milestones 1 to %d only", one.hash, one.subject, len(known))}
	}
	if want := known[one.milestone-1]; one.subject != want {
		return []string{fmt.Sprintf("%.7s: the subject of a milestone is fixed\n- %s\n+ %s", one.hash, want, one.subject)}
	}
	return nil
}

// isAncestor walks from the younger commit towards the root.
func (c *course) isAncestor(older, younger string) bool {
	reached := map[string]bool{younger: true}
	for _, one := range slices.Backward(c.commits) { // children come before their parents
		if reached[one.hash] {
			for _, parent := range one.parents {
				reached[parent] = true
			}
		}
	}
	return reached[older]
}

func checkChapterPerCommit(c *course) []string {
	var problems []string
	chapters := map[int]string{}
	for _, chapter := range c.chapters {
		if other, twice := chapters[chapter.number]; twice {
			problems = append(problems, fmt.Sprintf("%s and %s are chapters of the same milestone", other, chapter.name))
		}
		chapters[chapter.number] = chapter.name
		if _, ok := c.milestone(chapter.number); !ok {
			problems = append(problems, fmt.Sprintf("%s is a chapter without a commit: there is no %q in the history",
				chapter.name, fmt.Sprintf("feat: milestone %d – …", chapter.number)))
		}
	}
	for _, one := range c.commits {
		if one.milestone != 0 && chapters[one.milestone] == "" {
			problems = append(problems, fmt.Sprintf("%q has no chapter: write milestones/%02d-name.md", one.subject, one.milestone))
		}
	}
	return problems
}
