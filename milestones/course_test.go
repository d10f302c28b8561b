// Package milestones holds the chapters of the course, and the tests that
// hold the chapters against the history they tell of. WRITING.md says how a
// chapter is marked up so that they can.
package milestones

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// course is everything the checks look at: the commits up to HEAD and the
// chapters of the working tree. Every check is a function from a course to a
// list of problems, so that the self-test can show each of them failing on a
// course made up for the purpose.
type course struct {
	*repo
	ctx      context.Context
	commits  []commit // oldest first
	chapters []*document
	cacheDir string
	port     string // what console blocks use for real
	timeout  string // of a test that is broken on purpose
}

func loadCourse(ctx context.Context, dir string) (*course, error) {
	c := &course{repo: newRepo(dir), ctx: ctx, port: "8080", timeout: "60s"}
	commits, err := readCommits(c.repo)
	if err != nil {
		return nil, err
	}
	c.commits = commits
	paths, err := filepath.Glob(filepath.Join(dir, "milestones", "[0-9][0-9]-*.md"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		chapter, err := c.document("milestones/" + filepath.Base(path))
		if err != nil {
			return nil, err
		}
		c.chapters = append(c.chapters, chapter)
	}
	c.cacheDir, err = cacheDir()
	return c, err
}

// document reads one Markdown file of the working tree.
func (c *course) document(name string) (*document, error) {
	text, err := os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	return parseDocument(name, string(text)), nil
}

// milestone finds the commit of milestone n.
func (c *course) milestone(n int) (commit, bool) {
	i := slices.IndexFunc(c.commits, func(one commit) bool { return one.milestone == n })
	if n == 0 || i < 0 {
		return commit{}, false
	}
	return c.commits[i], true
}

// last is the number of the newest milestone.
func (c *course) last() int {
	newest := 0
	for _, one := range c.commits {
		newest = max(newest, one.milestone)
	}
	return newest
}

// commitOf finds the commit a block speaks of: its chapter's own, or the
// previous milestone's.
func (c *course) commitOf(doc *document, b *block) (commit, string) {
	n := doc.number
	if b.attrs["at"] == "previous" {
		n--
	}
	found, ok := c.milestone(n)
	if !ok && n == 0 {
		return found, b.problem("at=previous: milestone 1 has no milestone before it")
	}
	if !ok {
		return found, b.problem("milestone %d has no commit yet: commit it, then this block can be checked", n)
	}
	return found, ""
}

// openCourse loads the course around this directory, or skips the test with
// a sentence that says what is missing. On a CI machine nothing may be
// missing: a skip there would look like a pass.
func openCourse(t *testing.T) *course {
	t.Helper()
	if why := newRepo("..").missingHistory(); why != "" {
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	c, err := loadCourse(t.Context(), "..")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.noteHead(); err != nil {
		t.Fatal(err)
	}
	return c
}

// openSlowCourse is openCourse for the checks that compile and run every
// milestone. They end a little before go test's own time is over, to leave
// no worktree and no server behind.
func openSlowCourse(t *testing.T) *course {
	t.Helper()
	if os.Getenv("CHAT_COURSE") != "1" {
		t.Skip("this check compiles and runs every milestone, which takes minutes: set CHAT_COURSE=1 to have it")
	}
	c := openCourse(t)
	if end, ok := t.Deadline(); ok {
		ctx, cancel := context.WithDeadline(t.Context(), end.Add(-15*time.Second))
		t.Cleanup(cancel)
		c.ctx = ctx
	}
	return c
}

// report fails the test with the problems, or says what was checked.
func (c *course) report(t *testing.T, problems []string) {
	t.Helper()
	for _, problem := range problems {
		t.Errorf("\n%s\n", strings.TrimRight(problem, "\n"))
	}
	if len(problems) == 0 && c.last() == 0 {
		t.Skip("there is no milestone commit yet, so there is nothing to check")
	}
	t.Logf("checked milestones 1 to %d", c.last())
}
