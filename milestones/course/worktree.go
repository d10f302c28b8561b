package course

import (
	"bytes"
	"context"
	"fmt"
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

	withoutRace bool // there is no C compiler
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
	defer func() { // not with prune, which forgets the learner's worktrees after the project has moved
		c.git("worktree", "remove", "--force", w.dir)
		os.RemoveAll(parent)
	}()
	if _, err := c.git("worktree", "add", "--quiet", "--detach", w.dir, hash); err != nil {
		return nil, err
	}
	return try(w), nil
}

// run runs a command in the worktree and returns everything it printed. It
// kills the processes that the command leaves behind.
func (w *worktree) run(stdin, name string, args ...string) (string, error) {
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = w.dir
	cmd.Env = append(cleanEnv(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(w.dir)) // a temporary directory may be in a repository
	cmd.Stdin = strings.NewReader(stdin)
	out := &output{stop: cancel}
	cmd.Stdout, cmd.Stderr = out, out
	ownGroup(cmd)
	cmd.Cancel = func() error { return endGroup(cmd) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if cmd.Process != nil {
		endGroup(cmd)
	}
	if out.full() {
		out.text.WriteString("\nstopped: it printed more than 4 MB\n")
	}
	return out.text.String(), err
}

// output collects what a command prints. It stops a command that prints without end.
type output struct {
	text bytes.Buffer
	stop func()
}

func (o *output) Write(p []byte) (int, error) {
	if o.full() {
		o.stop()
		return len(p), nil
	}
	return o.text.Write(p)
}

func (o *output) full() bool { return o.text.Len() > 4<<20 }

// apply applies a diff as a reader would.
func (w *worktree) apply(diff []string) (string, error) {
	return w.run(strings.Join(diff, "\n")+"\n", "git", "apply", "--whitespace=nowarn", "-")
}

// applies reports whether a diff would apply. With --reverse, it would if it is
// applied already.
func (w *worktree) applies(diff []string, options ...string) (string, error) {
	args := append([]string{"apply", "--check", "--whitespace=nowarn"}, options...)
	return w.run(strings.Join(diff, "\n")+"\n", "git", append(args, "-")...)
}

// test runs one test, or all of them if the name is empty. The timeout of one test
// is short, because the test itself must detect a deadlock. All of them may take
// a minute on a slow machine.
func (w *worktree) test(name string, race bool) (string, error) {
	count, timeout := "-count=1", w.timeout
	if race {
		count = "-count=20"
	}
	if name == "" {
		timeout = "3m"
	}
	detector := fmt.Sprintf("-race=%t", !w.withoutRace)
	// With -v, the output comes while the test runs, so that run can stop it.
	return w.run("", "go", "test", "-v", detector, count, "-timeout", timeout, "-run", testPattern(name), ".")
}

// testPattern matches exactly one test or subtest, or everything if there is no
// name.
func testPattern(name string) string {
	if name == "" {
		return ""
	}
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
