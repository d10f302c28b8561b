package course

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// learner types commands in a clone of a course. The name of the directory has a
// blank, as on many desktops.
type learner struct {
	t   *testing.T
	dir string
}

func newLearner(t *testing.T, course *Course) *learner {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "my course")
	l := &learner{t, dir}
	l.git(".", "clone", "--quiet", course.dir, dir)
	l.git(dir, "config", "user.name", "Ada")
	l.git(dir, "config", "user.email", "ada@example.org")
	return l
}

func (l *learner) git(dir string, args ...string) {
	l.t.Helper()
	(&sample{t: l.t}).git(dir, "", args...)
}

// types runs the command, and requires its exit code and parts of its output, in
// this order.
func (l *learner) types(line string, code int, told ...string) string {
	l.t.Helper()
	return l.answers("", line, code, told...)
}

// answers does the same, and then types an input.
func (l *learner) answers(input, line string, code int, told ...string) string {
	l.t.Helper()
	var out strings.Builder
	got := Run(l.t.Context(), l.dir, strings.Fields(line), strings.NewReader(input), &out)
	if got != code {
		l.t.Errorf("%q ends with code %d, want %d:\n%s", line, got, code, &out)
	}
	rest := out.String()
	for _, want := range told {
		_, after, found := strings.Cut(rest, want)
		if !found {
			l.t.Errorf("%q does not say %q there:\n%s", line, want, &out)
			break
		}
		rest = after
	}
	return out.String()
}

func (l *learner) writes(file, text string) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, file), []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

func (l *learner) has(file, want string) {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.dir, file))
	if err != nil || !strings.Contains(string(text), want) {
		l.t.Errorf("%s has no %q: %v\n%s", file, want, err, text)
	}
}

const sampleLeaveTest = `package main

import "testing"

func TestLeave(t *testing.T) {
	var h Hub
	h.Leave()
}
`

const solvedLeave = `package main

func (h *Hub) Leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients--
}
`

func TestLearnerFollowsAChapter(t *testing.T) {
	needSlow(t)
	l := newLearner(t, newSample(t).build())
	l.types("", 0, "The course has 2 milestones", "1  basics", "2  hub", "Next: go run ./milestones start 1")
	l.types("start 2", 0, "Milestone 2, hub, is now in course/02", "milestones/02-hub.md", "Next: read", "break 2")
	l.types("break 2", 0, `1          "One line needs no lock." It is so short.`, "2          Another one:", "Next:", "break 2 1")
	l.types("break 2 1", 0, "It is so short.", "-	h.mu.Lock()", "WARNING: DATA RACE", "The chapter says so, too.",
		"Short is not the same as indivisible.", "is in course/02-break-1.txt", "Next: go run ./milestones break 2 2")
	l.types("break 2 2", 0, "somebody still waits", "The chapter says so, too.", "Next: read \"Build it\"", "build 2")
	l.types("break 2", 0, "1  tried", "2  tried")
	l.types("build 2", 0, "The test TestLeave is in course/02", "undefined", "Next: change the program", "check 2")
	l.types("", 0, "Next: change the program in course/02")
	l.types("check 2", 1, "Milestone 2: not yet. The test of the exercise, TestLeave, fails:", "h.Leave undefined")
	l.writes("course/02/leave_test.go", sampleLeaveTest+"// mine\n")
	l.types("build 2", 0, "They stay as they are.", "undefined")
	l.types("check 2", 1, "h.Leave undefined", "You have changed the test TestLeave")
	l.has("course/02/leave_test.go", "// mine")
	l.writes("course/02/leave_test.go", "package main\n\n// func TestLeave(t *testing.T) {}\n")
	l.types("check 2", 1, "The test of the exercise, TestLeave, fails:", "no tests to run")
	l.writes("course/02/leave_test.go", sampleLeaveTest)
	l.writes("course/02/leave.go", strings.Replace(solvedLeave, "h.mu.Lock()\n\tdefer h.mu.Unlock()\n", "", 1))
	l.types("check 2", 1, "breaks the rule", "DATA RACE")
	l.writes("course/02/leave.go", solvedLeave)
	l.types("check 2", 0, "Milestone 2: passed.", "Next: read the rest of milestones/02-hub.md", "answer 2", "start 1")
	l.types("", 0, "2  hub", "started, 2 of 2 breaks tried, built ✓", "start 1")
}

// sampleSharedTest has a test that fails only when others have run before it.
const sampleSharedTest = `package main

import "testing"

var others int

func TestIsSkipped(t *testing.T) {
	others++
	t.Skip("there is no browser")
}

func TestNeedsNobodyBefore(t *testing.T) {
	if others > 0 {
		t.Errorf("%d others ran before, want 0", others)
	}
}
`

func TestCheckFindsWhatElseIsBroken(t *testing.T) {
	needSlow(t)
	l := newLearner(t, newSample(t).build())
	l.types("check 1", 1, "course/01 is not there yet. First: go run ./milestones start 1")
	l.types("build 1", 1, "First: go run ./milestones start 1")
	l.types("start 1", 0)
	l.types("check 1", 1, "not in your files yet. First: go run ./milestones build 1")
	l.types("build 1", 0, "nobody was greeted by name")
	l.writes("course/01/main.go", strings.Replace(sampleMain, `"hello, " + name`, `"hello"`, 1))
	l.writes("course/01/shared_test.go", sampleSharedTest)
	out := l.types("check 1", 1, "The exercise passes, but another test of the milestone fails:", `greet said "hello"`)
	if strings.Contains(out, "there is no browser") {
		t.Errorf("a skipped test is shown as a failure:\n%s", out)
	}
	solved := strings.Replace(sampleMain, `"hello, " + name`, `map[bool]string{true: "hello", false: "hello, " + name}[name == ""]`, 1)
	l.writes("course/01/main.go", solved)
	l.types("check 1", 0, "TestNeedsNobodyBefore failed once, and passed when run again.", "Milestone 1: passed.")
	l.writes("course/01/main.go", solved+
		"\nfunc vetted() { fmt.Printf(\"%d\", \"one\") }\n")
	l.types("check 1", 1, "Printf format %d has arg")
}

// The learner's work is never lost, whatever is typed.
func TestStartKeepsTheLearnersWork(t *testing.T) {
	l := newLearner(t, newSample(t).build())
	l.types("start 2", 0)
	l.writes("course/02/hub.go", sampleHub+"// mine\n")
	l.types("start 2", 0, "is in course/02 already, with what you have done there")
	l.has("course/02/hub.go", "// mine")
	l.git(filepath.Join(l.dir, "course/02"), "commit", "--quiet", "-am", "mine")
	if err := os.RemoveAll(filepath.Join(l.dir, "course/02")); err != nil {
		t.Fatal(err)
	}
	l.types("start 2", 0, "is now in course/02")
	l.has("course/02/hub.go", "// mine")
	if err := os.MkdirAll(filepath.Join(l.dir, "course/01"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.types("start 1", 1, "course/01 is there, but it is not a worktree of git")
}

func TestBuildDoesNotTouchChangedFiles(t *testing.T) {
	s := newSample(t)
	l := newLearner(t, s.build())
	l.types("start 2", 0)
	l.writes("course/02/leave_test.go", "package main // mine\n")
	l.types("build 2", 1, "course/02/leave_test.go has changes of yours", "git -C course/02 commit")
	l.has("course/02/leave_test.go", "// mine")
}

func TestHintsComeOneByOne(t *testing.T) {
	l := newLearner(t, newSample(t).build())
	l.types("hint 1", 0, "Hint 1 of 3", "Who is greeted?")
	l.types("hint 1", 0, "Hint 2 of 3", "Look at greet.")
	for range 2 {
		l.types("hint 1", 0, "Hint 3 of 3", `if name == ""`, "the last hint", "answer 1")
	}
	l.types("hint 1 2", 0, "Hint 2 of 3", "Look at greet.")
	l.types("hint 1", 0, "Hint 3 of 3")
	l.types("hint 1 4", 1, `There is no hint "4"; there are 1 to 3.`)
}

func TestAnswersAreShownOnRequest(t *testing.T) {
	l := newLearner(t, newSample(t).build())
	all := l.answers("\n\n", "answer 2", 0, "2 answers", "1. Predict", "How many are here?", "Nobody.", "2. Build it", "h.clients--")
	if strings.Contains(all, "The opposite of it.") || strings.Contains(all, "TestTenLeaveAtOnce") {
		t.Errorf("a hint or the rule is among the answers:\n%s", all)
	}
	for _, input := range []string{"", "q\n", "s\nq\n"} {
		if out := l.answers(input, "answer 2", 0); strings.Contains(out, "Nobody.") {
			t.Errorf("after %q, an answer is shown unasked:\n%s", input, out)
		}
	}
}

func TestDiffFollowsTheReadingOrder(t *testing.T) {
	s := newSample(t)
	s.commits[second].files[chapterTwo] = strings.Replace(s.commits[second].files[chapterTwo], "## Read\n", "## Read\n\n- `main.go`, last: `static/`\n", 1)
	s.commits[second].files["a.go"] = "package main\n"
	s.commits[second].files["static/chat.js"] = sampleScript + "more()\n"
	out := newLearner(t, s.build()).types("diff 2", 0, "+++ b/main.go", "+++ b/static/chat.js", "+++ b/hub.go", "+++ b/a.go")
	for _, unwanted := range []string{"hub_test.go", "LEARNINGS.md", "\x1b"} {
		if strings.Contains(out, unwanted) {
			t.Errorf("the diff has %q:\n%s", unwanted, out)
		}
	}
}

func TestWrongCommandsAreExplained(t *testing.T) {
	l := newLearner(t, newSample(t).build())
	l.types("help", 0, "go run ./milestones start 3")
	l.types("begin 1", 1, `There is no command "begin".`, "go run ./milestones start 3")
	l.types("start 1 2", 1, `takes no "2"`)
	l.types("start", 1, "Which milestone? For example: go run ./milestones start 1")
	for _, number := range []string{"0", "3", "one", "-1"} {
		l.types("start "+number, 1, fmt.Sprintf("There is no milestone %q; there are 1 to 2.", number))
	}
	for _, number := range []string{"0", "2", "x"} {
		l.types("break 1 "+number, 1, fmt.Sprintf("Milestone 1 has no break %q; it has 1 to 1.", number))
	}
	if err := os.MkdirAll(filepath.Join(l.dir, "course"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.writes("course/progress.json", "null")
	l.types("", 0, "start 1")
	l.writes("course/progress.json", "{")
	l.types("", 1, "progress.json (delete it to begin anew)")
}

func TestCommandWorksInALinkedWorktree(t *testing.T) {
	l := newLearner(t, newSample(t).build())
	linked := filepath.Join(t.TempDir(), "linked")
	l.git(l.dir, "worktree", "add", "--quiet", "-b", "other", linked)
	l.dir = linked
	l.types("start 1", 0, "is now in course/01")
	l.has("course/01/main.go", "func greet")
}

func TestShallowCloneIsToldHowToGetTheRest(t *testing.T) {
	c := newSample(t).build()
	l := &learner{t, t.TempDir()}
	l.git(".", "clone", "--quiet", "--depth=1", "file://"+filepath.ToSlash(c.dir), l.dir)
	l.types("start 1", 1, "git fetch --unshallow")
}

// A milestone has scripts, and tests that they can be run.
func TestCopyKeepsWhatCanBeRun(t *testing.T) {
	c := newSample(t).build()
	l := newLearner(t, c)
	l.types("start 1", 0)
	place := filepath.Join(l.dir, "course/01")
	l.writes("course/01/run.sh", "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(place, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.git(place, "init", "--quiet", "another")
	l.writes("course/01/another/main.go", "package main\n")
	cmd := &command{Course: c}
	copied, remove, err := cmd.copyOf(&worktree{ctx: t.Context(), dir: place})
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	info, err := os.Stat(filepath.Join(copied.dir, "run.sh"))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm()&0o100 == 0 {
		t.Errorf("the copy of run.sh cannot be run: %v, %v", info.Mode(), err)
	}
}

// The exercise of milestone 1 adds rows to a test that the milestone has: that
// the test passes means nothing before the rows are there.
func TestCheckNeedsTheExercise(t *testing.T) {
	s := newSample(t)
	s.edit(chapterOne, "build=TestNobody", "build=TestGreet")
	l := newLearner(t, s.build())
	l.types("start 1", 0)
	l.types("check 1", 1, "not in your files yet. First: go run ./milestones build 1")
	l.types("build 1", 0)
	l.types("check 1", 1, "The exercise passes, but another test of the milestone fails:", "nobody was greeted")
}

// What Ctrl+C stops has no verdict.
func TestStoppedCheckHasNoVerdict(t *testing.T) {
	l := newLearner(t, newSample(t).build())
	l.types("start 1", 0)
	l.writes("course/01/nobody_test.go", "package main\n\nimport \"testing\"\n\nfunc TestNobody(*testing.T) { select {} }\n")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var out strings.Builder
	code := Run(ctx, l.dir, []string{"check", "1"}, strings.NewReader(""), &out)
	if code != 1 || !strings.HasSuffix(out.String(), "Stopped. Nothing has changed.\n") || strings.Contains(out.String(), "Milestone 1") {
		t.Errorf("a stopped check ends with code %d and says:\n%s", code, &out)
	}
}

// git finds a worktree by its absolute path.
func TestMovedProjectCanBeRepaired(t *testing.T) {
	c := newSample(t).build()
	l := newLearner(t, c)
	l.types("start 1", 0)
	l.types("start 2", 0)
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(l.dir, moved); err != nil {
		t.Fatal(err)
	}
	l.dir = moved
	l.types("check 1", 1, "git worktree repair course/01")
	l.types("build 1", 1, "git worktree repair course/01")
	if err := os.RemoveAll(filepath.Join(l.dir, "course/02")); err != nil {
		t.Fatal(err)
	}
	l.types("start 2", 1, "cannot get milestone 2")
	if _, err := (&Course{repo: newRepo(moved)}).inWorktree(t.Context(), "HEAD", func(*worktree) []string { return nil }); err != nil {
		t.Fatal(err)
	}
	l.git(l.dir, "worktree", "repair", "course/01")
	l.git(filepath.Join(l.dir, "course/01"), "status")
}

// A loop may print without end.
func TestEndlessOutputIsStopped(t *testing.T) {
	w := &worktree{ctx: t.Context(), dir: t.TempDir()}
	out, err := w.run("", "bash", "-c", "while :; do printf '%01000d\\n' 1; done")
	if err == nil || len(out) > 5<<20 || !strings.HasSuffix(out, "\nstopped: it printed more than 4 MB\n") {
		t.Errorf("%d bytes are left: %v", len(out), err)
	}
}

func TestManyFailuresAreCut(t *testing.T) {
	var failures, shown strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&failures, "    x_test.go:7: number %d, want none\n", i)
	}
	c := &command{out: &shown}
	c.showOutput(failures.String(), nil, c.showFailure)
	if got := strings.Count(shown.String(), "expected: none"); got != 16 {
		t.Errorf("%d failures are shown, want 16:\n%s", got, &shown)
	}
}

// The race detector needs cgo, and a test without it shows a race only by chance.
func TestCommandWorksWithoutCCompiler(t *testing.T) {
	needSlow(t)
	t.Setenv("CGO_ENABLED", "0")
	l := newLearner(t, newSample(t).build())
	l.types("break 2 1", 0, "the race detector is off", "Next: go run ./milestones break 2 2")
	l.types("start 1", 0)
	l.types("build 1", 0, "the race detector is off", "nobody was greeted")
	l.writes("course/01/main.go", strings.Replace(sampleMain, `"hello, " + name`, `map[bool]string{true: "hello", false: "hello, " + name}[name == ""]`, 1))
	l.types("check 1", 0, "Milestone 1: passed.", "without -race")
}

// Some people keep their whole home directory in git, with what is temporary.
func TestDiffsApplyInsideAnotherRepository(t *testing.T) {
	l := &learner{t, t.TempDir()}
	l.git(l.dir, "init", "--quiet")
	w := &worktree{ctx: t.Context(), dir: filepath.Join(l.dir, "copy")}
	if err := os.Mkdir(w.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := w.apply([]string{"--- /dev/null", "+++ b/new.go", "@@ -0,0 +1 @@", "+package main"}); err != nil {
		t.Fatal(out)
	}
	l.has("copy/new.go", "package main")
}

// A test may print thousands of lines: a deadlock lists every goroutine.
func TestLongOutputIsCutToWhatMatters(t *testing.T) {
	out := "--- FAIL: TestX (0.00s)\n    x_test.go:7: got 1, want 2\n" + strings.Repeat("goroutine 7 [chan receive]:\n\tsomewhere\n", 5000) +
		"chat.(*Hub).remove(0x1)\n"
	got := linesThatMatter(out, []string{"…", "chat.(*Hub).remove"})
	if len(got) != 3 {
		t.Errorf("%d lines are left: %q", len(got), got)
	}
}

// Some diffs apply a second time, and one adds to a test that is there.
func TestExerciseIsFoundInEveryChapter(t *testing.T) {
	c := openCourse(t)
	for _, chapter := range c.Chapters {
		commit, found := c.Milestone(chapter.Number)
		exercise := chapter.exercise()
		if !found || exercise == nil {
			continue
		}
		cmd := &command{Course: c, chapter: chapter, commit: commit}
		_, err := c.inWorktree(t.Context(), commit.Hash, func(w *worktree) []string {
			expect := func(when string, want presence) {
				if got := cmd.exerciseIn(w); got != want {
					t.Errorf("%s: %s, the test of the exercise has presence %d, want %d", chapter.Name, when, got, want)
				}
			}
			expect("at first", absent)
			w.apply(exercise.Body)
			expect("after build", there)
			w.apply(solutionOf(chapter, exercise.Attrs["build"]).Body)
			expect("after the solution", there)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// The other checks try every break and every exercise. This test takes the way of a
// learner through a few chapters, and remembers that it has passed.
func TestChaptersCanBeDoneWithTheCommand(t *testing.T) {
	_, c := openSlowCourse(t)
	l := newLearner(t, c)
	for _, chapter := range c.Chapters {
		commit, found := c.Milestone(chapter.Number)
		passed := c.cacheFile(claim{"command", commit.Hash, claimText(chapter.Blocks...) + sources(t)})
		if _, err := os.Stat(passed); err == nil || !found || !slices.Contains([]int{1, 3, 8, 9}, chapter.Number) {
			continue
		}
		l.followsChapter(chapter)
		if t.Failed() {
			return
		}
		if err := remember(passed); err != nil {
			t.Error(err)
		}
	}
}

func (l *learner) followsChapter(chapter *Document) {
	l.t.Helper()
	n := chapter.Number
	l.types(fmt.Sprintf("start %d", n), 0, "is now in", chapter.Name)
	l.types(fmt.Sprintf("diff %d", n), 0, "+++ b/", "without its tests")
	for k := range chapter.breaks() {
		l.types(fmt.Sprintf("break %d %d", n, k+1), 0, "The chapter says so, too.")
	}
	exercise := chapter.exercise()
	l.types(fmt.Sprintf("build %d", n), 0, "The test "+exercise.Attrs["build"]+" is in")
	l.types(fmt.Sprintf("check %d", n), 1, "not yet. The test of the exercise")
	w := &worktree{ctx: l.t.Context(), dir: filepath.Join(l.dir, "course", fmt.Sprintf("%02d", n))}
	if out, err := w.apply(solutionOf(chapter, exercise.Attrs["build"]).Body); err != nil {
		l.t.Fatalf("the solution of milestone %d: %s", n, out)
	}
	l.types(fmt.Sprintf("check %d", n), 0, "passed", "Next:")
}
