package main

import (
	"bufio"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/websocket"
)

// A bubble of testing/synctest does not end before its goroutines have: one
// that is left behind fails the test. So the end of this test is its check.
func TestNoGoroutineOutlivesItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		var storm sync.WaitGroup
		for n := range 200 {
			storm.Go(func() {
				b := server.join(fmt.Sprint(n))
				b.says("here I am")
				switch n % 5 {
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
				case 4:
					server.open().crash() // has not even given a name
					b.leave()
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
				ann := server.join("ann")
				ann.says("hello")
				time.Sleep(90 * time.Second) // in the bubble: at once

				test.end(server, ann)
				if code := ann.isGone(); code != test.code {
					t.Errorf("close code %d, want %d", code, test.code)
				}
				synctest.Wait()
				log.contains(t, "msg=connected peer=pipe name=ann")
				log.contains(t, "msg=disconnected peer=pipe name=ann "+test.why+" after=1m30s messages=1")
			})
		})
	}
}

func TestALostConnectionIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		startServer(t).joinDeaf()
		time.Sleep(writeWait + closeWait)
		log.contains(t, `msg=disconnected peer=pipe name=deaf why="cannot write: write pipe: i/o timeout" after=3s`)
	})
}

// Slow is not stuck: this browser reads again before its time is over, gets
// what had been queued, and is told why no more comes.
func TestATooSlowClientIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann, slow := server.join("ann"), server.joinDeaf()
		synctest.Wait()
		for range sendQueue + 100 {
			ann.says("faster!")
		}
		synctest.Wait()
		if got := len(ann.heard()); got != sendQueue+100 {
			t.Errorf("who reads heard %d messages, want %d", got, sendQueue+100)
		}

		go slow.read()
		if code := slow.isGone(); code != closeTooSlow {
			t.Errorf("close code %d, want %d", code, closeTooSlow)
		}
	})
}

func TestANameIsNeededFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		bob, ann := server.join("bob"), server.open()
		ann.says("hello")
		ann.hears("error please send your name first")
		time.Sleep(errorWait)
		ann.send(`{"name":" Server "}`)
		ann.hears("error this name is the server's own: please choose another")
		ann.send(`{}`)
		ann.send(`{"name":"  ann "}`)
		ann.hears("welcome ann")
		ann.send(`{"name":"eve"}`)
		time.Sleep(errorWait)
		ann.send(`{"name":"eve"}`)
		ann.hears("error you have a name already")
		ann.says("hello")
		ann.hears("ann: hello")
		bob.hears("ann: hello") // and nothing of all that before
	})
}

func TestWhoGivesNoNameHasToLeave(t *testing.T) {
	for name, frame := range map[string]string{
		"silent":     "",
		"keeps busy": "{}",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := captureLog(t)
				ann := startServer(t).open()
				start := time.Now()
				if frame != "" {
					ann.send(frame)
				}
				if code := ann.isGone(); code != closePolicy {
					t.Errorf("close code %d, want %d", code, closePolicy)
				}
				if waited := time.Since(start); waited != nameWait {
					t.Errorf("the server waited %v for a name, want %v", waited, nameWait)
				}
				log.contains(t, `msg="not joined" peer=pipe why="no name"`)
			})
		})
	}
}

func TestAStopReachesThoseWithoutANameToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.open()
		synctest.Wait()
		go server.stop()
		if code := ann.isGone(); code != closeGoingAway {
			t.Errorf("close code %d, want %d", code, closeGoingAway)
		}
	})
}

func TestAMistakeIsToldToNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann, bob := server.join("ann"), server.join("bob")
		ann.send("no JSON at all")
		ann.hears(`error not understood: send {"name":"ada"} to join, {"text":"hello"} to speak`)

		ann.ws.PayloadType = websocket.BinaryFrame
		ann.send(`{"text":"in a binary frame"}`)
		ann.ws.PayloadType = websocket.TextFrame
		ann.says("fine")
		ann.hears("ann: fine") // no second error within a second
		bob.hears("ann: fine")

		time.Sleep(errorWait)
		ann.ws.PayloadType = websocket.BinaryFrame
		ann.send(`{"text":"in a binary frame"}`)
		ann.hears(`error not understood: send {"name":"ada"} to join, {"text":"hello"} to speak`)
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
		ann := startServer(t).join("ann")
		time.Sleep(2 * writeWait)
		if _, err := ann.conn.Write([]byte{0x89, 0x80, 0, 0, 0, 0}); err != nil { // RFC 6455, section 5.5.2: an empty ping
			t.Fatal(err)
		}
		ann.says("still here")
		ann.hears("ann: still here")
	})
}
