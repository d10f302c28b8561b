package course

import (
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

// checkExcerpts compares the code quoted in chapters with their commits.
func checkExcerpts(c *Course) []string {
	var problems []string
	for _, chapter := range c.Chapters {
		for _, b := range chapter.Blocks {
			if !isCode(b.Lang) || !b.Has("file") {
				continue
			}
			from, wrong := c.commitOf(chapter, b)
			if wrong != "" {
				problems = append(problems, wrong)
				continue
			}
			files, err := c.tree(from.Hash)
			if err != nil {
				problems = append(problems, b.problem("%v", err))
				continue
			}
			text, ok := files[b.Attrs["file"]]
			problems = append(problems, excerptProblem(b, text, ok, from.String())...)
		}
	}
	return problems
}

// checkDocuments does the same for the documents that are not chapters. They
// describe the newest state, so they are compared with the working tree.
func checkDocuments(c *Course) []string {
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
		for _, b := range doc.Blocks {
			if isCode(b.Lang) && b.Has("file") {
				path := filepath.FromSlash(b.Attrs["file"])
				text, err := fs.ReadFile(os.DirFS(c.dir), filepath.ToSlash(path))
				problems = append(problems, excerptProblem(b, string(text), err == nil, "the working tree")...)
			}
		}
	}
	return problems
}

// excerptProblem looks for the pieces of an excerpt in a file, in their order.
func excerptProblem(b *Block, text string, exists bool, where string) []string {
	name := b.Attrs["file"]
	if !exists {
		return []string{b.problem("there is no file %s in %s", name, where)}
	}
	pieces := splitPieces(b.Body)
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
			return []string{b.problem("“%s” is in %s of %s, but before the piece above it: put the pieces in the order of the file",
				strings.TrimSpace(piece[0]), name, where)}
		}
		return []string{b.problem("is not in %s of %s as quoted.\n%s", name, where, nearestPlace(piece, file))}
	}
	return nil
}

// splitPieces cuts an excerpt at the lines that consist of "…", bare or as a
// comment.
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
