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

func TestLearnings(t *testing.T) {
	c := openCourse(t)
	c.report(t, checkLearnings(c))
}

// checkLearnings wants a section for each milestone, and behind each bullet
// a test that exists: a claim nobody guards is an opinion.
func checkLearnings(c *course) []string {
	doc, err := c.document("LEARNINGS.md")
	if os.IsNotExist(err) && c.last() == 0 {
		return nil
	}
	if err != nil {
		return []string{"every milestone adds its section to LEARNINGS.md: " + err.Error()}
	}
	tests, err := workingTests(c.dir)
	if err != nil {
		return []string{err.Error()}
	}
	problems := checkLearningSections(c, doc)
	for _, one := range bullets(doc) {
		problems = append(problems, checkBullet(one, tests)...)
	}
	return problems
}

func checkLearningSections(c *course, doc *document) []string {
	var problems []string
	numbered := regexp.MustCompile(`^## Milestone (\d+): .+`)
	seen := map[string]bool{}
	for _, heading := range doc.headings {
		match := numbered.FindStringSubmatch(heading.text)
		if match == nil {
			continue
		}
		seen[match[1]] = true
		if !slices.ContainsFunc(c.commits, func(one commit) bool { return fmt.Sprint(one.milestone) == match[1] }) {
			problems = append(problems, fmt.Sprintf("LEARNINGS.md:%d: %q is a section without a milestone commit", heading.number, heading.text))
		}
	}
	for n := range c.last() {
		if number := fmt.Sprint(n + 1); !seen[number] {
			problems = append(problems, fmt.Sprintf("LEARNINGS.md: the section %q is missing", "## Milestone "+number+": …"))
		}
	}
	return problems
}

// bullets joins the lines of each bullet of a document.
func bullets(doc *document) []line {
	var all []line
	inside := false
	for _, l := range doc.prose {
		text := strings.TrimSpace(l.text)
		switch {
		case strings.HasPrefix(text, "- ") || strings.HasPrefix(text, "* "):
			all = append(all, line{l.number, l.section, text[2:]})
			inside = true
		case text == "" || strings.HasPrefix(text, "#"):
			inside = false
		case inside:
			all[len(all)-1].text += " " + text
		}
	}
	return all
}

// checkBullet looks at the tests a bullet names, and, in the section of a
// milestone, demands that it ends with one.
func checkBullet(bullet line, tests map[string][]string) []string {
	var problems []string
	place := fmt.Sprintf("LEARNINGS.md:%d: bullet “%.60s…”", bullet.number, bullet.text)
	named := regexp.MustCompile("`((?:Test|Benchmark|Fuzz)\\w+)[^`]*`(?: in `([^`]+)`)?")
	for _, match := range named.FindAllStringSubmatch(bullet.text, -1) {
		name, file := match[1], match[2]
		switch {
		case len(tests[name]) == 0:
			problems = append(problems, fmt.Sprintf("%s names %s, and no *_test.go declares it%s", place, name, didYouMean(name, namesOf(tests))))
		case file != "" && !slices.Contains(tests[name], file):
			problems = append(problems, fmt.Sprintf("%s names %s in %s, but it stands in %s", place, name, file, strings.Join(tests[name], ", ")))
		}
	}
	ends := regexp.MustCompile("`(Test|Benchmark|Fuzz)[^`]*`( in `[^`]+`)?[.)\\s]*$")
	if strings.HasPrefix(bullet.section, "## Milestone ") && !ends.MatchString(bullet.text) {
		problems = append(problems, place+" does not end with the test that guards it, in backticks")
	}
	return problems
}

func namesOf(tests map[string][]string) []string {
	var names []string
	for name := range tests {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// workingTests finds the files that declare each test in the working tree.
func workingTests(dir string) (map[string][]string, error) {
	tests := map[string][]string{}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != "." && strings.HasPrefix(entry.Name(), ".") {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := fs.ReadFile(root, path)
		for _, name := range testNames(string(text)) {
			tests[name] = append(tests[name], path)
		}
		return err
	})
	return tests, err
}
