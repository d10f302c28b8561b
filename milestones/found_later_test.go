package milestones

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const foundLater = "## Found later"

func TestFoundLater(t *testing.T) {
	c := openCourse(t)
	c.report(t, checkFoundLater(c))
}

// checkFoundLater holds the commits with a Fixes-Milestone trailer and the
// bullets under "Found later" against each other.
func checkFoundLater(c *course) []string {
	var problems []string
	told := map[string]bool{} // "chapter number, subject" of each bullet's commit
	for _, one := range c.commits {
		problems = append(problems, checkTrailer(c, one)...)
		for _, number := range one.fixes {
			told[number+" "+one.subject] = true
		}
	}
	for _, chapter := range c.chapters {
		for _, bullet := range bullets(chapter) {
			if bullet.section == foundLater && !tellsOne(chapter.number, bullet, told) {
				problems = append(problems, fmt.Sprintf("%s:%d: no commit with the trailer Fixes-Milestone: %d has its subject in this bullet: “%s”",
					chapter.name, bullet.number, chapter.number, bullet.text))
			}
		}
	}
	return problems
}

func tellsOne(chapter int, bullet line, told map[string]bool) bool {
	for key := range told {
		number, subject, _ := strings.Cut(key, " ")
		if number == strconv.Itoa(chapter) && strings.Contains(bullet.text, subject) {
			return true
		}
	}
	return false
}

// checkTrailer looks at one commit: a trailer that git understands, a test
// that came with it, a bullet in the chapter.
func checkTrailer(c *course, one commit) []string {
	place := fmt.Sprintf("%.7s %q", one.hash, one.subject)
	if meant := regexp.MustCompile(`(?im)^fix(es)?[- ]?milestone\b.*$`).FindString(one.body); meant != "" && len(one.fixes) == 0 {
		return []string{fmt.Sprintf("%s: %q is no trailer: write \"Fixes-Milestone: N\" in the last paragraph of the message", place, meant)}
	}
	var problems []string
	for _, number := range one.fixes {
		n, err := strconv.Atoi(number)
		if _, ok := c.milestone(n); err != nil || !ok {
			problems = append(problems, fmt.Sprintf("%s: Fixes-Milestone: %s names no milestone of this history", place, number))
			continue
		}
		tests, err := testsOf(c, one)
		if err != nil {
			return append(problems, err.Error())
		}
		if len(tests) == 0 {
			problems = append(problems, fmt.Sprintf("%s: mends milestone %d without a regression test: no *_test.go has an added line", place, n))
			continue
		}
		problems = append(problems, checkTold(c, one, n, tests)...)
	}
	return problems
}

// testsOf lists the tests in the test files to which a commit added lines.
func testsOf(c *course, one commit) ([]string, error) {
	files, err := c.tree(one.hash)
	if err != nil {
		return nil, err
	}
	var tests []string
	for path, lines := range one.added {
		if lines > 0 && strings.HasSuffix(path, "_test.go") {
			tests = append(tests, testNames(files[path])...)
		}
	}
	return tests, nil
}

// checkTold looks for the bullet that tells of a commit: it has the commit's
// subject, and in backticks the test that would have found the mistake.
func checkTold(c *course, one commit, n int, tests []string) []string {
	i := slices.IndexFunc(c.chapters, func(d *document) bool { return d.number == n })
	if i < 0 {
		return nil // the history check misses the chapter
	}
	chapter := c.chapters[i]
	for _, bullet := range bullets(chapter) {
		if bullet.section != foundLater || !strings.Contains(bullet.text, one.subject) {
			continue
		}
		if slices.ContainsFunc(tests, func(test string) bool { return strings.Contains(bullet.text, "`"+test+"`") }) {
			return nil
		}
		slices.Sort(tests)
		return []string{fmt.Sprintf("%s:%d: the bullet names no regression test of %.7s in backticks; it has %s",
			chapter.name, bullet.number, one.hash, strings.Join(tests, ", "))}
	}
	return []string{fmt.Sprintf("%s: under %q a bullet is missing that tells of %.7s and has its subject:\n- %s",
		chapter.name, foundLater, one.hash, one.subject)}
}
