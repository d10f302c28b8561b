//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/websocket"
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

var crashes = flag.Int("crashes", 5, "let TestNothingIsLostInACrash kill the program this `number` of times")

// Twenty people talk and twenty only read, while the test kills the program again and
// again, and restarts it with the same database. A sender whose text has no answer
// repeats it after the restart. In the end, everything that anybody has said or seen
// must be in the database, once:
//
//	go test -run NothingIsLostInACrash -v . -crashes 100
//
// A kill does not stop the operating system, which still has everything that the
// program has written to its files. So this test cannot show that the program waits for
// the disk. For that, TestDatabaseOptionsTakeEffect reads the setting back.
func TestNothingIsLostInACrash(t *testing.T) {
	const many = 20
	db := filepath.Join(t.TempDir(), "chat.db")
	var senders, readers []*person
	for n := range many {
		senders = append(senders, &person{t: t, name: fmt.Sprint("sender", n)})
		readers = append(readers, &person{t: t, name: fmt.Sprint("reader", n)})
	}
	var talking, reading sync.WaitGroup
	t.Cleanup(talking.Wait) // cleanups run in reverse order: by then, every program has been killed
	t.Cleanup(reading.Wait)

	for crash := range *crashes {
		p := startProgram(t, db)
		moment := make(chan struct{})
		var left atomic.Int32
		left.Store(1 + many*rand.Int32N(6)) // the twenty talk in step, so this is often the first answer of a batch
		answered := func() {
			if left.Add(-1) == 0 {
				close(moment)
			}
		}
		for n := range many {
			reading.Go(func() { readers[n].reads(p.dial) })
			talking.Go(func() { senders[n].talks(p.dial, math.MaxInt, answered) })
		}
		select {
		case <-moment:
		case <-time.After(testTimeout):
			t.Fatalf("after %d crashes, the senders still wait for %d answers, after %v", crash, left.Load(), testTimeout)
		}
		if crash%2 == 0 { // otherwise the kill comes while the other answers are on their way
			waitForWrite(t, db)
		}
		p.signal(syscall.SIGKILL)
		if status := p.exit(); status.Signal() != syscall.SIGKILL {
			t.Fatalf("the program ended by itself, with exit code %d", status.ExitStatus())
		}
		talking.Wait() // their connections have ended
		reading.Wait()
	}

	p := startProgram(t, db)
	for n := range many {
		reading.Go(func() { readers[n].reads(p.dial) })
		talking.Go(func() { senders[n].talks(p.dial, senders[n].said, func() {}) })
	}
	talking.Wait()
	p.signal(syscall.SIGTERM)
	if code := p.exit().ExitStatus(); code != 0 {
		t.Errorf("the program ended with exit code %d, want 0", code)
	}
	reading.Wait()
	t.Logf("%d kills", *crashes)
	everythingIsSavedOnce(t, slices.Concat(senders, readers), db)
}

// The connection is lost at any byte, in either direction: in the handshake, in the
// middle of a frame, between a text and its answer. The sender cannot know whether the
// server has the text, and repeats it.
func TestSenderWhoseConnectionIsCutSaysEverythingOnce(t *testing.T) {
	const texts, mostConnections = 200, 3000
	synctest.Test(t, func(t *testing.T) {
		captureLog(t) // keeps hundreds of lines out of the output
		server := startServer(t)
		bob := server.join("bob")
		ann := &person{t: t, name: "ann"}
		cut := func() (net.Conn, error) {
			conn, err := server.dial()
			return &cutConn{Conn: conn, reads: 1 + rand.IntN(9000), writes: 1 + rand.IntN(500)}, err
		}
		connections := 0
		for ; ann.said < texts || ann.waiting; connections++ {
			if connections == mostConnections {
				t.Fatalf("after %d connections, ann has no answer to text %d of %d", connections, ann.said, texts)
			}
			ann.talks(cut, texts, func() {})
		}
		synctest.Wait()

		var want []string
		for n := range texts {
			want = append(want, fmt.Sprint("ann: ", n+1))
		}
		if heard := bob.heard(); !slices.Equal(heard, want) {
			t.Errorf("bob, who stayed, heard %q, want the numbers from 1 to %d, each once", heard, texts)
		}
		server.stop()
		t.Logf("%d connections", connections)
		everythingIsSavedOnce(t, []*person{ann}, server.path)
	})
}

// person plays a page that survives the end of its connection: it keeps a text until the
// server answers it, and repeats it with the same ref on the next connection. The texts
// are the numbers 1, 2, 3, …; one is on its way at a time. Only one goroutine at a time
// uses a person.
type person struct {
	t       testing.TB
	name    string
	said    int  // how many texts; this is also the last text
	waiting bool // for the answer to the last text

	ws       *websocket.Conn
	repeated string      // the ref of the text that was repeated on this connection; "" means none, or that the answer is here
	seen     [][]Message // on each connection, in the order in which the messages came
	answers  []Message   // to repeats: messages that came before, or that are older than the history
	doubled  []string    // came again, although this person did not ask
}

// reads connects, and reads until the connection ends.
func (p *person) reads(dial func() (net.Conn, error)) {
	if p.joins(dial) {
		defer p.ws.Close()
		for p.hears() {
		}
	}
}

// talks connects, repeats the last text if it has no answer, and goes on until the server
// has answered all texts, or until the connection ends. It calls answered after each
// answer.
func (p *person) talks(dial func() (net.Conn, error), texts int, answered func()) {
	if !p.joins(dial) {
		return
	}
	defer p.ws.Close()
	if p.waiting {
		p.repeated = p.ref()
	}
	for p.waiting || p.said < texts {
		if !p.waiting {
			p.said++
			p.waiting = true
		}
		fmt.Fprintf(p.ws, `{"text":"%d","ref":"%s"}`, p.said, p.ref()) // if this write fails, the next read fails, too
		for p.waiting {
			if !p.hears() {
				return
			}
		}
		answered()
	}
}

func (p *person) ref() string { return fmt.Sprint(p.name, "-", p.said) }

// joins returns false if the connection ends before the handshake is complete.
func (p *person) joins(dial func() (net.Conn, error)) bool {
	conn, err := dial()
	if err != nil {
		return false
	}
	conn.SetDeadline(time.Now().Add(testTimeout))
	config, err := websocket.NewConfig("ws://chat.localhost/ws", "http://chat.localhost")
	if err != nil {
		p.t.Error(err)
	}
	p.ws, err = websocket.NewClient(config, conn)
	if err != nil {
		conn.Close()
		return false
	}
	p.repeated = ""
	p.seen = append(p.seen, nil)
	fmt.Fprintf(p.ws, `{"name":"%s"}`, p.name)
	return true
}

// hears reads one frame, and returns false if the connection has ended. The person does
// not look for its text in the history: it insists on the answer.
func (p *person) hears() bool {
	var frame []byte
	if websocket.Message.Receive(p.ws, &frame) != nil {
		return false
	}
	var elements []Message
	if json.Unmarshal(frame, &elements) != nil {
		return false // the connection ended in the middle of this frame
	}
	history := len(elements) > 0 && elements[0].Kind == "history"
	for _, m := range elements {
		switch {
		case m.Kind == "error":
			p.t.Errorf("%s received the error %q", p.name, m.Text)
			return false
		case m.Kind == "chat":
			p.sees(m)
			if m.Ref == p.ref() && !history {
				p.waiting = false
			}
		}
	}
	return true
}

// sees notes a message. On one connection, the ids must grow. Only the answer to a repeat
// may be older.
func (p *person) sees(m Message) {
	seen := &p.seen[len(p.seen)-1]
	switch {
	case len(*seen) == 0 || m.ID > (*seen)[len(*seen)-1].ID:
		*seen = append(*seen, m)
	case m.Ref == p.repeated:
		p.repeated = ""
		p.answers = append(p.answers, m)
	default:
		p.doubled = append(p.doubled, m.String())
	}
}

// everythingIsSavedOnce compares what people have said and seen with the database of a
// server that has stopped.
func everythingIsSavedOnce(t *testing.T, people []*person, db string) {
	t.Helper()
	saved := allSaved(t, db)
	position := make(map[Message]int) // in saved, by message
	times := make(map[string]int)     // in saved, by name and text
	for i, m := range saved {
		position[m] = i
		times[m.String()]++
	}

	said, answers := 0, 0
	shown := make(map[int64]bool)
	var lost, doubled = make(map[string]bool), make(map[string]bool)
	for _, p := range people {
		if p.waiting {
			t.Errorf("%s has no answer to the last text, %d", p.name, p.said)
		}
		said += p.said
		answers += len(p.answers)
		for n := range p.said {
			words := fmt.Sprintf("%s: %d", p.name, n+1)
			switch times[words] {
			case 0:
				lost[words] = true
			case 1:
			default:
				doubled[words] = true
			}
		}
		for _, words := range p.doubled {
			doubled[words] = true
		}
		for _, m := range append(slices.Concat(p.seen...), p.answers...) {
			shown[m.ID] = true
			if _, found := position[m]; !found {
				lost[m.String()] = true
			}
		}
	}
	t.Logf("%d messages posted, %d of them repeated although they were saved, %d shown, %d lost, %d duplicated", said, answers, len(shown), len(lost), len(doubled))
	if len(lost) > 0 {
		t.Errorf("somebody has said or seen these, but the database does not have them, or has them with another id or another content: %q", some(lost))
	}
	if len(doubled) > 0 {
		t.Errorf("the database has these more than once, or somebody saw them again, after newer ones: %q", some(doubled))
	}
	if t.Failed() {
		return // it could not be the same order
	}

	// Each connection shows a part of the database, without a gap, in the same order.
	next := make(map[string]int) // by name
	for _, p := range people {
		next[p.name] = 1
		for _, seen := range p.seen {
			if len(seen) == 0 {
				continue
			}
			first := position[seen[0]]
			if want := saved[first:min(first+len(seen), len(saved))]; !slices.Equal(seen, want) {
				t.Fatalf("%s saw\n%v\nbut the database has\n%v", p.name, seen, want)
			}
		}
	}
	for _, m := range saved {
		if want := fmt.Sprint(next[m.Name]); m.Text != want {
			t.Fatalf("%s said %s before %s, but the database has it afterwards", m.Name, want, m.Text)
		}
		next[m.Name]++
	}
}

// some returns at most ten of the words.
func some(words map[string]bool) []string {
	sorted := slices.Sorted(maps.Keys(words))
	return sorted[:min(10, len(sorted))]
}

// allSaved returns all messages in the database of a server that has stopped.
func allSaved(t *testing.T, db string) (saved []Message) {
	t.Helper()
	rows, err := openStore(t, db).reading.Query(query + "ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		m, err := scan(rows)
		if err != nil {
			t.Fatal(err)
		}
		saved = append(saved, m)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return saved
}

// waitForWrite waits until the program writes a batch to SQLite's write-ahead log. Then
// the batch is saved, or nearly, but nobody has seen it.
func waitForWrite(t *testing.T, db string) {
	t.Helper()
	lastWrite := func() time.Time {
		file, err := os.Stat(db + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return file.ModTime()
	}
	before, timeout := lastWrite(), time.Now().Add(testTimeout)
	for lastWrite().Equal(before) {
		if time.Now().After(timeout) {
			t.Fatalf("the program has saved nothing for %v", testTimeout)
		}
		time.Sleep(10 * time.Microsecond)
	}
}

func (p *program) dial() (net.Conn, error) { return net.Dial("tcp", p.addr) }

// cutConn is a connection that is lost after some bytes in either direction.
type cutConn struct {
	net.Conn
	reads, writes int // bytes left
}

func (c *cutConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b[:min(len(b), c.reads)])
	c.reads -= n
	if c.reads == 0 {
		c.Close()
	}
	return n, err
}

func (c *cutConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b[:min(len(b), c.writes)])
	c.writes -= n
	if c.writes == 0 {
		c.Close()
		return n, net.ErrClosed
	}
	return n, err
}
