package milestones

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOutputs(t *testing.T) {
	c := openSlowCourse(t)
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("console blocks are run by bash, and there is none here")
	}
	c.report(t, checkOutputs(c))
}

// checkOutputs runs the console blocks, one at a time: they share port 8080.
func checkOutputs(c *course) []string {
	var problems []string
	for _, chapter := range c.chapters {
		for _, b := range chapter.blocks {
			if b.lang != "console" || b.has("unchecked") {
				continue
			}
			at, wrong := c.commitOf(chapter, b)
			if wrong != "" {
				problems = append(problems, wrong)
				continue
			}
			problems = append(problems, c.verify(claim{"output", at.hash, blockKey(b)}, func(w *worktree) []string {
				if wrong := consoleProblem(w, b); wrong != "" {
					return []string{b.problem("%s", wrong)}
				}
				return nil
			})...)
		}
	}
	return problems
}

// step is a command of a console block, and what is quoted below it.
type step struct {
	command string
	quoted  []string
}

func splitSteps(b *block) ([]step, string) {
	var steps []step
	for _, l := range b.body {
		command, isCommand := strings.CutPrefix(l, "$ ")
		switch {
		case isCommand:
			steps = append(steps, step{command: command})
		case len(steps) > 0:
			steps[len(steps)-1].quoted = append(steps[len(steps)-1].quoted, l)
		case strings.TrimSpace(l) != "":
			return nil, "begins with an output: a command line, with \"$ \" before it, comes first"
		}
	}
	if len(steps) == 0 {
		return nil, "has no command: write \"$ \" before it"
	}
	return steps, ""
}

// background says whether a command goes on while the next one runs.
func (s step) background() bool {
	return strings.HasSuffix(strings.TrimSpace(s.command), " &")
}

// consoleProblem runs a block and says where its output is another one.
func consoleProblem(w *worktree, b *block) string {
	steps, wrong := splitSteps(b)
	if wrong != "" {
		return wrong
	}
	if portTaken(w.port) {
		return "port " + w.port + " is taken by another program, and console blocks use it for real: end that program first"
	}
	s, err := startSession(w)
	if err != nil {
		return err.Error()
	}
	defer s.close()
	ctx, cancel := context.WithTimeout(w.ctx, 2*time.Minute)
	defer cancel()
	var want []string
	background := false
	for i, one := range steps {
		background = background || one.background()
		want = append(want, maskLines(strings.Join(one.quoted, "\n"))...)
		if err := s.start(one.command); err != nil {
			return fmt.Sprintf("the shell ended before $ %s", one.command)
		}
		if wrong := awaitStep(ctx, s, i+1, one, want, background); wrong != "" {
			return wrong
		}
	}
	if background {
		return settle(ctx, s, want)
	}
	return ""
}

// awaitStep waits until a command has ended and all that was printed since
// the beginning of the block is what the chapter quotes. A server in the
// background may print its part a little later.
func awaitStep(ctx context.Context, s *session, number int, one step, want []string, background bool) string {
	printed, ok := s.until(ctx, func(_ string, ended int) bool { return ended >= number })
	if !ok {
		return fmt.Sprintf("$ %s did not end within 2 minutes of the block's start, or ended the shell:\n%s", one.command, shorten(printed))
	}
	limit := time.Duration(0)
	expected := want
	if background {
		limit = 10 * time.Second
	}
	if one.background() {
		limit = 2 * time.Minute // go run compiles first
		expected = append(want[:len(want):len(want)], "…")
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	matches := func(printed string) bool { return matchLines(expected, maskLines(printed)) }
	printed, _ = s.until(ctx, func(printed string, _ int) bool { return matches(printed) || hopeless(want, printed) })
	if matches(printed) {
		return ""
	}
	return fmt.Sprintf("after $ %s the output is another one (- chapter, + found, masked):\n%s",
		one.command, diffLines(want, maskLines(printed)))
}

// hopeless says that no further line can make the output match: there are
// enough whole lines already, and the caller has seen that they are others.
func hopeless(want []string, printed string) bool {
	whole := printed[:strings.LastIndex(printed, "\n")+1]
	return !slices.Contains(want, "…") && len(maskLines(whole)) >= max(len(want), 1)
}

// settle gives a server in the background the time to print what the
// chapter does not quote.
func settle(ctx context.Context, s *session, want []string) string {
	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	printed, _ := s.until(ctx, func(string, int) bool { return false })
	if got := maskLines(printed); !matchLines(want, got) {
		return "in the end there is more output (- chapter, + found, masked):\n" + diffLines(want, got)
	}
	return ""
}

// portTaken gives a server that was just ended a moment to disappear.
func portTaken(port string) bool {
	for range 20 {
		listener, err := net.Listen("tcp", "localhost:"+port)
		if err == nil {
			listener.Close()
			return false
		}
		time.Sleep(100 * time.Millisecond)
	}
	return true
}
