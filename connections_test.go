package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// get sends a request, and returns the status of the answer, or 0 if the
// connection ends without one.
func get(conn net.Conn, path string) int {
	request, _ := http.NewRequest("GET", "http://chat.localhost"+path, nil)
	if request.Write(conn) != nil {
		return 0
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return 0
	}
	return response.StatusCode
}

// dials opens a connection that stays open until the test ends.
func (s *testServer) dials() net.Conn {
	s.t.Helper()
	conn, err := s.dial()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// openWebSocket sends the handshake, and frames right behind it.
func openWebSocket(conn net.Conn, frames ...byte) error {
	_, err := fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n%s", frames)
	return err
}

// isOpen reports whether the server has left the connection open.
func isOpen(conn net.Conn) bool {
	conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := conn.Read(make([]byte, 1))
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

func TestOldestWaitingConnectionMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipeListener()
		server := serveOn(t, &config{maxClients: 1}, pipes, pipes.dial)
		ann := server.join("ann") // takes one place, and keeps it
		idle := server.dials()    // has asked, and may ask again
		if status := get(idle, "/healthz"); status != http.StatusOK {
			t.Errorf("/healthz answers %d, want 200", status)
		}
		synctest.Wait()
		var silent []net.Conn
		for range connectionMargin - 1 {
			silent = append(silent, server.dials())
			synctest.Wait()
		}
		if !isOpen(idle) || !isOpen(silent[0]) {
			t.Fatal("the server closed a connection below the limit")
		}
		if status := get(server.dials(), "/healthz"); status != http.StatusOK {
			t.Errorf("beyond the limit /healthz answers %d, want 200", status)
		}
		synctest.Wait()
		if isOpen(idle) {
			t.Error("the connection that has waited longest is still open")
		}
		if !isOpen(silent[0]) {
			t.Error("the server closed more than one connection")
		}
		ann.says("still here")
		ann.hears("ann: still here")
	})
}

// A request that is sent slowly, and an answer that is read slowly, keep a connection
// busy for ten seconds. Nobody else should have to wait for that.
func TestSlowConnectionMakesRoom(t *testing.T) {
	for name, request := range map[string]string{
		"half a header":          "GET / HTTP/1.1\r\nHost: chat.localhost\r\n",
		"half a body":            "POST / HTTP/1.1\r\nHost: chat.localhost\r\nContent-Length: 200000\r\n\r\n",
		"an answer nobody reads": "GET / HTTP/1.1\r\nHost: chat.localhost\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pipes := newPipeListener()
				server := serveOn(t, &config{maxClients: 1}, pipes, pipes.dial)
				ann := server.join("ann")
				for range connectionMargin {
					io.WriteString(server.dials(), request)
				}
				synctest.Wait()
				for range 10 {
					if status := get(server.dials(), "/healthz"); status != http.StatusOK {
						t.Errorf("/healthz answers %d, want 200", status)
					}
				}
				ann.says("still here")
				ann.hears("ann: still here")
			})
		})
	}
}

// Both net/http and package websocket may close a connection.
func TestConnectionGivesItsPlaceBackOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipeListener()
		limited := limitListener(pipes, 2)
		accept := func() net.Conn {
			go pipes.dial()
			conn, err := limited.Accept()
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
		first, second := accept(), accept()
		first.Close()
		first.Close()
		limited.connState(first, http.StateClosed)
		third := accept()
		for _, conn := range []net.Conn{second, third} {
			limited.connState(conn, http.StateHijacked)
		}
		if limited.open != 2 || limited.other.Len() != 0 {
			t.Errorf("the listener counts %d connections, and %d that are no WebSockets; want 2 and 0", limited.open, limited.other.Len())
		}
		second.Close()
		limited.connState(second, http.StateClosed)
		third.Close()
		limited.connState(third, http.StateClosed)
		if limited.open != 0 || limited.other.Len() != 0 {
			t.Errorf("the listener still counts %d and %d connections", limited.open, limited.other.Len())
		}
	})
}

// The platform's proxy has one address, and names the browser's in a header.
func TestConnectionsFromOneAddressAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		pipes := newPipeListener()
		server := serveOn(t, &config{maxClients: 10, maxPerAddress: 2, clientIPHeader: "Fly-Client-IP"}, pipes, pipes.dial)
		from := func(address string) int { return server.handshake("http://chat.localhost", "Fly-Client-IP", address) }
		for _, test := range []struct {
			address string
			status  int
		}{
			{"203.0.113.7", http.StatusSwitchingProtocols},
			{"203.0.113.7", http.StatusSwitchingProtocols},
			{"203.0.113.7", http.StatusTooManyRequests},
			{"::ffff:203.0.113.7", http.StatusTooManyRequests}, // the same address
			{"203.0.113.8", http.StatusSwitchingProtocols},
			{"2001:db8:0:1::1", http.StatusSwitchingProtocols},
			{"2001:db8:0:1::2", http.StatusSwitchingProtocols},
			{"2001:db8:0:1:ffff::3", http.StatusTooManyRequests}, // the same /64 network
			{"2001:db8:0:2::1", http.StatusSwitchingProtocols},
		} {
			if status := from(test.address); status != test.status {
				t.Errorf("%s: status %d, want %d", test.address, status, test.status)
			}
		}
		time.Sleep(nameWait + 2*endWait) // the connections end, because nobody sends a name
		if status := from("203.0.113.7"); status != http.StatusSwitchingProtocols {
			t.Errorf("after the connections have ended: status %d, want %d", status, http.StatusSwitchingProtocols)
		}
		log.contains(t, `msg=refused why="too many from one address" peer=203.0.113.7`)

		get(server.dials(), "/healthz") // a platform's own checks have no such header, and are no mistake
		if strings.Contains(log.String(), "no address") {
			t.Errorf("a health check makes a warning:\n%s", log)
		}
		get(server.dials(), "/")
		log.contains(t, `msg="a request has no address in the header" header=Fly-Client-IP path=/`)
	})
}

func TestAddressGetsItsPlaceBack(t *testing.T) {
	limit := &addressLimit{most: 1, open: make(map[netip.Prefix]int)}
	const ann = "203.0.113.7:50001"
	if !limit.enter(ann) || limit.enter("203.0.113.7:50002") {
		t.Error("the limit is not 1")
	}
	limit.leave(ann)
	if !limit.enter(ann) {
		t.Error("the address did not get its place back")
	}
	limit.leave(ann)
	if len(limit.open) != 0 {
		t.Errorf("the limit remembers %v, and nobody is connected", limit.open)
	}
}

// A new client may say several things at once. So a program that reconnects again and again
// needs a limit, too.
func TestRateOfNewConnectionsIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startLimitedServer(t)
		attempt := func(attempts int) (opened int) {
			for range attempts {
				switch status := server.handshake("http://chat.localhost"); status {
				case http.StatusSwitchingProtocols:
					opened++
				case http.StatusServiceUnavailable:
				default:
					t.Fatalf("status %d", status)
				}
			}
			return opened
		}
		if opened := attempt(2 * joinBurst); opened != joinBurst {
			t.Errorf("%d of many connections are opened at once, want %d", opened, joinBurst)
		}
		time.Sleep(time.Second)
		if opened := attempt(2 * joinBurst); opened != joinRate {
			t.Errorf("a second later, %d are opened, want %d", opened, joinRate)
		}
	})
}

// A page asks why it was refused, and foreign pages try to connect: neither opens a WebSocket, so
// neither takes from those who do.
func TestOnlyHandshakesTakeTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the clock stands still: no token comes in
		captureLog(t)
		server := startLimitedServer(t)
		for range 2 * joinBurst {
			if status := get(server.dials(), "/ws"); status != http.StatusBadRequest {
				t.Fatalf("the question is answered with %d, want 400", status)
			}
			if status := server.handshake("http://evil.example"); status != http.StatusForbidden {
				t.Fatalf("the foreign handshake is answered with %d, want 403", status)
			}
		}
		for range joinBurst {
			if status := server.handshake("http://chat.localhost"); status != http.StatusSwitchingProtocols {
				t.Fatalf("a handshake is answered with %d, want 101", status)
			}
		}
		if status := get(server.dials(), "/ws"); status != http.StatusServiceUnavailable {
			t.Errorf("the question is answered with %d, want 503: too many people at once", status)
		}
	})
}

// A platform may bill the log, or keep it on the disk of the database.
func TestRefusalsDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		server := startServer(t)
		for range 300 {
			server.handshake("http://evil.example")
		}
		if lines := strings.Count(log.String(), "msg=refused"); lines != 100 {
			t.Errorf("300 refusals make %d lines, want 100", lines)
		}
		if n := server.debugVars().Refused["not a page of this server"]; n != 300 {
			t.Errorf("%d refusals are counted, want 300", n)
		}
	})
}

func TestRefusedConnectionKeepsNoPlaceOfItsAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipeListener()
		server := serveOn(t, &config{maxClients: 1, maxPerAddress: 2}, pipes, pipes.dial)
		ann := server.join("ann")
		for range 3 {
			if status := server.handshake("http://chat.localhost"); status != http.StatusServiceUnavailable {
				t.Errorf("status %d, want 503: the room is full", status)
			}
		}
		ann.leave()
		synctest.Wait()
		server.join("bob")
	})
}

// hijackableWriter is a ResponseWriter with one end of a pipe.
type hijackableWriter struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (w hijackableWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}

// While a handler runs, net/http keeps its goroutine and its buffers.
func TestHandlerReturnsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		browser, conn := net.Pipe()
		var clients sync.WaitGroup
		handler := routes(ctx, NewHub(&Store{}, nil), &clients, &config{maxClients: 1})
		request := handshakeRequest("http://chat.localhost")
		start := time.Now()
		handler.ServeHTTP(hijackableWriter{httptest.NewRecorder(), conn}, request)
		if took := time.Since(start); took > 0 {
			t.Errorf("the handler returned after %v, want at once, although nobody reads the answer", took)
		}
		go io.Copy(io.Discard, browser)
		stop()
		clients.Wait()
	})
}

// The door keeps no place for those whom it refuses. It takes a token only from those who have
// passed everything else.
func TestDoorKeepsNothingForThoseItRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the clock stands still: no token comes in
		open := make(chan struct{})
		d := newDoor(open, &config{maxClients: 2, maxPerAddress: 2, rate: 5})
		enters := func(address, want string) {
			t.Helper()
			reason := ""
			if no := d.enter(address); no != nil {
				reason = no.reason
			}
			if reason != want {
				t.Fatalf("somebody from %s is refused because %q, want %q", address, reason, want)
			}
		}
		const ann, bob, eve = "203.0.113.7:1", "203.0.113.8:1", "203.0.113.9:1"
		enters(ann, "catching up")
		close(open)
		enters(ann, "")
		enters(ann, "")
		for range joinBurst {
			enters(ann, "too many from one address")
			enters(bob, "the room is full")
		}
		d.leave(ann)
		d.leave(ann)
		for range joinBurst - 2 {
			enters(bob, "")
			d.leave(bob)
		}
		for range 3 {
			enters(eve, "too many people at once")
		}
		if len(d.places) > 0 || len(d.addresses.open) > 0 {
			t.Errorf("the door keeps %d places and %v, and nobody is in", len(d.places), d.addresses.open)
		}
	})
}

// A ResponseRecorder lets nobody take over its connection.
func TestConnectionThatCannotBeTakenOverLeaves(t *testing.T) {
	var clients sync.WaitGroup
	handler := routes(t.Context(), NewHub(&Store{}, nil), &clients, &config{maxClients: 1})
	for range 2 { // the second has a place only if the first has left
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, handshakeRequest("http://chat.localhost"))
		if response.Code != http.StatusInternalServerError {
			t.Errorf("status %d, want 500", response.Code)
		}
	}
	clients.Wait()
}

func TestRefusalSaysRetryAfter(t *testing.T) {
	full := routes(t.Context(), NewHub(&Store{}, nil), new(sync.WaitGroup), &config{maxClients: 0})
	response := httptest.NewRecorder()
	full.ServeHTTP(response, handshakeRequest("http://chat.localhost"))
	if response.Code != http.StatusServiceUnavailable || response.Header().Get("Retry-After") != "1" {
		t.Errorf("a full room answers %d with the header %v, want 503 with Retry-After", response.Code, response.Header())
	}
}

// What the operating system keeps for a client counts, too: no heap profile shows it.
func TestKernelKeepsLittleForAClientThatReadsNothing(t *testing.T) {
	listener := limitListener(listen(t), 1)
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	kept, chunk := 0, make([]byte, 8<<10)
	for {
		conn.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
		n, err := conn.Write(chunk)
		kept += n
		if err != nil {
			break
		}
	}
	if kept > 1<<20 {
		t.Errorf("the operating system keeps %d KB, want at most 1024", kept>>10)
	}
	t.Logf("the operating system keeps %d KB", kept>>10)
}

// startLimitedServer starts the server like startServer, but with the rate limit that
// the program has by default.
func startLimitedServer(t *testing.T) *testServer {
	t.Helper()
	pipes := newPipeListener()
	return serveOn(t, &config{maxClients: 1000, rate: 5}, pipes, pipes.dial)
}

func TestLimiterAllowsBurstThenSteadyRate(t *testing.T) {
	for _, test := range []struct {
		name  string
		rate  float64
		sends []time.Duration // times after the start; eleven frames come at each
		want  []int           // how many of the eleven frames pass at each time
	}{
		{"a burst", 5, []time.Duration{0}, []int{10}},
		{"a second later", 5, []time.Duration{0, time.Second}, []int{10, 5}},
		{"half a token is kept", 5, []time.Duration{0, 300 * time.Millisecond, 400 * time.Millisecond}, []int{10, 1, 1}},
		{"a long rest allows no more than one burst", 5, []time.Duration{0, time.Hour}, []int{10, 10}},
		{"a rate below one frame a second", 0.5, []time.Duration{0, time.Second, 2 * time.Second}, []int{10, 0, 1}},
		{"no limit", 0, []time.Duration{0, 0, 0}, []int{11, 11, 11}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := limiter{rate: test.rate, size: burst}
			start := time.Now()
			var passed []int
			for _, after := range test.sends {
				n := 0
				for range 11 {
					if l.allow(start.Add(after)) {
						n++
					}
				}
				passed = append(passed, n)
			}
			if !slices.Equal(passed, test.want) {
				t.Errorf("%d frames pass, want %d", passed, test.want)
			}
		})
	}
}

// ann sends messages as fast as she can. Everyone receives those that are within the
// rate limit. ann gets an error once a second and stays connected, and all messages of
// bob arrive.
func TestMessagesOverRateLimitAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startLimitedServer(t)
		ann, bob := server.join("ann"), server.join("bob")
		const seconds = 10
		sent := 0
		for start := time.Now(); time.Since(start) < seconds*time.Second && sent < 5000; sent++ {
			ann.says("flood") // blocks until the server reads
			if sent%100 == 0 {
				bob.says("and I?")
			}
		}
		synctest.Wait()

		heard := make(map[string]int)
		for _, words := range slices.Concat(ann.heard(), bob.heard()) {
			heard[words]++
		}
		for words, want := range map[string]int{
			"ann: flood":                  2 * (burst - 1 + 5*seconds), // ann and bob receive each message; the name took one token
			"bob: and I?":                 2 * ((sent + 99) / 100),
			"error " + errTooFast.Error(): seconds,
		} {
			if got := heard[words]; got != want {
				t.Errorf("%q was received %d times, want %d", words, got, want)
			}
		}
		ann.leave()
	})
}

// Refusing a frame does not make it free: the server still has to read it. So it
// reads more slowly, and the client has to wait.
func TestFloodingClientIsThrottled(t *testing.T) {
	large := `{"text":"` + strings.Repeat("x", 16<<10) + `"}` // 16 KB take longer to parse
	for frame, pause := range map[string]time.Duration{`{"text":"flood"}`: floodWait, `{}`: floodWait, large: 9 * floodWait} {
		synctest.Test(t, func(t *testing.T) {
			ann := startLimitedServer(t).join("ann")
			start := time.Now()
			for range 400 {
				ann.send(frame)
			}
			if took, least := time.Since(start), 200*pause; took < least {
				t.Errorf("to send %.20s 400 times took %v, want at least %v", frame, took, least)
			}
		})
	}
}

// If an invalid frame took no token, a flood of invalid frames would not be limited.
func TestRateLimitCountsEveryFrame(t *testing.T) {
	for _, frame := range []string{`{}`, `{ }`, `nonsense`, `{"name":"eve"}`, `{"text":""}`} {
		t.Run(frame, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ann := startLimitedServer(t).join("ann")
				for range burst {
					ann.send(frame)
				}
				ann.says("hello")
				synctest.Wait()
				if slices.Contains(ann.heard(), "ann: hello") {
					t.Errorf("after %d times %s, a message was delivered", burst, frame)
				}
			})
		})
	}
}

// Frames that a client sends before it has a name are limited in the same way.
func TestRateLimitAppliesBeforeJoining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann := startLimitedServer(t).open()
		for range burst {
			ann.send(`{"name":"server"}`)
		}
		ann.send(`{"name":"ann"}`)
		synctest.Wait()
		ann.hears("error this name is the server's own: please choose another")
		if heard := ann.heard(); len(heard) > 0 {
			t.Errorf("after %d refused names, the server sent ann %q, want nothing more", burst, heard)
		}
		time.Sleep(time.Second)
		ann.send(`{"name":"ann"}`)
		ann.hears("welcome ann")
	})
}

// BenchmarkFlood measures how long a message takes from one of a hundred people to all
// of them, while flooding clients send as fast as they can. All clients are goroutines
// of this process and share the machine with the server.
func BenchmarkFlood(b *testing.B) {
	captureLog(b) // keeps the log out of the results
	texts := bytes.Repeat(frame(fin|text, `{"text":"flood"}`), 1000)
	pings := bytes.Repeat(frame(fin|ping, ""), 1000)
	for _, test := range []struct {
		name   string
		floods int
		flood  []byte
	}{
		{"none", 0, nil}, {"texts=1", 1, texts}, {"texts=10", 10, texts}, {"pings=10", 10, pings},
	} {
		b.Run(test.name, func(b *testing.B) {
			listener := listen(b)
			dial := func() (net.Conn, error) { return net.Dial("tcp", listener.Addr().String()) }
			server := serveOn(b, &config{maxClients: 1000, rate: 5}, listener, dial)
			var room []*browser
			for person := range 100 {
				room = append(room, server.join(fmt.Sprint(person)))
			}
			var sent atomic.Int64
			for range test.floods {
				flooder := server.join("flood")
				go func() {
					for { // until the connection is closed, at the end of the test
						if _, err := flooder.conn.Write(test.flood); err != nil {
							return
						}
						sent.Add(1000)
					}
				}()
			}
			time.Sleep(2 * time.Second) // the operating system takes the first megabytes of a flood

			var times []time.Duration
			begin, before := time.Now(), sent.Load()
			for b.Loop() {
				start := time.Now()
				text := fmt.Sprintf(`"text":"message %d"`, len(times))
				room[len(times)%len(room)].send("{" + text + "}")
				for _, person := range room {
					for !strings.Contains(<-person.frames, text) {
					}
				}
				times = append(times, time.Since(start))
				time.Sleep(10 * time.Millisecond) // a hundred people who say something every second
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms/median")
			b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "ms/p99")
			b.ReportMetric(float64(sent.Load()-before)/time.Since(begin).Seconds(), "flood/s")
		})
	}
}

// While the server waits for the close frame, it drops what comes. That must not cost more than
// what a flood costs before.
func TestFloodAfterTheEndIsSlowed(t *testing.T) {
	small := frame(fin|text, "x")
	for _, test := range []struct {
		name         string
		first, flood []byte // what ends the connection, and what comes afterwards, again and again
		most         int    // bytes that the server reads
	}{
		{"small frames", frame(fin|text|0x40, "x"), small, len(small) * (burst + int(closeWait/floodWait) + readBuffer)}, // 0x40: a reserved bit
		{"the rest of a giant one", []byte{fin | text, 0x80 | 127, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 64<<10), 2 * drainMost},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := startLimitedServer(t).dials()
				openWebSocket(conn)
				go io.Copy(io.Discard, conn)
				conn.Write(test.first)
				taken := 0
				for taken < 10*drainMost {
					n, err := conn.Write(test.flood)
					taken += n
					if err != nil {
						break
					}
				}
				if taken > test.most {
					t.Errorf("the server has read %d bytes, want at most %d", taken, test.most)
				}
			})
		})
	}
}
