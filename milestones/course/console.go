package course

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// step is a command of a console block, and the output quoted below it.
type step struct {
	command string
	quoted  []string
}

func splitSteps(b *Block) ([]step, string) {
	var steps []step
	for _, l := range b.Body {
		command, isCommand := strings.CutPrefix(l, "$ ")
		switch {
		case isCommand:
			steps = append(steps, step{command: command})
		case len(steps) > 0:
			steps[len(steps)-1].quoted = append(steps[len(steps)-1].quoted, l)
		case strings.TrimSpace(l) != "":
			return nil, "begins with an output: begin with a command, with \"$ \" before it"
		}
	}
	if len(steps) == 0 {
		return nil, "has no command: write \"$ \" before it"
	}
	return steps, ""
}

// background reports whether a command goes on while the next one runs.
func (s step) background() bool {
	return strings.HasSuffix(strings.TrimSpace(s.command), " &")
}

// consoleProblem runs a block and reports the first difference between what it
// prints and what the chapter quotes.
func consoleProblem(w *worktree, b *Block) string {
	steps, wrong := splitSteps(b)
	if wrong != "" {
		return wrong
	}
	if portTaken(w.port) {
		return "port " + w.port + " is in use by another program, and console blocks need it: stop that program first"
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

// awaitStep waits until a command has ended and everything printed since the
// beginning of the block is what the chapter quotes. A server in the background
// may print its part a little later.
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
	return fmt.Sprintf("after $ %s the output differs (- chapter, + printed, masked):\n%s",
		one.command, diffLines(want, maskLines(printed)))
}

// hopeless reports that no further line can make the output match: there are
// enough whole lines already, and the caller knows that they do not match.
func hopeless(want []string, printed string) bool {
	whole := printed[:strings.LastIndex(printed, "\n")+1]
	return !slices.Contains(want, "…") && len(maskLines(whole)) >= max(len(want), 1)
}

// settle gives a server in the background time to print something that the
// chapter does not quote.
func settle(ctx context.Context, s *session, want []string) string {
	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	printed, _ := s.until(ctx, func(string, int) bool { return false })
	if got := maskLines(printed); !matchLines(want, got) {
		return "at the end there is more output (- chapter, + printed, masked):\n" + diffLines(want, got)
	}
	return ""
}

// portTaken waits up to two seconds, because the server of the block before may
// not have ended yet.
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
