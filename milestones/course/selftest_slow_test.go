package course

import (
	"context"
	"flag"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// slowChecks runs the checks that compile and run the sample's milestones.
func slowChecks(ctx context.Context, c *Course) []string {
	return slices.Concat(checkStandalone(ctx, c), checkBreaks(ctx, c), checkBuilds(ctx, c), checkOutputs(ctx, c))
}

// needSlow skips a slow test unless CHAT_COURSE=1 asks for it, and also if it has
// passed with the same source code before.
func needSlow(t *testing.T) {
	t.Helper()
	if os.Getenv("CHAT_COURSE") != "1" {
		t.Skip("this self-test compiles and runs small programs: set CHAT_COURSE=1 to run it")
	}
	if strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return // this runs only some of the rows, so do not remember that they pass
	}
	c := &Course{}
	var err error
	if c.cacheDir, err = cacheDir(); err != nil {
		t.Fatal(err)
	}
	passed := c.cacheFile(claim{"selftest", t.Name(), sources(t)})
	if _, err := os.Stat(passed); err == nil {
		t.Skip("has passed before with the same source code")
	}
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		if err := remember(passed); err != nil {
			t.Error(err)
		}
	})
}

// sources is the source code of this package as one text.
func sources(t *testing.T) string {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// The sample passes and leaves no worktree behind. What has passed is not tried
// again.
func TestSampleCourseRuns(t *testing.T) {
	needSlow(t)
	c := newSample(t).build()
	c.port = freePort(t)
	if problems := slowChecks(t.Context(), c); len(problems) > 0 {
		t.Fatalf("the sample has problems:\n%s", strings.Join(problems, "\n"))
	}
	if list, err := c.git("worktree", "list"); err != nil || strings.Count(list, "\n") != 1 {
		t.Errorf("worktrees were left behind: %v\n%s", err, list)
	}
	c.verify(t.Context(), claim{"standalone", c.history[first].Hash, ""}, func(*worktree) []string {
		t.Error("a claim that has passed is tried again")
		return nil
	})
}

// TestSlowMistakesAreFound sees every slow check fail. The rows share a cache, so
// that each of them tries only the claims that its mistake changes.
func TestSlowMistakesAreFound(t *testing.T) {
	needSlow(t)
	port, cache := freePort(t), t.TempDir()
	for _, row := range slices.Concat(aloneMistakes(), exerciseMistakes(), outputMistakes()) {
		t.Run(row.mistake, func(t *testing.T) {
			s := newSample(t)
			row.make(s)
			c := s.build()
			c.port, c.timeout, c.cacheDir = port, "8s", cache
			expectTold(t, row.check(t.Context(), c), row.told)
		})
	}
}

func TestTakenPortIsFound(t *testing.T) {
	needSlow(t)
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c := newSample(t).build()
	_, c.port, _ = net.SplitHostPort(listener.Addr().String())
	expectTold(t, checkOutputs(t.Context(), c), []string{"milestones/01-basics.md:19: block ```console (“$ go run .”): port " + c.port + " is in use by another program"})
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// The end of a block kills its background commands, and what these have started.
func TestNothingOutlivesItsBlock(t *testing.T) {
	needSlow(t)
	s := newSample(t)
	mark := filepath.Join(t.TempDir(), "alive")
	s.replace(second, chapterTwo, "$ kill %1", "$ (bash -c 'while sleep 0.1; do date > "+mark+"; done' &) &\n$ sleep 0.5")
	c := s.build()
	c.port = freePort(t)
	if problems := checkOutputs(t.Context(), c); len(problems) > 0 {
		t.Fatal(problems)
	}
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // the command would write three times
	if _, err := os.Stat(mark); err == nil {
		t.Error("a background command is still running")
	}
}

// slowChange is a change with the one check that has to find it.
type slowChange struct {
	change
	check func(context.Context, *Course) []string
}

func aloneMistakes() []slowChange {
	inHub := func(mistake, old, becomes string, told ...string) slowChange {
		return slowChange{change{mistake, func(s *sample) { s.replace(second, "hub.go", old, becomes) }, told}, checkStandalone}
	}
	return []slowChange{
		inHub("not formatted", "clients int", "clients  int", "milestone 2 (", "does not stand alone: gofmt -l . says\n  | hub.go"),
		inHub("not vetted", "h.clients++", "h.clients = h.clients", "go vet ./... says"),
		inHub("not compiling", "h.clients++", "h.client++", "go build ./... says", "h.client undefined"),
		inHub("a failing test", "h.clients++", "h.clients += 2", "go test -race -count=1 ./... says", "10 joined, 20 are here"),
		{change{"not tidy", func(s *sample) {
			s.commits[first].files["go.mod"] = "module chat\n\ngo 1.26\n\nrequire chat/nothing v0.0.0\n\nreplace chat/nothing => ./nothing\n"
			s.commits[first].files["nothing/go.mod"] = "module chat/nothing\n"
		}, []string{"go mod tidy -diff says"}}, checkStandalone},
	}
}

func exerciseMistakes() []slowChange {
	broken := func(mistake, file, old, becomes string, told ...string) slowChange {
		return slowChange{change{mistake, func(s *sample) { s.edit(file, old, becomes) }, told}, checkBreaks}
	}
	built := func(mistake, old, becomes string, told ...string) slowChange {
		return slowChange{change{mistake, func(s *sample) { s.edit(chapterOne, old, becomes) }, told}, checkBuilds}
	}
	return []slowChange{
		broken("a line in a diff", chapterOne, "-\treturn \"hello, \" + name", "-\treturn \"hallo, \" + name", chapterOne+":141: block ```diff break=TestGreet (“--- a/main.go”): ", "the diff does not apply"),
		broken("a diff that breaks nothing", chapterOne, "+\treturn \"hello \" + name", "+\treturn (\"hello, \" + name)", "the diff breaks nothing: TestGreet still passes"),
		broken("a diff that does not compile", chapterOne, "+\treturn \"hello \" + name", "+\treturn hello", "with the diff the program does not compile, so the test cannot run"),
		broken("a word in the quoted line", chapterOne, `greet said "hello bob"`, `greet says "hello bob"`, "does not print (after masking):\n- greet says \"hello bob\"", `main_test.go:7: greet said "hello bob"`),
		broken("no such test", chapterOne, "break=TestGreet", "break=TestGreeting", "there is no test TestGreeting"),
		broken("a word in the second break", chapterTwo, "-\tdefer h.mu.Unlock()\n \th.clients++\n }\n```\n\n```text fails\nsomebody", "-\tdefer h.mu.Unlock()\n \th.clients++\n }\n```\n\n```text fails\nnobody", "- nobody still waits"),
		broken("race where there is none", chapterOne, "break=TestGreet", "break=TestGreet race", "reports no data race"),
		{change{"a test that never passes", func(s *sample) { s.replace(first, "main_test.go", "hello, bob", "hi, bob") }, []string{"TestGreet already fails without the diff"}}, checkBreaks},
		{change{"a deadlock that no test reports", func(s *sample) { s.replace(second, "hub_test.go", "5 * time.Second", "5 * time.Hour") }, []string{"runs into its timeout of 8s instead of reporting the failure itself"}}, checkBreaks},
		built("no test added", "func TestNobody", "func TestSomebody", "the diff adds no test TestNobody"),
		built("a test that passes already", "greet(\"\") != \"hello\"", "greet(\"\") == \"hello\"", "TestNobody already passes without the solution"),
		built("a test that does not compile", "greet(\"\") != \"hello\"", "great(\"\") != \"hello\"", "the test does not compile without the solution"),
		built("a line in the solution", " \treturn \"hello, \" + name\n }\n```\n\n</details>", " \treturn \"hallo, \" + name\n }\n```\n\n</details>", "block ```diff solution=TestNobody", "the solution does not apply on top of the diff build=TestNobody"),
		built("a solution that solves nothing", "+\t\treturn \"hello\"", "+\t\treturn \"hallo\"", "with the solution TestNobody does not pass"),
	}
}

func outputMistakes() []slowChange {
	printed := func(mistake, old, becomes string, told ...string) slowChange {
		return slowChange{change{mistake, func(s *sample) { s.edit(chapterTwo, old, becomes) }, told}, checkOutputs}
	}
	return []slowChange{
		printed("a word in an output", "hello, bob", "hello, bib", "after $ go run . && go vet ./... the output differs", "- hello, bib\n+ hello, bob"),
		printed("not the previous commit", "console at=previous", "console", "- hello, ada\n+ hello, bob"),
		printed("a word behind …", "--- PASS: TestJoin", "--- PASS: TestLeave", "  …\n- --- PASS: TestLeave (·)"),
		printed("an output without a command", "$ go run .\nhello, ada", "go run .\nhello, ada", "begins with an output"),
		printed("a word of a server", "listening at 01", "is listening at 01", "- is listening at · on localhost:·\n+ listening at · on localhost:·"),
		printed("an output that is not quoted", "$ kill %1", "$ (sleep 0.1; echo surplus) &", "at the end there is more output", "+ surplus"),
		printed("a shell that ends", "$ kill %1", "$ exit 3\n$ kill %1", "ended the shell"),
	}
}
