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
	"slices"
	"strconv"
	"strings"
	"sync"
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
			if line := p.logs("chat is stopping"); !strings.Contains(line, signal.String()) {
				t.Errorf("the log does not name the signal %q: %s", signal, line)
			}
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

// BenchmarkOneMachine measures the real program with a thousand people in the
// room: what each of them costs while nothing happens, and how long a message
// takes from its sender to everybody, alone and in a stream. The people are
// goroutines of this process, and share the machine with the program.
//
//	go test -run - -bench OneMachine -benchtime 3s .
func BenchmarkOneMachine(b *testing.B) {
	const people = 1000
	p := startProgram(b, filepath.Join(b.TempDir(), "chat.db"), "-max-clients", fmt.Sprint(people+1))
	go io.Copy(io.Discard, p.stderr)
	empty := p.memory()
	room := make([]*browser, people)
	var entering sync.WaitGroup
	for i := range room {
		entering.Go(func() { room[i] = p.join(fmt.Sprint(i)) })
	}
	entering.Wait()
	idle := float64(p.memory()-empty) / people

	b.Run("alone", func(b *testing.B) {
		var times []time.Duration
		for b.Loop() {
			start := time.Now()
			room[0].says("hello everybody")
			for _, person := range room {
				<-person.frames
			}
			times = append(times, time.Since(start))
		}
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms/median")
		b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "ms/p99")
		b.ReportMetric(idle/1024, "KiB/client")
	})
	b.Run("stream", func(b *testing.B) {
		for b.Loop() {
			for range 10 {
				room[0].says("hello everybody")
			}
			for _, person := range room {
				for range 10 {
					<-person.frames
				}
			}
		}
		b.ReportMetric(10*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		b.ReportMetric(10*people*float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
	})
}

// memory is what the program occupies, in bytes, as Linux counts it. The
// benchmark is skipped elsewhere.
func (p *program) memory() int {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Skip(err)
	}
	kilobytes, err := strconv.Atoi(string(regexp.MustCompile(`VmRSS:\s+(\d+)`).FindSubmatch(status)[1]))
	if err != nil {
		p.t.Fatal(err)
	}
	return kilobytes * 1024
}
