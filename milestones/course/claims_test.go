package course

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

func TestBreakIt(t *testing.T) {
	ctx, c := openSlowCourse(t)
	c.report(t, checkBreaks(ctx, c))
}

func TestBuildIt(t *testing.T) {
	ctx, c := openSlowCourse(t)
	c.report(t, checkBuilds(ctx, c))
}

func TestOutputs(t *testing.T) {
	ctx, c := openSlowCourse(t)
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash runs the console blocks, and there is no bash here")
	}
	c.report(t, checkOutputs(ctx, c))
}

func checkBreaks(ctx context.Context, c *Course) []string  { return tryAll(ctx, c, "break") }
func checkBuilds(ctx context.Context, c *Course) []string  { return tryAll(ctx, c, "build") }
func checkOutputs(ctx context.Context, c *Course) []string { return tryAll(ctx, c, "output") }

// tryAll tries all claims of a kind, one at a time: console blocks share a port.
func tryAll(ctx context.Context, c *Course, kind string) []string {
	var problems []string
	for _, chapter := range c.Chapters {
		for _, b := range chapter.Blocks {
			if b.kind() == kind {
				problems = append(problems, c.Try(ctx, chapter, b)...)
			}
		}
	}
	return problems
}

func TestEveryCommitStandsAlone(t *testing.T) {
	ctx, c := openSlowCourse(t)
	c.report(t, checkStandalone(ctx, c))
}

// checkStandalone runs at every milestone what a reader would run there.
func checkStandalone(ctx context.Context, c *Course) []string {
	var problems []string
	for _, commit := range c.history {
		if commit.Milestone == 0 {
			continue
		}
		problems = append(problems, c.verify(ctx, claim{"standalone", commit.Hash, ""}, func(w *worktree) []string {
			return standsAlone(w, commit)
		})...)
	}
	return problems
}

func standsAlone(w *worktree, commit Commit) []string {
	steps := []struct {
		command string
		silent  bool // it fails by printing something, not by its exit code
	}{
		{"gofmt -l .", true},
		{"go vet ./...", false},
		{"go build ./...", false},
		{"go mod tidy -diff", false},
		{"go test -race -count=1 ./...", false},
	}
	var problems []string
	for _, step := range steps {
		command := strings.Fields(step.command)
		out, err := w.run("", command[0], command[1:]...)
		if err == nil && (!step.silent || strings.TrimSpace(out) == "") {
			continue
		}
		problems = append(problems, fmt.Sprintf("%s does not stand alone: %s says\n%s", commit, step.command, shorten(out)))
	}
	return problems
}
