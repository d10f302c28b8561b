package course

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every check is a function from a course to a list of problems, so that the
// self-tests can see each of them fail on a sample course.

// openCourse loads the course of this project, or skips the test and says what
// is missing. With CI=true it fails instead: there, a skip would look like a
// pass.
func openCourse(t *testing.T) *Course {
	t.Helper()
	c, err := Load(filepath.Join("..", ".."))
	if why, ok := errors.AsType[missingHistory](err); ok && os.Getenv("CI") != "true" {
		t.Skip(why)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := c.noteHead(); err != nil {
		t.Fatal(err)
	}
	return c
}

// openSlowCourse is openCourse for the checks that compile and run every
// milestone. Its context ends a little before the timeout of go test, so that
// no worktree and no server is left behind.
func openSlowCourse(t *testing.T) (context.Context, *Course) {
	t.Helper()
	if os.Getenv("CHAT_COURSE") != "1" {
		t.Skip("this check compiles and runs every milestone, which takes minutes: set CHAT_COURSE=1 to run it")
	}
	c, ctx := openCourse(t), t.Context()
	if end, ok := t.Deadline(); ok {
		limited, cancel := context.WithDeadline(ctx, end.Add(-15*time.Second))
		t.Cleanup(cancel)
		ctx = limited
	}
	return ctx, c
}

// noteHead looks at the files that change with HEAD. go test repeats an old
// "ok" as "(cached)" until a file changes that the test has looked at, and it
// does not know which files git has read.
func (r *repo) noteHead() error {
	paths, err := r.git("rev-parse", "--git-path", "HEAD", "--git-path", "logs/HEAD", "--git-path", "packed-refs")
	for path := range strings.FieldsSeq(paths) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(r.dir, path)
		}
		os.Stat(path)
	}
	return err
}

// last is the number of the newest milestone.
func (c *Course) last() int {
	newest := 0
	for _, commit := range c.history {
		newest = max(newest, commit.Milestone)
	}
	return newest
}

// report fails the test with the problems, or logs what was checked.
func (c *Course) report(t *testing.T, problems []string) {
	t.Helper()
	for _, problem := range problems {
		t.Errorf("\n%s\n", strings.TrimRight(problem, "\n"))
	}
	if len(problems) == 0 && c.last() == 0 {
		t.Skip("there is no milestone commit yet, so there is nothing to check")
	}
	t.Logf("checked milestones 1 to %d", c.last())
}
