package course

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// worktree is a temporary checkout of one commit, in which one claim is tried.
type worktree struct {
	ctx     context.Context // ends with the time for this claim
	dir     string
	port    string
	timeout string
}

// inWorktree checks out a commit outside the project's directory, and removes
// the worktree afterwards.
func (c *Course) inWorktree(ctx context.Context, hash string, try func(*worktree) []string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	parent, err := os.MkdirTemp("", "course")
	if err != nil {
		return nil, err
	}
	w := &worktree{ctx: ctx, dir: filepath.Join(parent, "chat"), port: c.port, timeout: c.timeout}
	defer func() {
		os.RemoveAll(parent)
		c.git("worktree", "prune")
	}()
	if _, err := c.git("worktree", "add", "--quiet", "--detach", w.dir, hash); err != nil {
		return nil, err
	}
	return try(w), nil
}

// run runs a command in the worktree and returns everything it printed. It
// kills the processes that the command leaves behind.
func (w *worktree) run(stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(w.ctx, name, args...)
	cmd.Dir, cmd.Env = w.dir, cleanEnv()
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ownGroup(cmd)
	cmd.Cancel = func() error { return endGroup(cmd) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if cmd.Process != nil {
		endGroup(cmd)
	}
	return out.String(), err
}

// apply applies a diff as a reader would.
func (w *worktree) apply(diff []string) (string, error) {
	return w.run(strings.Join(diff, "\n")+"\n", "git", "apply", "--whitespace=nowarn", "-")
}

// test runs one test. Its timeout is short, because the test itself must
// detect a deadlock.
func (w *worktree) test(name string, race bool) (string, error) {
	count := "-count=1"
	if race {
		count = "-count=20"
	}
	return w.run("", "go", "test", "-race", count, "-timeout", w.timeout, "-run", testPattern(name), ".")
}

// testPattern matches exactly one test or subtest.
func testPattern(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

// doesNotCompile recognises what go test prints if it cannot build a test.
func doesNotCompile(out string) bool {
	return strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]")
}

func ranNothing(out string) bool {
	return strings.Contains(out, "no tests to run") || strings.Contains(out, "[no test files]")
}

// shorten keeps the beginning and the end of a long output.
func shorten(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) > 50 {
		lines = append(append(lines[:25:25], "  […]"), lines[len(lines)-25:]...)
	}
	return "  | " + strings.Join(lines, "\n  | ")
}
