package main

import (
	"bufio"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A bubble of testing/synctest does not end before its goroutines have: one
// that is left behind fails the test. So the end of this test is its check.
func TestNoGoroutineOutlivesItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		var storm sync.WaitGroup
		for n := range 200 {
			storm.Go(func() {
				b := server.open()
				b.send("here I am")
				switch n % 4 {
				case 0:
					b.leave()
				case 1:
					b.crash()
				case 2:
					b.sendHalfAFrame()
					b.crash()
				case 3:
					b.send(strings.Repeat("x", maxFrame+1))
					b.isGone()
				}
			})
		}
		storm.Wait()
		synctest.Wait()
		if n := runtime.NumGoroutine(); n > 20 {
			t.Errorf("%d goroutines are left of the storm", n)
		}
	})
}

func TestEveryConnectionEndsWithAReason(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(server *testServer, ann *browser)
		code int
		why  string
	}{
		{"she leaves", func(_ *testServer, ann *browser) { ann.ws.WriteClose(1001) }, closeNormal, `why=left`},
		{"too big a frame", func(_ *testServer, ann *browser) { ann.send(strings.Repeat("x", maxFrame+1)) }, closeTooBig, `why="frame too big"`},
		{"a stop", func(server *testServer, _ *browser) { go server.stop() }, closeGoingAway, `why="the server stops"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := captureLog(t)
				server := startServer(t)
				ann := server.open()
				ann.send("hello")
				time.Sleep(90 * time.Second) // in the bubble: at once

				test.end(server, ann)
				if code := ann.isGone(); code != test.code {
					t.Errorf("close code %d, want %d", code, test.code)
				}
				synctest.Wait()
				log.contains(t, "msg=connected peer=pipe")
				log.contains(t, "msg=disconnected peer=pipe "+test.why+" after=1m30s messages=1")
			})
		})
	}
}

func TestALostConnectionIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		deaf := startServer(t).openDeaf()
		deaf.send("I do not listen")
		time.Sleep(writeWait + closeWait)
		log.contains(t, `msg=disconnected peer=pipe why="cannot write: write pipe: i/o timeout" after=3s`)
	})
}

// Slow is not stuck: this browser reads again before its time is over, gets
// what had been queued, and is told why no more comes.
func TestATooSlowClientIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann, slow := server.open(), server.openDeaf()
		synctest.Wait()
		for range sendQueue + 100 {
			ann.send("faster!")
		}
		synctest.Wait()
		if got := len(ann.received()); got != sendQueue+100 {
			t.Errorf("who reads received %d messages, want %d", got, sendQueue+100)
		}

		go slow.read()
		if code := slow.isGone(); code != closeTooSlow {
			t.Errorf("close code %d, want %d", code, closeTooSlow)
		}
	})
}

func TestOnlyPagesOfThisServerMayConnect(t *testing.T) {
	for _, test := range []struct {
		name, origin string
		status       int
	}{
		{"a page of this server", "http://chat.test", http.StatusSwitchingProtocols},
		{"the same page behind a TLS proxy", "https://chat.test", http.StatusSwitchingProtocols},
		{"the host in capitals", "http://CHAT.test", http.StatusSwitchingProtocols},
		{"a foreign page", "https://evil.test", http.StatusForbidden},
		{"another port", "http://chat.test:8081", http.StatusForbidden},
		{"a name that only begins alike", "http://chat.test.evil.test", http.StatusForbidden},
		{"a page without an origin", "null", http.StatusForbidden},
		{"no browser at all", "", http.StatusForbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if status := startServer(t).handshake(test.origin); status != test.status {
					t.Errorf("the handshake is answered with %d, want %d", status, test.status)
				}
			})
		})
	}
}

// handshake asks for a WebSocket and returns the status of the answer.
func (s *testServer) handshake(origin string) int {
	s.t.Helper()
	conn, err := s.dial()
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	request, err := http.NewRequest("GET", "http://chat.test/ws", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "websocket")
	request.Header.Set("Sec-WebSocket-Version", "13")
	request.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==") // RFC 6455, section 1.3
	if origin != "" {
		request.Header.Set("Origin", origin)
	}
	if err := request.Write(conn); err != nil {
		s.t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode
}

// A write deadline that has passed would break the answer to a ping, and with
// it the connection.
func TestAQuietConnectionStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann := startServer(t).open()
		ann.send("hello")
		ann.receives("hello")
		time.Sleep(2 * writeWait)
		if _, err := ann.conn.Write([]byte{0x89, 0x80, 0, 0, 0, 0}); err != nil { // RFC 6455, section 5.5.2: an empty ping
			t.Fatal(err)
		}
		ann.send("still here")
		ann.receives("still here")
	})
}
