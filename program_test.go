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

// TestMain lets a test start the real program without building it first: when this
// variable is in the environment, the test binary runs main instead of the tests.
func TestMain(m *testing.M) {
	if os.Getenv("CHAT_TEST_RUN_MAIN") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program runs the real program in a process of its own.
type program struct {
	t    testing.TB
	cmd  *exec.Cmd
	addr string
	log  *bufio.Scanner

	debugAddr string // if flags has a -debug-addr

	stderr io.Reader
}

func startProgram(t testing.TB, db string, flags ...string) *program {
	t.Helper()
	flags = append([]string{"-addr", "127.0.0.1:0", "-db", db, "-rate", "0"}, flags...) // without a rate limit, unless flags has a -rate: the last one counts
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
	p.findsAddresses()
	return p
}

// findsAddresses reads in the log where the program listens.
func (p *program) findsAddresses() {
	p.t.Helper()
	for p.addr = ""; p.addr == ""; {
		line := p.logs("is running")
		addr := regexp.MustCompile(`http://([^/\s]+)`).FindStringSubmatch(line)[1]
		if strings.Contains(line, "chat is running") {
			p.addr = addr
		} else {
			p.debugAddr = addr
		}
	}
}

// logs reads the program's log until a line contains the given words, and returns the
// line.
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

// exit waits until the program ends, and returns how it ended.
func (p *program) exit() syscall.WaitStatus {
	p.t.Helper()
	for p.log.Scan() { // Wait closes the pipe, so the log must be read first
	}
	p.cmd.Wait()
	return p.cmd.ProcessState.Sys().(syscall.WaitStatus)
}

func (p *program) join(name string) *browser {
	p.t.Helper()
	server := &testServer{t: p.t, dial: func() (net.Conn, error) { return net.Dial("tcp", p.addr) }}
	return server.join(name)
}

func TestSignalCausesGracefulShutdown(t *testing.T) {
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
			if line := p.logs("chat is stopping"); !strings.Contains(line, signal.String()) {
				t.Errorf("the log does not name the signal %q: %s", signal, line)
			}
			if code := bob.waitForClose(); code != closeGoingAway {
				t.Errorf("close code %d, want %d", code, closeGoingAway)
			}
			if status := p.exit(); status.ExitStatus() != 0 {
				t.Errorf("exit code %d, want 0", status.ExitStatus())
			}
			if files, _ := filepath.Glob(db + "*"); len(files) != 1 {
				t.Errorf("the program left the files %q, want only the database", files)
			}
			startProgram(t, db).join("eve").hears(seen...)
		})
	}
}

// While a connection is open on which no request has arrived yet, shutting down takes a
// second. In that second an impatient person may press Ctrl-C again.
func TestASecondSignalStopsAtOnce(t *testing.T) {
	p := startProgram(t, filepath.Join(t.TempDir(), "chat.db"))
	silent, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	response, err := http.Get("http://" + p.addr) // connections are accepted in order: after this response, silent is accepted too
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
		t.Errorf("the program ended by itself, with exit code %d, want it ended by SIGINT", status.ExitStatus())
	}
}

// All clients share one deadline at a shutdown. A stalled client must not delay the
// shutdown beyond it. But until then the server must wait for the client, and must log
// its disconnect.
func TestShutdownWaitsForStalledClientUntilDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		server := startServer(t)
		server.joinStalled()
		synctest.Wait() // until the write of the welcome blocks

		start := time.Now()
		server.stop()
		if took := time.Since(start); took != endWait {
			t.Errorf("the shutdown took %v, want %v", took, endWait)
		}
		log.contains(t, "msg=disconnected")
	})
}
