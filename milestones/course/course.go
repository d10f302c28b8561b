// Package course reads the chapters of the course and the commits that they
// describe, and tries what a chapter claims. Its tests hold every chapter
// against the history; milestones/WRITING.md says how to mark up a chapter so
// that they can.
package course

import (
	"os"
	"path/filepath"
	"slices"
)

// Course is the history up to HEAD and the chapters of the working tree.
type Course struct {
	Chapters []*Document // in the order of their file names

	*repo
	history  []Commit // oldest first
	cacheDir string
	port     string // console blocks use this port for real
	timeout  string // of a test that a break= or build= diff makes fail
}

// Load reads the course from the root of a git checkout.
func Load(dir string) (*Course, error) {
	c := &Course{repo: newRepo(dir), port: "8080", timeout: "60s"}
	err := c.complete()
	if err != nil {
		return nil, err
	}
	if c.history, err = c.commits(); err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "milestones", "[0-9][0-9]-*.md"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		chapter, err := c.document("milestones/" + filepath.Base(path))
		if err != nil {
			return nil, err
		}
		c.Chapters = append(c.Chapters, chapter)
	}
	c.cacheDir, err = cacheDir()
	return c, err
}

// document reads one Markdown file of the working tree.
func (c *Course) document(name string) (*Document, error) {
	text, err := os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	return parseDocument(name, string(text)), nil
}

// Milestone finds the commit of milestone n.
func (c *Course) Milestone(n int) (Commit, bool) {
	i := slices.IndexFunc(c.history, func(commit Commit) bool { return commit.Milestone == n })
	if n == 0 || i < 0 {
		return Commit{}, false
	}
	return c.history[i], true
}

// commitOf finds the commit that a block is about: its chapter's own, or with
// at=previous the one before. If there is none, it returns a problem.
func (c *Course) commitOf(doc *Document, b *Block) (Commit, string) {
	own, ok := c.Milestone(doc.Number)
	if !ok {
		return own, b.problem("milestone %d has no commit yet: commit it, then this block can be checked", doc.Number)
	}
	if b.Attrs["at"] != "previous" {
		return own, ""
	}
	previous, ok := c.previous(own)
	if !ok {
		return previous, b.problem("at=previous: there is no commit before milestone %d", doc.Number)
	}
	return previous, ""
}

// previous finds the commit that at=previous means in the chapter of a
// milestone. Chapters 1 to 9 compare their milestone with the milestone before
// it. Other commits lie between the later milestones, from small features to
// rewrites, so a later chapter compares with its milestone's first parent: the
// difference is exactly what the milestone changed.
func (c *Course) previous(own Commit) (Commit, bool) {
	if own.Milestone <= 9 {
		return c.Milestone(own.Milestone - 1)
	}
	i := slices.IndexFunc(c.history, func(commit Commit) bool {
		return len(own.parents) > 0 && commit.Hash == own.parents[0]
	})
	if i < 0 {
		return Commit{}, false
	}
	return c.history[i], true
}
