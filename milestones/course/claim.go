package course

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// claim identifies something to try. A claim that passed is not tried again: if
// its text, its commit or the Go version changes, it is another claim.
type claim struct{ kind, hash, text string }

// kind says what a block claims: "break", "build", "output", or nothing that
// can be tried.
func (b *Block) kind() string {
	switch {
	case b.Has("break"):
		return "break"
	case b.Has("build"):
		return "build"
	case b.Lang == "console" && !b.Has("unchecked"):
		return "output"
	}
	return ""
}

// Try tries what a block of a chapter claims, in a temporary worktree of the
// commit that the block is about: that a diff breaks a test, that a solution
// makes the test of an exercise pass, or that commands print what is quoted
// below them. It returns what is wrong, one text for each problem. It
// remembers a claim that passed, and does not try it again.
func (c *Course) Try(ctx context.Context, chapter *Document, b *Block) []string {
	if b.kind() == "" {
		return nil
	}
	at, wrong := c.commitOf(chapter, b)
	if wrong != "" {
		return []string{wrong}
	}
	var text string
	var try func(*worktree) (*Block, string)
	switch b.kind() {
	case "break":
		quoted := chapter.block(slices.Index(chapter.Blocks, b) + 1)
		text = claimText(b, quoted)
		try = func(w *worktree) (*Block, string) { return b, breakProblem(w, b, quoted.Body) }
	case "build":
		solution := solutionOf(chapter, b.Attrs["build"])
		rule := chapter.rule()
		text = claimText(b, solution, rule)
		try = func(w *worktree) (*Block, string) { return buildProblem(w, b, solution, rule) }
	case "output":
		text = claimText(b)
		try = func(w *worktree) (*Block, string) { return b, consoleProblem(w, b) }
	}
	return c.verify(ctx, claim{b.kind(), at.Hash, text}, func(w *worktree) []string {
		if where, wrong := try(w); wrong != "" {
			return []string{where.problem("%s", wrong)}
		}
		return nil
	})
}

// claimText is all the text that decides whether a claim passes. A block that the
// chapter does not have is nil.
func claimText(blocks ...*Block) string {
	var text strings.Builder
	for _, b := range blocks {
		if b == nil {
			continue
		}
		fmt.Fprintf(&text, "```%s\n%s\n```\n", b.info, strings.Join(b.Body, "\n"))
	}
	return text.String()
}

// verify tries a claim in a worktree of its own, unless it has passed before.
func (c *Course) verify(ctx context.Context, what claim, try func(*worktree) []string) []string {
	passed := c.cacheFile(what)
	if _, err := os.Stat(passed); err == nil {
		return nil
	}
	problems, err := c.inWorktree(ctx, what.hash, try)
	if ctx.Err() != nil {
		return []string{"the time ran out before everything was tried: run it again with -timeout 60m (what passed is remembered)"}
	}
	if err != nil {
		return append(problems, err.Error())
	}
	if len(problems) > 0 {
		return problems
	}
	if err := remember(passed); err != nil {
		return []string{err.Error()}
	}
	return nil
}

func (c *Course) cacheFile(what claim) string {
	key := fmt.Sprintf("rules 1\n%s\n%s\n%s %s/%s\n%s", what.kind, what.hash, runtime.Version(), runtime.GOOS, runtime.GOARCH, what.text)
	return filepath.Join(c.cacheDir, fmt.Sprintf("%s-%.12s-%.16x", what.kind, what.hash, sha256.Sum256([]byte(key))))
}

// cacheDir is the directory with an empty file for each claim that passed.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "go-real-time-chat-app"), err
}

func remember(passed string) error {
	if err := os.MkdirAll(filepath.Dir(passed), 0o755); err != nil {
		return err
	}
	return os.WriteFile(passed, nil, 0o644)
}

// breakProblem tries a diff that must make a test fail.
func breakProblem(w *worktree, b *Block, quoted []string) string {
	test, race := b.Attrs["break"], b.Has("race")
	out, err := w.test(test, race)
	if err != nil {
		return fmt.Sprintf("%s already fails without the diff:\n%s", test, shorten(out))
	}
	if ranNothing(out) {
		return fmt.Sprintf("there is no test %s at this commit", test)
	}
	if out, err := w.apply(b.Body); err != nil {
		return "the diff does not apply; make it with git diff at the chapter's commit:\n" + shorten(out)
	}
	out, err = w.test(test, race)
	switch {
	case err == nil:
		return fmt.Sprintf("the diff breaks nothing: %s still passes", test)
	case doesNotCompile(out):
		return "with the diff the program does not compile, so the test cannot run:\n" + shorten(out)
	case race && !strings.Contains(out, "WARNING: DATA RACE") && !strings.Contains(out, "concurrent map"):
		return "the test fails, but reports no data race; remove the word race, or break something else:\n" + shorten(out)
	}
	return quotedProblem(w, out, quoted)
}

// quotedProblem looks for the quoted lines in the output of a failing test. It
// ignores what go test prints at a timeout: the test itself must report a
// deadlock, within seconds and in words.
func quotedProblem(w *worktree, out string, quoted []string) string {
	own, _, timedOut := strings.Cut(out, "panic: test timed out after")
	printed := maskLines(own)
	var missing []string
	for _, l := range quoted {
		want := mask(l)
		if want != "…" && !slices.ContainsFunc(printed, func(got string) bool { return strings.Contains(got, want) }) {
			missing = append(missing, "- "+want)
		}
	}
	if len(missing) == 0 {
		return ""
	}
	if timedOut {
		return fmt.Sprintf("the test runs into its timeout of %s instead of reporting the failure itself:\n%s", w.timeout, shorten(out))
	}
	return fmt.Sprintf("the test fails as it should, but does not print (after masking):\n%s\nit prints:\n%s",
		strings.Join(missing, "\n"), shorten(out))
}

// buildProblem tries an exercise: its test must fail, and pass with the
// solution. The test of the rule, if there is one, must pass, too. It also
// returns the block that has the problem.
func buildProblem(w *worktree, b, solution, rule *Block) (*Block, string) {
	test := b.Attrs["build"]
	if out, err := w.apply(b.Body); err != nil {
		return b, "the diff does not apply; make it with git diff at the chapter's commit:\n" + shorten(out)
	}
	out, err := w.test(test, false)
	switch {
	case ranNothing(out):
		return b, "the diff adds no test " + test
	case err == nil:
		return b, test + " already passes without the solution"
	case doesNotCompile(out) && !b.Has("compile"):
		return b, "the test does not compile without the solution; if it should not, add the word compile:\n" + shorten(out)
	}
	if out, err := w.apply(solution.Body); err != nil {
		return solution, fmt.Sprintf("the solution does not apply on top of the diff build=%s:\n%s", test, shorten(out))
	}
	if out, err := w.test(test, false); err != nil || ranNothing(out) {
		return solution, fmt.Sprintf("with the solution %s does not pass:\n%s", test, shorten(out))
	}
	if rule == nil {
		return nil, ""
	}
	if out, err := w.apply(rule.Body); err != nil {
		return rule, "the test of the rule does not apply on top of the solution:\n" + shorten(out)
	}
	if out, err := w.test(rule.Attrs["rule"], false); err != nil || ranNothing(out) {
		return rule, fmt.Sprintf("with the solution %s does not pass:\n%s", rule.Attrs["rule"], shorten(out))
	}
	return nil, ""
}

// solutionOf finds the solution of an exercise. The check of the chapter's
// shape reports a missing one.
func solutionOf(chapter *Document, test string) *Block {
	i := slices.IndexFunc(chapter.Blocks, func(b *Block) bool { return b.Attrs["solution"] == test })
	return chapter.block(i)
}
