package course

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// start checks out the milestone in the learner's directory, on a branch of its
// own. If the branch is there already, it has the learner's commits, and start
// continues with them.
func (c *command) start([]string) error {
	n := c.chapter.Number
	place := c.place(n)
	if c.started(n) {
		c.print("Milestone %d is in %s already, with what you have done there.\n", n, place)
		c.showStart()
		return nil
	}
	if _, err := os.Stat(c.path(n)); !errors.Is(err, fs.ErrNotExist) {
		return complaint(fmt.Sprintf("%s is there, but it is not a worktree of git. Move it away, then try again.", place))
	}
	where := []string{"-b", place, place, c.commit.Hash}
	if _, err := c.git("rev-parse", "--verify", "--quiet", "refs/heads/"+place); err == nil {
		where = []string{place, place}
	}
	whole, err := filepath.Abs(c.path(n))
	if err != nil {
		return err
	}
	// git still knows a directory that the learner has deleted. The path has to be a
	// whole one: git would also take another worktree whose path ends the same.
	c.git("worktree", "remove", whole)
	if _, err := c.git(append([]string{"worktree", "add", "--quiet"}, where...)...); err != nil {
		return fmt.Errorf("cannot get milestone %d: %w", n, err)
	}
	c.print("Milestone %d, %s, is now in %s, on a branch of the same name.\nBoth are yours: change what you like.\n", n, c.chapter.title(), place)
	c.showStart()
	return nil
}

func (c *command) showStart() {
	n := c.chapter.Number
	c.print(`
  its chapter      %s
  run it           go run -C %s .
  its tests        go test -C %s -race .
  what it changed  go run ./milestones diff %d
`, c.chapter.Name, c.place(n), c.place(n), n)
	c.suggest()
}

// diff shows what the milestone changed, in the order in which the chapter says
// to read it. git itself decides whether to use colour: only on a terminal.
func (c *command) diff([]string) error {
	parent := c.commit.Hash + "^"
	files, err := c.git("diff", "--name-only", parent, c.commit.Hash, "--",
		":!*_test.go", ":!milestones", ":!browser", ":!screenshots", ":!*.md", ":!go.sum")
	if err != nil {
		return err
	}
	for _, file := range c.inReadingOrder(strings.Split(strings.TrimSpace(files), "\n")) { // git would sort them by name
		cmd := exec.CommandContext(c.ctx, "git", "--no-pager", "diff", "--no-ext-diff", parent, c.commit.Hash, "--", file)
		cmd.Dir, cmd.Env = c.dir, cleanEnv()
		cmd.Stdout, cmd.Stderr = c.out, c.out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("git diff of %s: %w", file, err)
		}
	}
	c.print("\nThis is milestone %d without its tests and documents. %s says why (\"Read\").\n", c.chapter.Number, c.chapter.Name)
	return nil
}

// inReadingOrder puts the files that "Read" names first, in the order in which it
// names them.
func (c *command) inReadingOrder(files []string) []string {
	var reading strings.Builder
	for _, l := range c.chapter.prose {
		if l.section == "## Read" {
			reading.WriteString(l.text + "\n")
		}
	}
	position := func(file string) int {
		i := strings.Index(reading.String(), "`"+file+"`")
		if i < 0 {
			i = strings.Index(reading.String(), "`"+path.Dir(file)+"/`")
		}
		if i < 0 {
			i = reading.Len()
		}
		return i
	}
	slices.SortStableFunc(files, func(a, b string) int { return cmp.Compare(position(a), position(b)) })
	return files
}
