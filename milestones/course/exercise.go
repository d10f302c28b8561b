package course

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// tryBreak lists the chapter's breaks, or tries one of them on a clean copy of the
// milestone.
func (c *command) tryBreak(args []string) error {
	breaks, n := c.chapter.breaks(), c.chapter.Number
	if len(args) == 0 {
		c.listBreaks(breaks)
		return nil
	}
	k, err := strconv.Atoi(args[0])
	if err != nil || k < 1 || k > len(breaks) {
		return complaint(fmt.Sprintf("Milestone %d has no break %q; it has 1 to %d.", n, args[0], len(breaks)))
	}
	b := breaks[k-1]
	c.print("Break %d of %d in milestone %d.\n\n%s\n\n%s\n\n", k, len(breaks), n,
		wrap(c.chapter.argument(b)), strings.Join(b.Body, "\n"))
	c.print("What will the test %s say? Guess, then press Enter. ", b.Attrs["break"])
	if _, err := c.in.ReadString('\n'); err != nil && err != io.EOF {
		return fmt.Errorf("wait for Enter: %w", err)
	}
	c.print("\nIn a clean copy of the milestone, it says:\n\n")
	problems, err := c.inWorktree(c.ctx, c.commit.Hash, func(w *worktree) []string { return c.showBreak(w, b, k) })
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return complaint(strings.Join(problems, "\n"))
	}
	if done := c.of(n); !slices.Contains(done.Breaks, k) {
		done.Breaks = append(done.Breaks, k)
	}
	if k < len(breaks) {
		c.print("\nNext: go run ./milestones break %d %d\n", n, k+1)
	} else {
		c.print("\nNext: read \"Build it\" in %s, then go run ./milestones build %d\n", c.chapter.Name, n)
	}
	return c.save()
}

func (c *command) listBreaks(breaks []*Block) {
	n := c.chapter.Number
	c.print("Milestone %d has %d breaks. Each begins with an argument that sounds right.\n\n", n, len(breaks))
	next := 0
	for i, b := range breaks {
		mark := "tried"
		if !slices.Contains(c.of(n).Breaks, i+1) {
			mark = ""
			if next == 0 {
				next = i + 1
			}
		}
		argument := strings.ReplaceAll(wrap(c.chapter.argument(b)), "\n", "\n            ")
		c.print("  %d  %-6s  %s\n", i+1, mark, argument)
	}
	c.print("\nNext: go run ./milestones break %d %d\n", n, max(next, 1))
}

// showBreak applies a diff, runs the test, and compares what it prints with what
// the chapter promises.
func (c *command) showBreak(w *worktree, b *Block, k int) []string {
	if out, err := w.apply(b.Body); err != nil {
		return []string{"The diff does not apply:\n" + shorten(out)}
	}
	quoted := c.chapter.block(slices.Index(c.chapter.Blocks, b) + 1)
	out, err := c.goTest(w, b.Attrs["break"], b.Has("race"))
	if w.ctx.Err() != nil {
		return []string{w.ctx.Err().Error()}
	}
	if w.withoutRace {
		c.print(noCompiler)
	}
	if err == nil && w.withoutRace && b.Has("race") {
		c.print("  The test passed 20 times: without the detector, you see a race only by chance.\n")
		return nil
	}
	if err == nil {
		return []string{"The test passes, although the chapter says that it fails."}
	}
	c.showOutput(out, quoted.Body, c.showLine)
	switch wrong := quotedProblem(w, out, quoted.Body); {
	case wrong == "":
		c.print("\nThe chapter says so, too.\n")
	case b.Has("race"):
		c.print("\nThe chapter has another output. A race shows itself in several ways; try again.\n")
	default:
		c.print("\nThe chapter has another output:\n\n")
		for _, l := range quoted.Body {
			c.print("  %s\n", l)
		}
	}
	if why := c.chapter.after(quoted.end()); why != "" {
		c.print("\n%s\n", wrap(why))
	}
	if err := c.keep(out, fmt.Sprintf("%02d-break-%d.txt", c.chapter.Number, k)); err != nil {
		return []string{err.Error()}
	}
	return nil
}

// goTest runs one test with the race detector, which needs a C compiler. Without
// one, it runs this test and all later ones without.
func (c *command) goTest(w *worktree, test string, race bool) (string, error) {
	out, err := w.test(test, race)
	if err != nil && (strings.Contains(out, "-race requires cgo") || strings.Contains(out, "C compiler")) {
		w.withoutRace = true
		return w.test(test, race)
	}
	return out, err
}

const noCompiler = "  (There is no C compiler, so the race detector is off.)\n\n"

// showOutput prints the lines of a failed test that matter: those that the
// chapter quotes, and those that begin a failure. A deadlock or a race can print
// thousands of lines.
func (c *command) showOutput(out string, quoted []string, show func(string)) {
	const most = 16
	for i, l := range linesThatMatter(out, quoted) {
		if i == most {
			c.print("  …\n")
			return
		}
		show(l)
	}
}

func (c *command) showLine(l string) {
	c.print("  %s\n", strings.ReplaceAll(strings.TrimRight(l, " \t"), "\t", "    "))
}

func linesThatMatter(out string, quoted []string) []string {
	matters := regexp.MustCompile(`^\s*--- FAIL|_test\.go:\d+: |^panic:|^fatal error:|^stopped:|DATA RACE|^# |\.go:\d+:\d+: `)
	seen := map[string]bool{}
	var lines []string
	message := 0 // lines that a panic's message may still have
	for l := range strings.Lines(withoutPassed(out)) {
		l = strings.TrimRight(l, "\r\n")
		if message--; l == "" {
			message = 0
		}
		if strings.HasPrefix(l, "panic:") {
			message = 4
		}
		if !seen[l] && (message > 0 || matters.MatchString(l) || quotes(quoted, l)) {
			lines = append(lines, l)
		}
		seen[l] = true
	}
	if len(lines) == 0 { // rather too much than nothing
		lines = strings.Split(strings.TrimSpace(out), "\n")
	}
	return lines
}

// withoutPassed leaves out what tests printed that passed or were skipped. With -v,
// go test says whose lines follow, and in the end how each test ended.
func withoutPassed(out string) string {
	passed := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^\s*--- (?:PASS|SKIP): (\S+)`).FindAllStringSubmatch(out, -1) {
		passed[found[1]] = true
	}
	whose := regexp.MustCompile(`^\s*(===|---) \w+:?\s+(\S+)`)
	var rest strings.Builder
	test := ""
	for l := range strings.Lines(out) {
		found := whose.FindStringSubmatch(l)
		if found != nil {
			test = found[2]
		}
		if !passed[test] {
			rest.WriteString(l)
		}
		if found != nil && found[1] == "---" {
			test = "" // the lines up to the next test belong to no test
		}
	}
	return rest.String()
}

// quotes reports whether the chapter quotes a line of the output.
func quotes(quoted []string, l string) bool {
	l = mask(l)
	return slices.ContainsFunc(quoted, func(want string) bool {
		want = mask(want)
		return want != "…" && want != "" && strings.Contains(l, want)
	})
}

// keep saves the whole output of a test, and says where.
func (c *command) keep(out, name string) error {
	place := filepath.Join(c.root, "course", name)
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return fmt.Errorf("keep the output: %w", err)
	}
	if err := os.WriteFile(place, []byte(out), 0o644); err != nil {
		return fmt.Errorf("keep the output: %w", err)
	}
	c.print("\nEverything that it printed (%d lines) is in course/%s.\n", strings.Count(out, "\n"), name)
	return nil
}

// build puts the test of the exercise into the learner's directory, and shows how
// it fails.
func (c *command) build([]string) error {
	n := c.chapter.Number
	if err := c.needPlace(); err != nil {
		return err
	}
	b, w := c.chapter.exercise(), c.learners()
	switch c.exerciseIn(w) {
	case absent:
		if err := c.addTest(w, b); err != nil {
			return err
		}
	case changed:
		c.print("You have changed the test, or the lines around it. They stay as they are.\n\n")
	}
	c.print("%s\n\nThe test %s is in %s. It says:\n\n", c.chapter.task(), b.Attrs["build"], c.place(n))
	out, err := c.goTest(w, b.Attrs["build"], false)
	if c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	if w.withoutRace {
		c.print(noCompiler)
	}
	if err == nil {
		c.print("  it passes already\n\nNext: go run ./milestones check %d\n", n)
		return nil
	}
	c.showOutput(out, nil, c.showLine)
	if err := c.keep(out, fmt.Sprintf("%02d-build.txt", n)); err != nil {
		return err
	}
	c.print("\nNext: change the program in %s, then go run ./milestones check %d\n"+
		"Stuck? go run ./milestones hint %d\n", c.place(n), n, n)
	return nil
}

// addTest applies the diff with the test, unless the learner has changes in the
// same file that are not committed.
func (c *command) addTest(w *worktree, b *Block) error {
	for _, file := range filesOf(b) {
		changes, err := newRepo(w.dir).git("status", "--porcelain", "--", file)
		if err != nil {
			return err
		}
		if strings.TrimSpace(changes) != "" {
			return complaint(fmt.Sprintf("%s/%s has changes of yours, and the test belongs into the same file.\n"+
				"Keep them with: git -C %s commit -am \"my changes\"\nThen run this again.", c.place(c.chapter.Number), file, c.place(c.chapter.Number)))
		}
	}
	if out, err := w.apply(b.Body); err != nil {
		return complaint("The test does not fit into your version of " + strings.Join(filesOf(b), " and ") + ":\n" + shorten(out))
	}
	return nil
}

// filesOf lists the files that a diff changes or adds.
func filesOf(b *Block) []string {
	var files []string
	for _, l := range b.Body {
		if file, ok := strings.CutPrefix(l, "+++ b/"); ok {
			files = append(files, file)
		}
	}
	return files
}

// needPlace complains unless the learner's directory is there, and git knows it.
func (c *command) needPlace() error {
	n := c.chapter.Number
	if !c.started(n) {
		return complaint(fmt.Sprintf("%s is not there yet. First: go run ./milestones start %d", c.place(n), n))
	}
	if out, err := c.learners().run("", "git", "rev-parse", "--git-dir"); err != nil {
		return complaint(fmt.Sprintf("git does not know %s: %s\nIf you have moved the project, type: git worktree repair %s",
			c.place(n), strings.TrimSpace(out), c.place(n)))
	}
	return nil
}

// learners is the learner's directory.
func (c *command) learners() *worktree {
	return &worktree{ctx: c.ctx, dir: c.path(c.chapter.Number), port: c.port, timeout: c.timeout}
}

// check runs the learner's code in a copy: the test of the exercise, the hidden
// test of the rule, the milestone's own tests, and vet.
func (c *command) check([]string) error {
	n := c.chapter.Number
	if err := c.needPlace(); err != nil {
		return err
	}
	c.print("Testing a copy of %s. For later milestones, this takes a minute.\n\n", c.place(n))
	copied, remove, err := c.copyOf(c.learners())
	if err != nil {
		return fmt.Errorf("copy %s: %w", c.place(n), err)
	}
	defer remove()
	if c.exerciseIn(copied) == absent {
		return complaint(fmt.Sprintf("The test of the exercise is not in your files yet. First: go run ./milestones build %d", n))
	}
	fault, out := c.examine(copied)
	if c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	if fault == "" {
		c.of(n).Built = true
		how := "with -race"
		if copied.withoutRace {
			how = "without -race, because there is no C compiler"
		}
		c.print("Milestone %d: passed.\n\nThe test of the exercise passes, the milestone's own tests pass %s, and go vet is silent.\n", n, how)
		c.noteChangedTest()
		c.suggest()
		return c.save()
	}
	c.print("Milestone %d: not yet. %s\n\n", n, fault)
	c.showOutput(out, nil, c.showFailure)
	if err := c.keep(out, fmt.Sprintf("%02d-check.txt", n)); err != nil {
		return err
	}
	c.noteChangedTest()
	c.print("\nStuck? go run ./milestones hint %d\n", n)
	return errNotYet
}

// noteChangedTest tells learners who have changed the test that a verdict is about
// their version.
func (c *command) noteChangedTest() {
	if c.exerciseIn(c.learners()) == changed {
		c.print("\nYou have changed the test %s, or the lines around it. This verdict is about your version.\n",
			c.chapter.exercise().Attrs["build"])
	}
}

// showFailure prints one line of a failed test. Most tests say "…, want …": then
// it shows the two below each other.
func (c *command) showFailure(l string) {
	found := regexp.MustCompile(`^(\s*)(\w+_test\.go:\d+): (.*), want (.*)$`).FindStringSubmatch(l)
	if found == nil {
		c.showLine(l)
		return
	}
	indent, place, got, want := "  "+found[1], found[2], found[3], found[4]
	c.print("%s%s:\n%s  expected: %s\n%s  got:      %s\n", indent, place, indent, want, indent, got)
}

// examine runs one check after the other. It returns a sentence about the first
// one that fails, and its output.
func (c *command) examine(w *worktree) (fault, out string) {
	test := c.chapter.exercise().Attrs["build"]
	if out, err := c.goTest(w, test, false); err != nil || ranNothing(out) { // it may be commented out
		return "The test of the exercise, " + test + ", fails:", out
	}
	if rule := c.chapter.rule(); rule != nil {
		if out, err := w.apply(rule.Body); err != nil {
			return "The test of the rule cannot be added:", out
		}
		if out, err := c.goTest(w, rule.Attrs["rule"], false); err != nil {
			return "The test of the exercise passes, but the program breaks the rule of the chapter, as a test shows that only check has:", out
		}
	}
	if out, err := c.goTest(w, "", false); err != nil && !c.passesAlone(w, out) {
		return "The exercise passes, but another test of the milestone fails:", out
	}
	if out, err := w.run("", "go", "vet", "./..."); err != nil {
		return "All tests pass, but go vet finds something:", out
	}
	return "", ""
}

// passesAlone runs the tests that failed among all others once more, each by
// itself. A milestone stays as it was committed, with the mistakes that were found
// later, and one of them makes a test of milestone 8 fail once in sixty runs.
// The learner gets to know of it. A data race needs no second run.
func (c *command) passesAlone(w *worktree, out string) bool {
	failed := regexp.MustCompile(`(?m)^--- FAIL: (\w+)`).FindAllStringSubmatch(out, -1)
	if len(failed) == 0 || strings.Contains(out, "DATA RACE") {
		return false
	}
	var names []string
	for _, found := range failed {
		if _, err := c.goTest(w, found[1], false); err != nil {
			return false
		}
		names = append(names, found[1])
	}
	c.print("%s failed once, and passed when run again. It may be chance, or your change: look at it if it happens again.\n\n",
		strings.Join(names, ", "))
	return true
}

// presence says whether a learner's directory has the test of the exercise.
type presence int

const (
	absent  presence = iota
	there            // as the chapter has it
	changed          // by the learner
)

// exerciseIn looks for the test of the exercise. Most exercises add a test, and its
// name tells. An exercise may also add to a test that is there: then the diff tells.
func (c *command) exerciseIn(w *worktree) presence {
	b := c.chapter.exercise()
	if _, err := w.applies(b.Body, "--reverse"); err == nil {
		return there
	}
	declaration := "func " + b.Attrs["build"] + "("
	files, _ := c.tree(c.commit.Hash)
	_, fitErr := w.applies(b.Body)
	for _, file := range filesOf(b) {
		text, _ := os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(file))) // no file, no test
		if strings.Contains(string(text), declaration) && (fitErr != nil || !strings.Contains(files[file], declaration)) {
			return changed
		}
	}
	return absent
}

// copyOf copies the learner's files as they are now, committed or not, into a
// temporary directory.
func (c *command) copyOf(learners *worktree) (*worktree, func(), error) {
	files, err := newRepo(learners.dir).git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "course")
	if err != nil {
		return nil, nil, err
	}
	remove := func() { os.RemoveAll(dir) }
	for file := range strings.SplitSeq(strings.TrimRight(files, "\x00"), "\x00") {
		if err := copyFile(filepath.Join(learners.dir, filepath.FromSlash(file)), filepath.Join(dir, filepath.FromSlash(file))); err != nil {
			remove()
			return nil, nil, err
		}
	}
	copied := *learners
	copied.dir = dir
	return &copied, remove, nil
}

// copyFile copies a file with its permissions, if it is there: git also lists files
// that the learner has deleted, and a repository inside this one as a directory.
func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if os.IsNotExist(err) || err == nil && info.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, info.Mode().Perm()|0o200)
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		target.Close()
		return err
	}
	return target.Close()
}
