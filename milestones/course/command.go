package course

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

const usage = `go run ./milestones              where am I, and what is next?
go run ./milestones start 3      get milestone 3 into course/03, to read, run and change it
go run ./milestones diff 3       what the milestone changed, without tests
go run ./milestones break 3      the changes that break it; "break 3 2" tries the second one
go run ./milestones build 3      get the test of "Build it" into course/03, and see it fail
go run ./milestones hint 3       the next of three hints
go run ./milestones check 3      does your code pass?
go run ./milestones answer 3     the answers and the solution, one by one
`

// command is one call of the learner's command.
type command struct {
	*Course
	ctx     context.Context
	in      *bufio.Reader
	out     io.Writer
	chapter *Document
	commit  Commit // of the chapter's milestone
	*progress
}

// complaint is an error that tells the learner in whole sentences what stands in
// the way, and what to do about it.
type complaint string

func (c complaint) Error() string { return string(c) }

// errNotYet is the error of a check that the learner's code does not pass. The
// command has printed the reason.
var errNotYet = errors.New("not yet")

// Run runs the learner's command in the root of a checkout: the first of the
// arguments is a verb, the second one the number of a milestone. It reads answers
// from in, and prints to out. It returns the exit code: 0, or 1 if something
// stands in the way or the learner's code does not pass.
//
// Run changes nothing but the directory course/ and git's list of worktrees and
// branches, and in course/ it changes no file that the learner has changed.
func Run(ctx context.Context, dir string, args []string, in io.Reader, out io.Writer) int {
	err := run(ctx, dir, args, in, out)
	switch {
	case err != nil && ctx.Err() != nil: // whatever failed, it was Ctrl+C
		fmt.Fprintln(out, "Stopped. Nothing has changed.")
	case err != nil && !errors.Is(err, errNotYet):
		fmt.Fprintln(out, err)
	}
	if err != nil {
		return 1
	}
	return 0
}

func run(ctx context.Context, dir string, args []string, in io.Reader, out io.Writer) error {
	verbs := map[string]func(*command, []string) error{
		"start": (*command).start, "diff": (*command).diff, "break": (*command).tryBreak, "build": (*command).build,
		"hint": (*command).hint, "check": (*command).check, "answer": (*command).answer,
	}
	if len(args) > 0 && verbs[args[0]] == nil {
		if !slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
			return complaint(fmt.Sprintf("There is no command %q. There are:\n\n%s", args[0], strings.TrimSpace(usage)))
		}
		fmt.Fprint(out, usage)
		return nil
	}
	c, err := Load(dir)
	if err != nil {
		return err
	}
	p, err := loadProgress(dir)
	if err != nil {
		return err
	}
	cmd := &command{Course: c, ctx: ctx, in: bufio.NewReader(in), out: out, progress: p}
	if len(args) == 0 {
		cmd.list()
		return nil
	}
	if err := cmd.choose(args); err != nil {
		return err
	}
	if most := map[string]int{"break": 1, "hint": 1}[args[0]]; len(args)-2 > most {
		return complaint(fmt.Sprintf("Too much: go run ./milestones %s %s takes no %q.", args[0], args[1], args[2+most]))
	}
	return verbs[args[0]](cmd, args[2:])
}

// choose finds the milestone that the arguments name.
func (c *command) choose(args []string) error {
	if len(args) < 2 {
		return complaint(fmt.Sprintf("Which milestone? For example: go run ./milestones %s %d", args[0], c.next()))
	}
	n, err := strconv.Atoi(args[1])
	i := slices.IndexFunc(c.Chapters, func(d *Document) bool { return d.Number == n })
	commit, found := c.Milestone(n)
	if err != nil || i < 0 || !found {
		return complaint(fmt.Sprintf("There is no milestone %q; there are 1 to %d.", args[1], len(c.Chapters)))
	}
	c.chapter, c.commit = c.Chapters[i], commit
	return nil
}

// list shows all milestones, and what to do next.
func (c *command) list() {
	c.print("The course has %d milestones. Each has a chapter in milestones/.\n\n", len(c.Chapters))
	for _, chapter := range c.Chapters {
		line := fmt.Sprintf("  %2d  %-34s %s", chapter.Number, chapter.title(), c.state(chapter))
		c.print("%s\n", strings.TrimRight(line, " "))
	}
	next := c.next()
	i := slices.IndexFunc(c.Chapters, func(d *Document) bool { return d.Number == next })
	if i < 0 {
		c.print("\nYou have built all of them. milestones/after.md tells what was added besides.\n")
		return
	}
	c.chapter = c.Chapters[i]
	c.suggest()
}

// state says in a few words what the learner has done.
func (c *command) state(chapter *Document) string {
	done := c.of(chapter.Number)
	var words []string
	if c.started(chapter.Number) {
		words = append(words, "started")
	}
	if n := len(done.Breaks); n > 0 {
		words = append(words, fmt.Sprintf("%d of %d breaks tried", n, len(chapter.breaks())))
	}
	if done.Built {
		words = append(words, "built ✓")
	}
	return strings.Join(words, ", ")
}

// next is the number of the milestone to continue with: the first one that is
// started and not built, else the first one that is not built. If all are built, it
// is 0.
func (c *command) next() int {
	var started, all []int
	for _, chapter := range c.Chapters {
		n := chapter.Number
		if c.of(n).Built {
			continue
		}
		all = append(all, n)
		if c.started(n) {
			started = append(started, n)
		}
	}
	return append(append(started, all...), 0)[0]
}

// suggest says what to type next for the chapter.
func (c *command) suggest() {
	n := c.chapter.Number
	done := c.of(n)
	tried := len(done.Breaks)
	switch {
	case done.Built:
		c.print("\nNext: read the rest of %s, and go run ./milestones answer %d\n", c.chapter.Name, n)
		if c.next() != 0 {
			c.print("Then: go run ./milestones start %d\n", c.next())
		}
	case !c.started(n):
		c.print("\nNext: go run ./milestones start %d\n", n)
	case c.exerciseIn(c.learners()) != absent:
		c.print("\nNext: change the program in %s, then go run ./milestones check %d\n", c.place(n), n)
	case tried < len(c.chapter.breaks()):
		c.print("\nNext: read %s as far as \"Break it\", then go run ./milestones break %d\n", c.chapter.Name, n)
	default:
		c.print("\nNext: read \"Build it\" in %s, then go run ./milestones build %d\n", c.chapter.Name, n)
	}
}

func (c *command) print(format string, args ...any) {
	fmt.Fprintf(c.out, format, args...)
}

// hint shows the next hint, or the one with the given number. After the last one, it
// shows the last one again.
func (c *command) hint(args []string) error {
	hints, done := c.chapter.hints(), c.of(c.chapter.Number)
	if len(hints) == 0 {
		return complaint("This chapter has no hints.")
	}
	shown := min(max(done.Hints, 0), len(hints)-1)
	if len(args) > 0 {
		k, err := strconv.Atoi(args[0])
		if err != nil || k < 1 || k > len(hints) {
			return complaint(fmt.Sprintf("There is no hint %q; there are 1 to %d.", args[0], len(hints)))
		}
		shown = k - 1
	}
	c.print("Hint %d of %d for milestone %d:\n\n", shown+1, len(hints), c.chapter.Number)
	for _, text := range hints[shown].Body {
		c.print("  %s\n", text)
	}
	done.Hints = max(done.Hints, shown+1)
	if shown+1 == len(hints) {
		c.print("\nThat is the last hint. go run ./milestones answer %d has the solution.\n", c.chapter.Number)
	} else {
		c.print("\nNext: try it, then go run ./milestones check %d\n", c.chapter.Number)
	}
	return c.save()
}

// answer shows the folded parts of the chapter. It asks before each of them.
func (c *command) answer([]string) error {
	answers := c.chapter.answers()
	c.print("Chapter %d has %d answers. Enter shows one, s skips it, q ends.\n", c.chapter.Number, len(answers))
	for i, one := range answers {
		c.print("\n%d. %s\n", i+1, one.section)
		if one.question != "" && one.section != "Build it" {
			c.print("\n%s\n", plain(one.question))
		}
		c.print("\nShow it? [Enter, s, q] ")
		reply, err := c.in.ReadString('\n')
		switch {
		case strings.HasPrefix(reply, "q"), err == io.EOF:
			c.print("\n")
			return nil
		case err != nil:
			return fmt.Errorf("read the reply: %w", err)
		case !strings.HasPrefix(reply, "s"):
			c.print("\n%s\n", plain(one.text))
		}
	}
	return nil
}
