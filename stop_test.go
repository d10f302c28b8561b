//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestMain lets the test binary be the real program: started again with this
// variable in its environment, it runs main instead of the tests.
func TestMain(m *testing.M) {
	if os.Getenv("CHAT_TEST_RUN_MAIN") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program is the real program in a process of its own.
type program struct {
	t    testing.TB
	cmd  *exec.Cmd
	addr string
	log  *bufio.Scanner

	stderr io.Reader
}

func startProgram(t testing.TB, db string, flags ...string) *program {
	t.Helper()
	flags = append([]string{"-addr", "127.0.0.1:0", "-db", db, "-rate", "0"}, flags...) // a later -rate wins
	p := &program{t: t, cmd: exec.Command(os.Args[0], flags...)}
	p.cmd.Env = append(os.Environ(), "CHAT_TEST_RUN_MAIN=1")
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill() })
	p.stderr = stderr
	p.log = bufio.NewScanner(stderr)
	p.addr = regexp.MustCompile(`http://(\S+)`).FindStringSubmatch(p.logs("chat is running"))[1]
	return p
}

// logs reads the program's log up to a line with the given words.
func (p *program) logs(want string) (line string) {
	p.t.Helper()
	for p.log.Scan() {
		if strings.Contains(p.log.Text(), want) {
			return p.log.Text()
		}
	}
	p.t.Fatalf("the log ended without %q", want)
	return ""
}

func (p *program) signal(signal os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
}

// exit waits for the end of the program.
func (p *program) exit() syscall.WaitStatus {
	p.t.Helper()
	for p.log.Scan() { // Wait must not be called before all is read
	}
	p.cmd.Wait()
	return p.cmd.ProcessState.Sys().(syscall.WaitStatus)
}

func (p *program) join(name string) *browser {
	p.t.Helper()
	server := &testServer{t: p.t, dial: func() (net.Conn, error) { return net.Dial("tcp", p.addr) }}
	return server.join(name)
}

func TestAStopInOrder(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			db := filepath.Join(t.TempDir(), "chat.db")
			p := startProgram(t, db)
			ann, bob := p.join("ann"), p.join("bob")
			var seen []string
			for n := range historySize {
				ann.says(fmt.Sprint(n))
				seen = append(seen, fmt.Sprint("ann: ", n))
			}
			bob.hears(seen...)

			p.signal(signal)
			if code := bob.isGone(); code != closeGoingAway {
				t.Errorf("close code %d, want %d", code, closeGoingAway)
			}
			if status := p.exit(); status.ExitStatus() != 0 {
				t.Errorf("exit code %d, want 0", status.ExitStatus())
			}
			if files, _ := filepath.Glob(db + "*"); len(files) != 1 {
				t.Errorf("the program left %q, want the database alone", files)
			}
			startProgram(t, db).join("eve").hears(seen...)
		})
	}
}

// A connection on which nothing was asked yet makes the stop take a second, in
// which the impatient press Ctrl-C again.
func TestASecondSignalStopsAtOnce(t *testing.T) {
	p := startProgram(t, filepath.Join(t.TempDir(), "chat.db"))
	silent, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	response, err := http.Get("http://" + p.addr) // answered, so the connection before was accepted
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()

	p.signal(os.Interrupt)
	p.logs("chat is stopping")
	go func() {
		for p.cmd.Process.Signal(os.Interrupt) == nil {
			time.Sleep(time.Millisecond)
		}
	}()
	if status := p.exit(); status.Signal() != syscall.SIGINT {
		t.Errorf("exit code %d, want an end by SIGINT", status.ExitStatus())
	}
}

// A client whose connection is stuck must not hold the stop up for longer than
// all have together, and the stop must not forget it.
func TestAStopWaitsForTheClientsButNotForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		server := startServer(t)
		server.joinDeaf()
		synctest.Wait() // until the welcome is stuck

		start := time.Now()
		server.stop()
		if took := time.Since(start); took != stopWait {
			t.Errorf("the stop took %v, want %v", took, stopWait)
		}
		log.contains(t, "msg=disconnected")
	})
}
