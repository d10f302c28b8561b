package milestones

import (
	"fmt"
	"testing"
)

func TestBuildIt(t *testing.T) {
	c := openSlowCourse(t)
	c.report(t, checkBuilds(c))
}

// checkBuilds tries every exercise: its test fails, and passes with the
// folded solution.
func checkBuilds(c *course) []string {
	var problems []string
	for _, chapter := range c.chapters {
		for _, b := range chapter.blocks {
			if !b.has("build") {
				continue
			}
			at, wrong := c.commitOf(chapter, b)
			if wrong != "" {
				problems = append(problems, wrong)
				continue
			}
			solution := solutionOf(chapter, b.attrs["build"])
			what := claim{"build", at.hash, blockKey(b, solution)}
			problems = append(problems, c.verify(what, func(w *worktree) []string {
				return buildProblems(w, b, solution)
			})...)
		}
	}
	return problems
}

func solutionOf(chapter *document, test string) *block {
	for _, b := range chapter.blocks {
		if b.attrs["solution"] == test {
			return b
		}
	}
	return &block{} // that it is missing is said by the check of the shape
}

func buildProblems(w *worktree, b, solution *block) []string {
	test := b.attrs["build"]
	if out, err := w.apply(b.body); err != nil {
		return []string{b.problem("the diff does not apply; make it with git diff at the chapter's commit:\n%s", shorten(out))}
	}
	out, err := w.test(test, false)
	switch {
	case ranNothing(out):
		return []string{b.problem("the diff adds no test %s", test)}
	case err == nil:
		return []string{b.problem("%s already passes without the solution", test)}
	case doesNotCompile(out) && !b.has("compile"):
		return []string{b.problem("the test does not compile without the solution; if that is meant, add the word compile:\n%s", shorten(out))}
	}
	if wrong := quotedProblem(w, out, nil); wrong != "" {
		return []string{b.problem("%s", wrong)}
	}
	if out, err := w.apply(solution.body); err != nil {
		return []string{solution.problem("the solution does not apply on top of the diff build=%s:\n%s", test, shorten(out))}
	}
	if out, err := w.test(test, false); err != nil || ranNothing(out) {
		return []string{solution.problem("%s", fmt.Sprintf("with the solution %s does not pass:\n%s", test, shorten(out)))}
	}
	return nil
}
