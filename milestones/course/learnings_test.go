package course

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestLearnings(t *testing.T) {
	c := openCourse(t)
	c.report(t, checkLearnings(c))
}

// checkLearnings requires a section of LEARNINGS.md for each milestone, and for
// each bullet a test that exists: without a test, a claim is only an opinion.
func checkLearnings(c *Course) []string {
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
	for _, bullet := range bullets(doc) {
		problems = append(problems, checkBullet(bullet, tests)...)
	}
	return problems
}

func checkLearningSections(c *Course, doc *Document) []string {
	var problems []string
	numbered := regexp.MustCompile(`^## Milestone (\d+): .+`)
	seen := map[string]bool{}
	for _, heading := range doc.headings {
		match := numbered.FindStringSubmatch(heading.text)
		if match == nil {
			continue
		}
		seen[match[1]] = true
		if !slices.ContainsFunc(c.history, func(commit Commit) bool { return strconv.Itoa(commit.Milestone) == match[1] }) {
			problems = append(problems, fmt.Sprintf("LEARNINGS.md:%d: %q is a section without a milestone commit", heading.number, heading.text))
		}
	}
	for n := range c.last() {
		if number := strconv.Itoa(n + 1); !seen[number] {
			problems = append(problems, fmt.Sprintf("LEARNINGS.md: the section %q is missing", "## Milestone "+number+": …"))
		}
	}
	return problems
}

// bullets joins the lines of each bullet of a document.
func bullets(doc *Document) []line {
	var all []line
	inside := false
	for _, l := range doc.prose {
		text := strings.TrimSpace(l.text)
		switch {
		case strings.HasPrefix(text, "- ") || strings.HasPrefix(text, "* "):
			all = append(all, line{number: l.number, section: l.section, text: text[2:]})
			inside = true
		case text == "" || strings.HasPrefix(text, "#"):
			inside = false
		case inside:
			all[len(all)-1].text += " " + text
		}
	}
	return all
}

// checkBullet looks up every test that a bullet names. A bullet about a
// milestone must end with one.
func checkBullet(bullet line, tests testFiles) []string {
	place := fmt.Sprintf("LEARNINGS.md:%d: bullet “%.60s…”", bullet.number, bullet.text)
	var problems []string
	goTest := regexp.MustCompile("`((?:Test|Benchmark|Fuzz)\\w+)[^`]*`(?: in `([^`]+)`)?")
	for _, match := range goTest.FindAllStringSubmatch(bullet.text, -1) {
		if wrong := tests.lookUpGo(match[1], match[2]); wrong != "" {
			problems = append(problems, place+" "+wrong)
		}
	}
	browserTest := regexp.MustCompile("`([^`]+)` in `(browser/[^`]+)`")
	for _, match := range browserTest.FindAllStringSubmatch(bullet.text, -1) {
		if wrong := tests.lookUpTitle(match[1], match[2]); wrong != "" {
			problems = append(problems, place+" "+wrong)
		}
	}
	ends := regexp.MustCompile("(`(Test|Benchmark|Fuzz)[^`]*`( in `[^`]+`)?|`[^`]+` in `browser/[^`]+`)[.)\\s]*$")
	if strings.HasPrefix(bullet.section, "## Milestone ") && !ends.MatchString(bullet.text) {
		problems = append(problems, place+" does not end with the test that guards it: `TestX`, or `title` in `browser/page.test.js`")
	}
	return problems
}

// testFiles has the names of the tests in each test file of the working
// tree: Go functions, and the titles of the browser tests.
type testFiles map[string][]string

// workingTests reads the test files below a directory. It skips what does not
// belong to the project: packages of Node.js, hidden directories, and the
// worktrees in course/, which have the tests of other commits.
func workingTests(dir string) (testFiles, error) {
	tests := testFiles{}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			hidden := name != "." && strings.HasPrefix(entry.Name(), ".")
			if hidden || entry.Name() == "node_modules" || name == "course" {
				return filepath.SkipDir
			}
			return nil
		}
		if !isGoTest(name) && !isBrowserTest(name) {
			return nil
		}
		text, err := fs.ReadFile(root, name)
		tests[name] = testsIn(name, string(text))
		return err
	})
	return tests, err
}

// lookUpGo says what is wrong with the name of a Go test, and with the file
// that a bullet gives for it, if it gives one.
func (tests testFiles) lookUpGo(name, file string) string {
	if isBrowserTest(file) {
		return "" // a title that begins like the name of a Go test
	}
	var declaredIn, names []string
	for _, path := range slices.Sorted(maps.Keys(tests)) {
		if !isGoTest(path) {
			continue
		}
		names = append(names, tests[path]...)
		if slices.Contains(tests[path], name) {
			declaredIn = append(declaredIn, path)
		}
	}
	switch {
	case len(declaredIn) == 0:
		return fmt.Sprintf("names %s, and no *_test.go declares it%s", name, didYouMean(name, names))
	case file != "" && !slices.Contains(declaredIn, file):
		return fmt.Sprintf("names %s in %s, but it is in %s", name, file, strings.Join(declaredIn, ", "))
	}
	return ""
}

// lookUpTitle says what is wrong with the title and the file of a browser test.
func (tests testFiles) lookUpTitle(title, file string) string {
	titles, ok := tests[file]
	switch {
	case !ok:
		return fmt.Sprintf("names a test in %s, and there is no such test file%s", file, didYouMean(file, slices.Sorted(maps.Keys(tests))))
	case !slices.Contains(titles, title):
		return fmt.Sprintf("names “%s”, and %s declares no test with this title%s", title, file, didYouMean(title, titles))
	}
	return ""
}

func isGoTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

func isBrowserTest(name string) bool {
	matches, _ := path.Match("browser/*.test.js", name)
	return matches
}

// testsIn lists the tests that a file declares.
func testsIn(name, text string) []string {
	switch {
	case isGoTest(name):
		return goTests(text)
	case isBrowserTest(name):
		return browserTests(text)
	}
	return nil
}

// goTests lists the tests, benchmarks and fuzz targets of a Go file. It parses
// the file, because a search would also find a test inside a string.
func goTests(text string) []string {
	file, err := parser.ParseFile(token.NewFileSet(), "", text, parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	var names []string
	for _, declaration := range file.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if ok && f.Recv == nil && regexp.MustCompile(`^(Test|Benchmark|Fuzz)`).MatchString(f.Name.Name) {
			names = append(names, f.Name.Name)
		}
	}
	return names
}

// browserTests lists the titles of a script's tests. A declaration begins a
// line, with the title in double quotes: scenario("people see each other", …
func browserTests(text string) []string {
	var titles []string
	for _, match := range regexp.MustCompile(`(?m)^[ \t]*(?:scenario|test)\(\s*"([^"\n]+)"`).FindAllStringSubmatch(text, -1) {
		titles = append(titles, match[1])
	}
	return titles
}

func TestFoundLater(t *testing.T) {
	c := openCourse(t)
	c.report(t, checkFoundLater(c))
}

// checkFoundLater compares the commits that have a Fixes-Milestone trailer with
// the bullets under "Found later".
func checkFoundLater(c *Course) []string {
	var problems []string
	fixes := map[int][]string{} // the subjects of the commits that fix a milestone
	for _, commit := range c.history {
		problems = append(problems, checkTrailer(c, commit)...)
		for _, number := range commit.fixes {
			n, _ := strconv.Atoi(number) // checkTrailer reports an error
			fixes[n] = append(fixes[n], commit.Subject)
		}
	}
	for _, chapter := range c.Chapters {
		for _, bullet := range bullets(chapter) {
			isAbout := func(subject string) bool { return strings.Contains(bullet.text, subject) }
			if bullet.section == foundLater && !slices.ContainsFunc(fixes[chapter.Number], isAbout) {
				problems = append(problems, fmt.Sprintf("%s:%d: this bullet has the subject of no commit with the trailer Fixes-Milestone: %d: “%s”",
					chapter.Name, bullet.number, chapter.Number, bullet.text))
			}
		}
	}
	return problems
}

// checkTrailer checks one commit: git must recognise its trailer, and the
// commit must have a test and a bullet in the chapter.
func checkTrailer(c *Course, commit Commit) []string {
	place := fmt.Sprintf("%.7s %q", commit.Hash, commit.Subject)
	if meant := regexp.MustCompile(`(?im)^fix(es)?[- ]?milestone\b.*$`).FindString(commit.body); meant != "" && len(commit.fixes) == 0 {
		return []string{fmt.Sprintf("%s: %q is not a trailer: write \"Fixes-Milestone: N\" in the last paragraph of the message", place, meant)}
	}
	var problems []string
	for _, number := range commit.fixes {
		n, err := strconv.Atoi(number)
		if _, ok := c.Milestone(n); err != nil || !ok {
			problems = append(problems, fmt.Sprintf("%s: Fixes-Milestone: %s names no milestone of this history", place, number))
			continue
		}
		tests, err := addedTests(c, commit)
		if err != nil {
			return append(problems, err.Error())
		}
		if len(tests) == 0 {
			problems = append(problems, fmt.Sprintf("%s: fixes milestone %d without a regression test: it adds no line to a *_test.go or to a browser/*.test.js that has tests",
				place, n))
			continue
		}
		problems = append(problems, checkToldInChapter(c, commit, n, tests)...)
	}
	return problems
}

// addedTests lists the tests in the test files to which a commit adds lines.
func addedTests(c *Course, commit Commit) ([]string, error) {
	files, err := c.tree(commit.Hash)
	if err != nil {
		return nil, err
	}
	var tests []string
	for name, lines := range commit.added {
		if lines > 0 {
			tests = append(tests, testsIn(name, files[name])...)
		}
	}
	return tests, nil
}

// checkToldInChapter looks for the bullet about a commit: it has the commit's
// subject, and in backticks the test that would have found the mistake.
func checkToldInChapter(c *Course, commit Commit, n int, tests []string) []string {
	i := slices.IndexFunc(c.Chapters, func(d *Document) bool { return d.Number == n })
	if i < 0 {
		return nil // checkChapterPerCommit reports it
	}
	chapter := c.Chapters[i]
	for _, bullet := range bullets(chapter) {
		if bullet.section != foundLater || !strings.Contains(bullet.text, commit.Subject) {
			continue
		}
		if slices.ContainsFunc(tests, func(test string) bool { return strings.Contains(bullet.text, "`"+test+"`") }) {
			return nil
		}
		slices.Sort(tests)
		return []string{fmt.Sprintf("%s:%d: the bullet names no regression test of %.7s in backticks; it has %s",
			chapter.Name, bullet.number, commit.Hash, strings.Join(tests, ", "))}
	}
	return []string{fmt.Sprintf("%s: under %q a bullet about %.7s with its subject is missing:\n- %s",
		chapter.Name, foundLater, commit.Hash, commit.Subject)}
}
