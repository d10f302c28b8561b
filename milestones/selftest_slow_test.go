package milestones

import (
	"flag"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// slowChecks are the checks that compile and run the sample's milestones.
func slowChecks(c *course) []string {
	return slices.Concat(checkStandalone(c), checkBreaks(c), checkBuilds(c), checkOutputs(c))
}

// needSlow skips a test that has not been asked for, or that has passed with
// the checks as they are now.
func needSlow(t *testing.T) {
	t.Helper()
	if os.Getenv("CHAT_COURSE") != "1" {
		t.Skip("this self-test compiles and runs small programs: set CHAT_COURSE=1 to have it")
	}
	if strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return // only some of the rows: that they pass is nothing to remember
	}
	c := &course{}
	var err error
	if c.cacheDir, err = cacheDir(); err != nil {
		t.Fatal(err)
	}
	passed := c.cacheFile(claim{"selftest", t.Name(), sources(t)})
	if _, err := os.Stat(passed); err == nil {
		t.Skip("has passed before with the checks as they are")
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

// sources are the checks themselves, as one text.
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

// The sample passes, leaves no worktree behind, and passes a second time
// without trying anything again.
func TestSampleCourseRuns(t *testing.T) {
	needSlow(t)
	c := newSample(t).build()
	c.port = freePort(t)
	if problems := slowChecks(c); len(problems) > 0 {
		t.Fatalf("the sample has problems:\n%s", strings.Join(problems, "\n"))
	}
	if list, err := c.git("worktree", "list"); err != nil || strings.Count(list, "\n") != 1 {
		t.Errorf("worktrees were left behind: %v\n%s", err, list)
	}
	c.verify(claim{"standalone", c.commits[first].hash, ""}, func(*worktree) []string {
		t.Error("a claim that has passed is tried again")
		return nil
	})
}

// TestSlowMistakesAreFound sees every slow check failing. The rows share what
// they remember, so that each tries only what its mistake has made new.
func TestSlowMistakesAreFound(t *testing.T) {
	needSlow(t)
	port, cache := freePort(t), t.TempDir()
	for _, row := range slices.Concat(aloneMistakes(), exerciseMistakes(), outputMistakes()) {
		t.Run(row.mistake, func(t *testing.T) {
			s := newSample(t)
			row.make(s)
			c := s.build()
			c.port, c.timeout, c.cacheDir = port, "8s", cache
			expectTold(t, row.check(c), row.told)
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
	expectTold(t, checkOutputs(c), []string{"milestones/01-basics.md:19: block ```console (“$ go run .”): port " + c.port + " is taken by another program"})
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

// What runs on is ended with its block, however deep it hides.
func TestNothingRunsOnAfterABlock(t *testing.T) {
	needSlow(t)
	s := newSample(t)
	mark := filepath.Join(t.TempDir(), "alive")
	s.replace(second, chapterTwo, "$ kill %1", "$ (bash -c 'while sleep 0.1; do date > "+mark+"; done' &) &\n$ sleep 0.5")
	c := s.build()
	c.port = freePort(t)
	if problems := checkOutputs(c); len(problems) > 0 {
		t.Fatal(problems)
	}
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // it would write three times
	if _, err := os.Stat(mark); err == nil {
		t.Error("a background command still runs")
	}
}
