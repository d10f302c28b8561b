package milestones

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestExcerpts(t *testing.T) {
	c := openCourse(t)
	c.report(t, slices.Concat(checkExcerpts(c), checkDocuments(c)))
}

// checkExcerpts holds the code quoted in chapters against their commits.
func checkExcerpts(c *course) []string {
	var problems []string
	for _, chapter := range c.chapters {
		for _, b := range chapter.blocks {
			if !isCode(b.lang) || !b.has("file") {
				continue
			}
			from, wrong := c.commitOf(chapter, b)
			if wrong != "" {
				problems = append(problems, wrong)
				continue
			}
			files, err := c.tree(from.hash)
			if err != nil {
				problems = append(problems, b.problem("%v", err))
				continue
			}
			text, ok := files[b.attrs["file"]]
			problems = append(problems, excerptProblem(b, text, ok, fmt.Sprintf("milestone %d (%.7s)", from.milestone, from.hash))...)
		}
	}
	return problems
}

// checkDocuments does the same for the documents that are no chapters; they
// speak of the newest state, that is of the working tree.
func checkDocuments(c *course) []string {
	var problems []string
	for _, name := range []string{"README.md", "LEARNINGS.md", "milestones/README.md"} {
		doc, err := c.document(name)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		problems = append(problems, checkMarkup(doc)...)
		for _, b := range doc.blocks {
			if isCode(b.lang) && b.has("file") {
				path := filepath.FromSlash(b.attrs["file"])
				text, err := fs.ReadFile(os.DirFS(c.dir), filepath.ToSlash(path))
				problems = append(problems, excerptProblem(b, string(text), err == nil, "the working tree")...)
			}
		}
	}
	return problems
}

// excerptProblem looks for the pieces of an excerpt in a file, in order.
func excerptProblem(b *block, text string, exists bool, where string) []string {
	name := b.attrs["file"]
	if !exists {
		return []string{b.problem("there is no file %s in %s", name, where)}
	}
	pieces := splitPieces(b.body)
	if len(pieces) == 0 {
		return []string{b.problem("quotes nothing")}
	}
	file := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	from := 0
	for _, piece := range pieces {
		at := indexLines(file[from:], piece)
		if at >= 0 {
			from += at + len(piece)
			continue
		}
		if indexLines(file, piece) >= 0 {
			return []string{b.problem("“%s” stands in %s of %s, but before the piece above it: put the pieces in the order of the file",
				strings.TrimSpace(piece[0]), name, where)}
		}
		return []string{b.problem("does not stand like this in %s of %s.\n%s", name, where, nearestPlace(piece, file))}
	}
	return nil
}

// splitPieces cuts an excerpt at the lines that skip: only "…", perhaps
// behind a comment mark.
func splitPieces(body []string) [][]string {
	skip := regexp.MustCompile(`^\s*(//|#|/\*|<!--|--)?\s*…\s*(\*/|-->)?\s*$`)
	var pieces [][]string
	var piece []string
	for _, l := range append(slices.Clone(body), "…") {
		if !skip.MatchString(l) {
			piece = append(piece, l)
			continue
		}
		if strings.TrimSpace(strings.Join(piece, "")) != "" {
			pieces = append(pieces, piece)
		}
		piece = nil
	}
	return pieces
}

func indexLines(file, piece []string) int {
	for i := range len(file) - len(piece) + 1 {
		if slices.Equal(file[i:i+len(piece)], piece) {
			return i
		}
	}
	return -1
}
