package milestones

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// worktree is a temporary checkout of one milestone, in which a claim is
// tried.
type worktree struct {
	ctx     context.Context
	dir     string
	port    string
	timeout string
}

// claim is something a slow check tries once. What has passed is remembered
// under the user's cache directory: neither the commit nor the Go version
// nor the text behind a key can change.
type claim struct{ kind, hash, text string }

func (c *course) cacheFile(what claim) string {
	key := fmt.Sprintf("rules 1\n%s\n%s\n%s %s/%s\n%s", what.kind, what.hash, runtime.Version(), runtime.GOOS, runtime.GOARCH, what.text)
	return filepath.Join(c.cacheDir, fmt.Sprintf("%s-%.12s-%.16x", what.kind, what.hash, sha256.Sum256([]byte(key))))
}

// verify tries a claim in a worktree of its own, unless it has passed before.
func (c *course) verify(what claim, try func(*worktree) []string) []string {
	passed := c.cacheFile(what)
	if _, err := os.Stat(passed); err == nil {
		return nil
	}
	problems, err := c.inWorktree(what.hash, try)
	if c.ctx.Err() != nil {
		return []string{"go test's own time ran out, the rest was not checked: run it again with -timeout 60m (what passed is remembered)"}
	}
	if err != nil {
		return append(problems, err.Error())
	}
	if len(problems) > 0 {
		return problems
	}
	if err := remember(passed); err != nil {
		return []string{err.Error()}
	}
	return nil
}

// cacheDir is where passes are remembered.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "go-real-time-chat-app"), err
}

func remember(passed string) error {
	if err := os.MkdirAll(filepath.Dir(passed), 0o755); err != nil {
		return err
	}
	return os.WriteFile(passed, nil, 0o644)
}

// inWorktree checks a commit out beside the checkout, and leaves no trace.
func (c *course) inWorktree(hash string, try func(*worktree) []string) ([]string, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	parent, err := os.MkdirTemp("", "course")
	if err != nil {
		return nil, err
	}
	w := &worktree{ctx: c.ctx, dir: filepath.Join(parent, "chat"), port: c.port, timeout: c.timeout}
	defer func() {
		os.RemoveAll(parent)
		c.git("worktree", "prune")
	}()
	if _, err := c.git("worktree", "add", "--quiet", "--detach", w.dir, hash); err != nil {
		return nil, err
	}
	return try(w), nil
}

// run runs a command in the worktree and returns all it printed. Processes
// that it leaves behind are ended.
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

// test runs one test alone. Its time-out is short: a deadlock has to be
// noticed by the test itself.
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

// doesNotCompile recognises what go test prints instead of running a test.
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
