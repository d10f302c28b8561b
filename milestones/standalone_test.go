package milestones

import (
	"fmt"
	"strings"
	"testing"
)

func TestEveryCommitStandsAlone(t *testing.T) {
	c := openSlowCourse(t)
	c.report(t, checkStandalone(c))
}

// checkStandalone gives every milestone the checks a reader would run there.
func checkStandalone(c *course) []string {
	var problems []string
	for _, one := range c.commits {
		if one.milestone == 0 {
			continue
		}
		problems = append(problems, c.verify(claim{"standalone", one.hash, ""}, func(w *worktree) []string {
			return standsAlone(w, one)
		})...)
	}
	return problems
}

func standsAlone(w *worktree, one commit) []string {
	steps := []struct {
		command string
		silent  bool // it reports by printing, not by its exit code
	}{
		{"gofmt -l .", true},
		{"go vet ./...", false},
		{"go build ./...", false},
		{"go mod tidy -diff", true},
		{"go test -race -count=1 ./...", false},
	}
	var problems []string
	for _, step := range steps {
		command := strings.Fields(step.command)
		out, err := w.run("", command[0], command[1:]...)
		if err == nil && (!step.silent || strings.TrimSpace(out) == "") {
			continue
		}
		problems = append(problems, fmt.Sprintf("milestone %d (%.7s) does not stand alone: %s says\n%s",
			one.milestone, one.hash, step.command, shorten(out)))
	}
	return problems
}
