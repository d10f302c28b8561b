package milestones

import (
	"fmt"
	"strings"
	"testing"
)

func TestBreakIt(t *testing.T) {
	c := openSlowCourse(t)
	c.report(t, checkBreaks(c))
}

// checkBreaks tries every break: what a chapter says will fail, must.
func checkBreaks(c *course) []string {
	var problems []string
	for _, chapter := range c.chapters {
		for i, b := range chapter.blocks {
			if !b.has("break") {
				continue
			}
			quoted := neighbour(chapter, i+1)
			at, wrong := c.commitOf(chapter, b)
			if wrong != "" {
				problems = append(problems, wrong)
				continue
			}
			what := claim{"break", at.hash, blockKey(b, quoted)}
			problems = append(problems, c.verify(what, func(w *worktree) []string {
				if wrong := breakProblem(w, b, quoted.body); wrong != "" {
					return []string{b.problem("%s", wrong)}
				}
				return nil
			})...)
		}
	}
	return problems
}

// blockKey is all the text that the verdict about some blocks depends on.
func blockKey(blocks ...*block) string {
	var key strings.Builder
	for _, b := range blocks {
		fmt.Fprintf(&key, "```%s\n%s\n```\n", b.info, strings.Join(b.body, "\n"))
	}
	return key.String()
}

// breakProblem tries one break in a worktree of its commit.
func breakProblem(w *worktree, b *block, quoted []string) string {
	test, race := b.attrs["break"], b.has("race")
	out, err := w.test(test, race)
	if err != nil {
		return fmt.Sprintf("%s does not even pass without the diff:\n%s", test, shorten(out))
	}
	if ranNothing(out) {
		return fmt.Sprintf("there is no test %s at this commit", test)
	}
	if out, err := w.apply(b.body); err != nil {
		return "the diff does not apply; make it with git diff at the chapter's commit:\n" + shorten(out)
	}
	out, err = w.test(test, race)
	switch {
	case err == nil:
		return fmt.Sprintf("the diff breaks nothing: %s still passes", test)
	case doesNotCompile(out):
		return "with the diff the program does not compile; a break must reach the test:\n" + shorten(out)
	case race && !strings.Contains(out, "WARNING: DATA RACE") && !strings.Contains(out, "concurrent map"):
		return "the test fails, but no data race is reported; leave out race, or break otherwise:\n" + shorten(out)
	}
	return quotedProblem(w, out, quoted)
}

// quotedProblem looks for the quoted lines in what a failing test printed.
// What go test prints when it runs out of time does not count: a deadlock
// has to be reported by the test, within seconds and in words.
func quotedProblem(w *worktree, out string, quoted []string) string {
	own, _, timedOut := strings.Cut(out, "panic: test timed out after")
	printed := maskLines(own)
	var missing []string
	for _, l := range quoted {
		if want := mask(l); want != "…" && !anyContains(printed, want) {
			missing = append(missing, "- "+want)
		}
	}
	if len(missing) == 0 {
		return ""
	}
	if timedOut {
		return fmt.Sprintf("the test runs into its time-out of %s instead of reporting the failure itself:\n%s", w.timeout, shorten(out))
	}
	return fmt.Sprintf("the test fails as it should, but does not print (after masking):\n%s\nit prints:\n%s",
		strings.Join(missing, "\n"), shorten(out))
}

func anyContains(lines []string, part string) bool {
	for _, l := range lines {
		if strings.Contains(l, part) {
			return true
		}
	}
	return false
}
