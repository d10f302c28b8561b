package milestones

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestReadingLists(t *testing.T) {
	c := openCourse(t)
	c.report(t, checkReadingLists(c))
}

// checkReadingLists makes sure that what a reader is sent to is there.
func checkReadingLists(c *course) []string {
	var problems []string
	for _, chapter := range c.chapters {
		if at, ok := c.milestone(chapter.number); ok {
			problems = append(problems, checkReadingList(c, chapter, at)...)
		}
	}
	return problems
}

func checkReadingList(c *course, chapter *document, at commit) []string {
	files, err := c.tree(at.hash)
	if err != nil {
		return []string{err.Error()}
	}
	known := knownWords(files)
	code := regexp.MustCompile("`([^`]+)`")
	var problems []string
	found := 0
	for _, l := range chapter.prose {
		if l.section != "## Read" {
			continue
		}
		for _, match := range code.FindAllStringSubmatch(l.text, -1) {
			found++
			if word := readingWord(match[1]); !known[word] {
				problems = append(problems, fmt.Sprintf("%s:%d: `%s` in the reading list is no file, flag or declared name at milestone %d (%.7s)%s",
					chapter.name, l.number, match[1], at.milestone, at.hash, didYouMean(word, slices.Sorted(maps.Keys(known)))))
			}
		}
	}
	if found == 0 {
		problems = append(problems, fmt.Sprintf("%s: ## Read names no file, function or type in backticks", chapter.name))
	}
	return problems
}

// readingWord strips what may decorate a name: Run() is Run, and
// -announce-every 30m is -announce-every.
func readingWord(text string) string {
	if strings.HasPrefix(text, "-") {
		flag, _, _ := strings.Cut(text, " ")
		flag, _, _ = strings.Cut(flag, "=")
		return flag
	}
	return strings.TrimSuffix(text, "()")
}

// knownWords are all words a reading list may name at a commit.
func knownWords(files map[string]string) map[string]bool {
	known := map[string]bool{}
	for name, text := range files {
		known[name] = true
		for i, r := range name {
			if r == '/' {
				known[name[:i+1]] = true // a directory: static/
			}
		}
		switch {
		case strings.HasSuffix(name, ".go") && !strings.Contains(name, "/"):
			addGoNames(known, name, text)
		case strings.HasSuffix(name, ".js"):
			addScriptNames(known, text)
		}
	}
	return known
}

// addScriptNames knows functions at any depth, and other names at the top.
func addScriptNames(known map[string]bool, text string) {
	names := regexp.MustCompile(`(?m)\bfunction\*?\s+([\w$]+)|^(?:export\s+)?(?:const|let|var|class)\s+([\w$]+)`)
	for _, match := range names.FindAllStringSubmatch(text, -1) {
		known[match[1]+match[2]] = true
	}
}
