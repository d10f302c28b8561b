//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// causes starts a process that causes trouble for the program.
func (p *program) causes(trouble string, flags ...string) *exec.Cmd {
	p.t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"-addr", p.addr, "-trouble", trouble}, flags...)...)
	cmd.Env = append(os.Environ(), "CHAT_TEST_RUN_MAIN=1")
	cmd.Stderr = p.t.Output()
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

// shows waits until the variables of the debug server are as wanted.
func (p *program) shows(what string, wanted func(variables) bool) {
	p.t.Helper()
	var v variables
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		response, err := http.Get("http://" + p.debugAddr + "/debug/vars")
		if err != nil {
			p.t.Fatal(err)
		}
		v = variables{}
		err = json.NewDecoder(response.Body).Decode(&v)
		response.Body.Close()
		if err != nil {
			p.t.Fatal(err)
		}
		if wanted(v) {
			return
		}
	}
	p.t.Fatalf("waited in vain for %s: %+v", what, v)
}

func startTroubledProgram(t *testing.T) (p *program, db string) {
	t.Helper()
	db = filepath.Join(t.TempDir(), "chat.db")
	return startProgram(t, db, "-debug-addr", "127.0.0.1:0", "-rate", "5"), db
}

func TestPeopleTalkAndLeaveWithTheirProcess(t *testing.T) {
	t.Parallel()
	p, _ := startTroubledProgram(t)
	talk := p.causes("talk")
	p.shows("20 who talk", func(v variables) bool { return v.Clients == 20 && v.Messages > 20 })
	talk.Process.Kill()
	p.shows("nobody", func(v variables) bool { return v.Clients == 0 })
}

// A process that was killed can end nothing that it has started.
func TestTroubleEndsWithItsParent(t *testing.T) {
	t.Parallel()
	p, _ := startTroubledProgram(t)
	shell := exec.Command("sh", "-c", `"$0" -addr "$1" -trouble talk & wait`, os.Args[0], p.addr)
	shell.Env = append(os.Environ(), "CHAT_TEST_RUN_MAIN=1")
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	p.shows("20 who talk", func(v variables) bool { return v.Clients == 20 })
	shell.Process.Kill()
	shell.Wait()
	p.shows("nobody", func(v variables) bool { return v.Clients == 0 })
}

// The server does not let a whole crowd in at once. The people whom it refuses try again.
func TestCrowdIsLetInLittleByLittle(t *testing.T) {
	t.Parallel()
	p, _ := startTroubledProgram(t)
	p.causes("crowd")
	p.shows("refusals", func(v variables) bool { return v.Refused["too many people at once"] > 0 })
	p.shows("more clients than come in at once", func(v variables) bool { return v.Clients > joinBurst })
}

func TestStalledVisitorIsDisconnectedAlone(t *testing.T) {
	t.Parallel()
	p, _ := startTroubledProgram(t)
	p.causes("stall")
	p.shows("one who is too slow, and 20 who stay", func(v variables) bool { return v.Ended["too slow"] == 1 && v.Clients == 20 })
}

func TestFlooderAndTheCutOffHurtNobody(t *testing.T) {
	t.Parallel()
	p, _ := startTroubledProgram(t)
	for _, trouble := range []string{"flood", "cut", "delay"} {
		p.causes(trouble)
	}
	p.shows("everybody", func(v variables) bool { return v.Clients == 23 })
	ann := p.join("ann")
	ann.says("can you hear me?")
	ann.hearsAmongOthers("ann: can you hear me?")
}

func TestLockedDatabaseHoldsMessagesBack(t *testing.T) {
	t.Parallel()
	p, db := startTroubledProgram(t)
	lock := p.causes("lock", "-db", db)
	ann := p.join("ann")
	var seen int
	p.shows("a message that waits", func(v variables) bool {
		ann.says("hello")
		seen = v.Messages
		return *v.Pending > 5
	})
	lock.Process.Kill()
	p.shows("all of them", func(v variables) bool { return *v.Pending == 0 && v.Messages > seen })
}

func TestLockNeedsADatabase(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.db")
	err := causeTrouble(t.Context(), &config{trouble: "lock", db: missing})
	if err == nil || !strings.Contains(err.Error(), "lock "+missing) {
		t.Errorf("the error is %v, want one that names the file", err)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("the database was made")
	}
}

// post presses a button of the lab, and returns the status.
func (p *program) post(path string) int {
	p.t.Helper()
	response, err := http.Post("http://"+p.debugAddr+"/lab/"+path, "", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// The lab starts and ends such processes, and a server that stops does not wait until their
// time is over.
func TestTheLabCausesTrouble(t *testing.T) {
	t.Parallel()
	p := startProgram(t, filepath.Join(t.TempDir(), "chat.db"), "-lab", "-debug-addr", "127.0.0.1:0")
	p.post("trouble/talk")
	p.shows("20 who talk", func(v variables) bool { return v.Clients == 20 })
	if status := p.post("trouble/talk"); status != http.StatusConflict {
		t.Errorf("a second trouble of the same name has status %d, want 409", status)
	}
	p.post("stop")
	p.shows("nobody", func(v variables) bool { return v.Clients == 0 })
	p.shows("that the trouble is over", func(variables) bool { return p.post("trouble/talk") == http.StatusNoContent })
	p.shows("20 again", func(v variables) bool { return v.Clients == 20 })
	p.signal(os.Interrupt)
	late := time.AfterFunc(testTimeout, func() { p.cmd.Process.Kill() }) // half of what the trouble lasts
	if status := p.exit(); status.ExitStatus() != 0 {
		t.Errorf("the program ended with %v", status)
	}
	late.Stop()
}

// The lab's server is a process of its own, so that even kill -9 is one of the troubles.
func TestTheLabRestartsTheServer(t *testing.T) {
	t.Parallel()
	p := startProgram(t, filepath.Join(t.TempDir(), "chat.db"), "-lab", "-debug-addr", "127.0.0.1:0")
	var seen []string
	for n, trouble := range []string{"kill", "stop"} {
		ann := p.join("ann")
		text := fmt.Sprint("before ", trouble)
		ann.says(text)
		seen = append(seen, "ann: "+text)
		ann.hears(seen...)
		p.post("trouble/" + trouble)
		p.logs("the server has ended, and starts again")
		p.findsAddresses()
		if n == 1 {
			p.join("bob").hears(seen...)
		}
	}
	p.signal(os.Interrupt)
	if status := p.exit(); status.ExitStatus() != 0 {
		t.Errorf("the program ended with %v", status)
	}
}

// A save that hangs makes no error. The messages are shown when it has ended.
func TestTheLabLetsASaveHang(t *testing.T) {
	t.Parallel()
	p := startProgram(t, filepath.Join(t.TempDir(), "chat.db"), "-lab", "-debug-addr", "127.0.0.1:0")
	ann := p.join("ann")
	p.post("trouble/hang")
	p.shows("messages that wait", func(v variables) bool {
		ann.says("hello") // the first ones may still be saved
		return *v.Pending > 5
	})
	p.post("stop")
	p.shows("all of them", func(v variables) bool { return *v.Pending == 0 && v.Messages > 5 })
}

// startLabWithStream starts a NATS server, and a program with a lab that follows a stream there.
func startLabWithStream(t *testing.T) (p *program, nats string) {
	t.Helper()
	nats = startNATSServer(t, fmt.Sprintf("jetstream { store_dir: %q }", t.TempDir())).url()
	p = startProgram(t, filepath.Join(t.TempDir(), "chat.db"), "-lab", "-debug-addr", "127.0.0.1:0", "-nats", nats)
	(&machine{program: p}).becomesHealthy() // before, it lets nobody in
	return p, nats
}

// Nobody sees what is not in the stream. Afterwards, all machines have the same order.
func TestTheLabCutsTheStreamOff(t *testing.T) {
	t.Parallel()
	p, nats := startLabWithStream(t)
	other := startProgram(t, filepath.Join(t.TempDir(), "other.db"), "-nats", nats)
	(&machine{program: other}).becomesHealthy()
	ann, bob := p.join("ann"), other.join("bob")
	p.post("trouble/cutoff")
	p.logs(errCut.Error())
	ann.says("second")
	bob.says("first")
	bob.hears("bob: first")
	time.Sleep(time.Second) // meanwhile, the machine tries to connect several times
	if heard := ann.heard(); len(heard) > 0 {
		t.Errorf("while this machine is cut off, ann heard %q", heard)
	}
	p.post("stop")
	ann.hears("bob: first", "ann: second")
	bob.hears("ann: second")
}

func TestTheLabAsksTheLeaderToStepDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, fake := dialFakeNATS(t, "nats://x")
		stream := &Stream{name: "chat", dial: func(context.Context) (*natsConn, error) { return conn, nil }}
		result := make(chan error)
		go func() { result <- stream.stepDown(t.Context()) }()
		fake.hears("SUB " + conn.inbox)
		request := strings.Fields(fake.hears("PUB $JS.API.STREAM.LEADER.STEPDOWN.chat "))
		fake.says(fmt.Sprintf("MSG %s 1 16\r\n{\"success\":true}\r\n", request[2]))
		if err := <-result; err != nil {
			t.Error(err)
		}
		if _, open := <-conn.ended; open {
			t.Error("the connection is still there")
		}
	})
}

// With a single server, nobody else could lead.
func TestLeaderThatIsAloneDoesNotStepDown(t *testing.T) {
	t.Parallel()
	p, _ := startLabWithStream(t)
	p.post("trouble/leader")
	if line := p.logs("cannot cause trouble"); !strings.Contains(line, "name=leader") || !strings.Contains(line, "JetStream error") {
		t.Errorf("the log says %s, want that the leader does not step down", line)
	}
}

// If the process that keeps the server running dies, the server stops, too.
func TestServerEndsWithItsLab(t *testing.T) {
	t.Parallel()
	p := startProgram(t, filepath.Join(t.TempDir(), "chat.db"), "-lab", "-debug-addr", "127.0.0.1:0")
	ann := p.join("ann")
	p.signal(os.Kill)
	if code := ann.waitForClose(); code != closeGoingAway {
		t.Errorf("the close code is %d, want %d", code, closeGoingAway)
	}
}

var longAttacks = flag.Bool("attack", false, "let each attack take half a minute, and not half a second")

// What a program of strangers can do to the server from one machine. The attacks run
// on this machine, one after the other, against the real program:
//
//	go test -run Attack -v . -attack
//
// During all of them the people in the room go on talking, /healthz answers 200, and
// memory, goroutines, log and foreign messages stay within limits. Afterwards the
// program stops in order. (Half a second is too short to show what pings and giant
// headers would cost without their limits: TestPingFloodIsThrottled and
// TestHugeHeadersFillNeitherMemoryNorLog do.)
func TestAttack(t *testing.T) {
	v := startVictim(t)
	for _, attack := range []struct {
		name     string
		parallel int
		do       attacker
	}{
		{"requests with giant headers", 20, sendsGiantHeaders},
		{"long origins", 50, sendsLongOrigins},
		{"connections that say nothing", 700, sends("")},
		{"half a header", 700, sends("GET / HTTP/1.1\r\nHost: localhost\r\n")},
		{"half of many headers", 700, sends("GET / HTTP/1.1\r\nHost: localhost\r\n" + manyHeaders())},
		{"people with many headers", 300, joinsWithManyHeaders},
		{"half a body", 700, sends("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n")},
		{"history that nobody reads", 400, asksForHistory},
		{"people who join and read nothing", 300, floods(`{"name":"eve"}`, nil)},
		{"pings from people", 10, floods(`{"name":"eve"}`, bytes.Repeat(frame(fin|ping, ""), 10_000))},
		{"pings without a name", 50, floods("", bytes.Repeat(frame(fin|ping, "ping"), 10_000))},
		{"random bytes as frames", 50, sendsRandomFrames},
		{"texts as fast as possible", 10, floods(`{"name":"eve"}`, bytes.Repeat(frame(fin|text, `{"text":"<<<<<<<<<<<<<<<<"}`), 1000))},
		{"large frames as fast as possible", 10, floods(`{"name":"eve"}`, bytes.Repeat(frame(fin|text, strings.Repeat("[", maxMessage)), 100))},
	} {
		t.Run(strings.ReplaceAll(attack.name, " ", "_"), func(t *testing.T) {
			v.t = t
			ctx, cancel := context.WithCancel(t.Context())
			var attackers sync.WaitGroup
			for range attack.parallel {
				attackers.Go(func() {
					for ctx.Err() == nil {
						attackOnce(ctx, v.addr, attack.do)
						time.Sleep(100 * time.Millisecond) // the attackers share the machine with their victim
					}
				})
			}
			v.livesOn()
			cancel()
			attackers.Wait()
		})
	}
	v.t = t
	v.signal(syscall.SIGTERM)
	if code := v.exit().ExitStatus(); code != 0 {
		t.Errorf("after the attacks the program ended with exit code %d", code)
	}
}

// An attacker uses one connection until it fails, as it does at the end of the attack.
type attacker func(conn net.Conn)

func attackOnce(ctx context.Context, addr string, attack attacker) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	conn.(*net.TCPConn).SetReadBuffer(4096) // so that what it does not read stays with the server
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	attack(conn)
}

// sends sends the beginning of a request, and waits for the server to lose patience.
func sends(request string) attacker {
	return func(conn net.Conn) {
		io.WriteString(conn, request)
		io.Copy(io.Discard, conn)
	}
}

// asksForHistory asks so often that the answers fit into no buffer, and reads nothing.
func asksForHistory(conn net.Conn) {
	request := fmt.Sprintf("GET /history?before=%d HTTP/1.1\r\nHost: localhost\r\n\r\n", math.MaxInt64)
	io.WriteString(conn, strings.Repeat(request, 40))
	keepOpen(conn)
}

// keepOpen reads nothing, and waits until either side has closed the connection.
func keepOpen(conn net.Conn) {
	for {
		time.Sleep(50 * time.Millisecond)
		if _, err := conn.Write(nil); err != nil {
			return
		}
	}
}

func sendsGiantHeaders(conn net.Conn) {
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
	for range 1000 {
		if _, err := io.WriteString(conn, strings.Repeat("x", 10_000)); err != nil {
			return
		}
	}
}

func sendsLongOrigins(conn net.Conn) {
	fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: localhost\r\nOrigin: http://%s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", strings.Repeat("x", 6000))
	io.Copy(io.Discard, conn)
}

// manyHeaders are nearly as many as the server takes. Each has at most five bytes, and takes a hundred
// in memory.
func manyHeaders() string {
	var headers strings.Builder
	for n := range 1500 {
		fmt.Fprintf(&headers, "%s:\n", strconv.FormatInt(int64(n), 36))
	}
	return headers.String()
}

func joinsWithManyHeaders(conn net.Conn) {
	fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n%s", manyHeaders(), frame(fin|text, `{"name":"eve"}`))
	keepOpen(conn)
}

// floods makes the handshake, sends a frame, and then the flood, again and again. It
// reads nothing.
func floods(first string, flood []byte) attacker {
	return func(conn net.Conn) {
		if openWebSocket(conn) != nil {
			return
		}
		if first != "" {
			conn.Write(frame(fin|text, first))
		}
		if len(flood) == 0 {
			keepOpen(conn)
			return
		}
		for {
			if _, err := conn.Write(flood); err != nil {
				return
			}
		}
	}
}

func sendsRandomFrames(conn net.Conn) {
	if openWebSocket(conn) != nil {
		return
	}
	conn.Write(frame(fin|text, `{"name":"eve"}`))
	for {
		junk := make([]byte, rand.IntN(200))
		for i := range junk {
			junk[i] = byte(rand.Uint32())
		}
		sent := frame(byte(rand.Uint32()), string(junk))
		if rand.IntN(10) == 0 {
			sent = junk
		}
		if _, err := conn.Write(sent); err != nil {
			return
		}
	}
}

// A victim is the program with the longest history there is, and with two people.
type victim struct {
	*program
	ann, bob *browser
	log      countingWriter
}

// countingWriter counts the bytes that it drops.
type countingWriter struct{ bytes atomic.Int64 }

func (w *countingWriter) Write(p []byte) (int, error) {
	w.bytes.Add(int64(len(p)))
	return len(p), nil
}

func startVictim(t *testing.T) *victim {
	path := filepath.Join(t.TempDir(), "chat.db")
	store := openStore(t, path)
	store.saveTexts(t, slices.Repeat([]string{strings.Repeat("<", maxText)}, 2*historySize)...)
	store.Close()
	v := &victim{program: startProgram(t, path, "-rate", "5", "-max-clients", "200", "-debug-addr", "127.0.0.1:0")}
	go io.Copy(&v.log, v.stderr)
	v.ann, v.bob = v.join("ann"), v.join("bob")
	return v
}

type attackVars struct {
	Goroutines int
	Memstats   struct{ Sys, HeapReleased int }
}

// livesOn checks, again and again, what must hold during the attack.
func (v *victim) livesOn() {
	v.t.Helper()
	v.ann.t, v.bob.t = v.t, v.t
	end := time.Now().Add(500 * time.Millisecond)
	if *longAttacks {
		end = time.Now().Add(30 * time.Second)
	}
	logged, memory, goroutines, foreign, longest := v.log.bytes.Load(), 0, 0, 0, time.Duration(0)
	began := time.Now()
	for n := 0; time.Now().Before(end); n++ {
		start := time.Now()
		v.ann.says(fmt.Sprint("message ", n))
		foreign += v.bob.hearsAmongOthers(fmt.Sprint("ann: message ", n))
		longest = max(longest, time.Since(start))
		v.isHealthy()
		vars := v.debugVars()
		memory = max(memory, vars.Memstats.Sys-vars.Memstats.HeapReleased)
		goroutines = max(goroutines, vars.Goroutines)
		time.Sleep(250 * time.Millisecond) // ann may say five a second
	}
	took := time.Since(began)
	logged = v.log.bytes.Load() - logged
	v.t.Logf("%d MB of memory, %d goroutines, %d KB of log, %d messages of others; ann waited %v at most for bob to hear her",
		memory>>20, goroutines, logged>>10, foreign, longest.Round(time.Millisecond))
	if memory > 200<<20 {
		v.t.Error("the program takes more than 200 MB")
	}
	if goroutines > 2*(200+connectionMargin)+50 { // at most two for each connection
		v.t.Error("there are more goroutines than connections allow")
	}
	if int(logged) > 1<<20+int(took.Seconds()*float64(1<<20)) {
		v.t.Error("the program logs more than a megabyte a second")
	}
	if foreign > 20*burst+int(took.Seconds()*20*5) {
		v.t.Error("the attackers said more than the rate limit allows")
	}
}

// isHealthy asks /healthz up to three times, as a platform would. With so many new
// connections, the server may close this one before its request arrives.
func (v *victim) isHealthy() {
	v.t.Helper()
	var err error
	for range 3 {
		var response *http.Response
		if response, err = http.Get("http://" + v.addr + "/healthz"); err == nil {
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				v.t.Errorf("/healthz says %s during the attack", response.Status)
			}
			return
		}
	}
	v.t.Errorf("/healthz is not reachable during the attack: %v", err)
}

// debugVars returns the program's variables.
func (v *victim) debugVars() (vars attackVars) {
	v.t.Helper()
	response, err := http.Get("http://" + v.debugAddr + "/debug/vars")
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&vars); err != nil {
		v.t.Fatal(err)
	}
	return vars
}

// hearsAmongOthers waits for an element, and returns how many came before.
func (b *browser) hearsAmongOthers(want string) (others int) {
	b.t.Helper()
	for b.next().String() != want {
		others++
	}
	return others
}
