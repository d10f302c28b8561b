package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/websocket"
)

// A testing/synctest bubble waits for all its goroutines: if one of them never ends, the test
// fails, even without a check of its own.
func TestNoGoroutineOutlivesItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		var clients sync.WaitGroup
		for n := range 200 {
			clients.Go(func() {
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
					b.send(strings.Repeat("x", maxMessage+1))
					b.waitForClose()
				case 4:
					server.open().crash() // before it has sent a name
					b.leave()
				}
			})
		}
		clients.Wait()
		synctest.Wait()
		if n := runtime.NumGoroutine(); n > 20 {
			t.Errorf("%d goroutines are running after all clients have gone, want at most 20", n)
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
		{"the client leaves", func(_ *testServer, ann *browser) { ann.ws.WriteClose(1001) }, closeNormal, `why=left`},
		{"a frame is too big", func(_ *testServer, ann *browser) { ann.send(strings.Repeat("x", maxMessage+1)) }, closeTooBig, `why="frame too big"`},
		{"the server stops", func(server *testServer, _ *browser) { go server.stop() }, closeGoingAway, `why="the server stops"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := captureLog(t)
				server := startServer(t)
				ann := server.join("ann")
				ann.says("hello")
				time.Sleep(90 * time.Second) // takes no real time in the bubble

				test.end(server, ann)
				if code := ann.waitForClose(); code != test.code {
					t.Errorf("close code %d, want %d", code, test.code)
				}
				synctest.Wait()
				log.contains(t, "msg=connected peer=pipe name=ann")
				log.contains(t, "msg=disconnected peer=pipe name=ann "+test.why+" after=1m30s messages=1")
			})
		})
	}
}

// A client that reads nothing cannot answer a heartbeat either.
func TestStalledClientIsDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		startServer(t).joinStalled()
		time.Sleep(inactiveAfter + heartbeat + endWait + closeWait)
		log.contains(t, `msg=disconnected peer=pipe name=stalled why=inactive after=1m42s`)
	})
}

// A slow client is not always stuck. This one reads again in time:
// it gets the frames in its queue, and then a close code that says why no more come.
func TestSlowClientIsDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann, slow := server.join("ann"), server.joinStalled()
		synctest.Wait()
		server.fillQueues(sendQueue + 1)
		ann.says("faster!")
		ann.hears("ann: faster!") // the client that reads stays

		go slow.read()
		if code := slow.waitForClose(); code != closeTooSlow {
			t.Errorf("close code %d, want %d", code, closeTooSlow)
		}
	})
}

// A client may read a little now and then. Without the deadline of Client.end, the
// queued frames would keep its connection open for minutes, and it would go on talking to a
// room that it has left.
func TestRemovedClientIsGoneWithinSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipeListener()
		server := serveOn(t, &config{maxClients: 2}, pipes, pipes.dial)
		ann, slow := server.join("ann"), server.joinStalled()
		go func() {
			for {
				time.Sleep(1500 * time.Millisecond)
				frame, err := slow.ws.NewFrameReader()
				if err != nil {
					return
				}
				io.Copy(io.Discard, frame)
			}
		}()
		go func() {
			for {
				if _, err := slow.ws.Write([]byte(`{"text":"I am still here"}`)); err != nil {
					return
				}
				time.Sleep(time.Second / 2)
			}
		}()
		synctest.Wait()
		server.fillQueues(sendQueue + 1)
		time.Sleep(endWait + time.Second)
		ann.heard()
		if status := server.handshake("http://chat.localhost"); status != http.StatusSwitchingProtocols {
			t.Errorf("the place is still taken: status %d", status)
		}
		time.Sleep(20 * time.Second)
		if heard := ann.heard(); len(heard) > 0 {
			t.Errorf("the room heard %q from a client that was removed", heard)
		}
	})
}

func TestClientMustSendNameFirst(t *testing.T) {
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
		ann.hears("welcome ann", "history")
		ann.send(`{"name":"eve"}`)
		time.Sleep(errorWait)
		ann.send(`{"name":"eve"}`)
		ann.hears("error you have a name already")
		ann.says("hello")
		ann.hears("ann: hello")
		bob.hears("ann: hello") // and nothing of what ann sent before
	})
}

func TestClientWithoutNameIsDisconnected(t *testing.T) {
	for name, frame := range map[string]string{
		"sends nothing":             "",
		"sends frames, but no name": "{}",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := captureLog(t)
				ann := startServer(t).open()
				start := time.Now()
				if frame != "" {
					ann.send(frame)
				}
				if code := ann.waitForClose(); code != closePolicy {
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

func TestShutdownDisconnectsClientsWithoutName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.open()
		synctest.Wait()
		go server.stop()
		if code := ann.waitForClose(); code != closeGoingAway {
			t.Errorf("close code %d, want %d", code, closeGoingAway)
		}
	})
}

func TestInvalidFrameIsReportedOnlyToItsSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann, bob := server.join("ann"), server.join("bob")
		ann.send("no JSON at all")
		ann.hears(`error not understood: send {"name":"ada"} to join, {"text":"hello"} or {"text":"hello","ref":"r1"} to speak`)

		ann.ws.PayloadType = websocket.BinaryFrame
		ann.send(`{"text":"in a binary frame"}`)
		ann.ws.PayloadType = websocket.TextFrame
		ann.says("fine")
		ann.hears("ann: fine") // no second error within a second
		bob.hears("ann: fine")

		time.Sleep(errorWait)
		ann.ws.PayloadType = websocket.BinaryFrame
		ann.send(`{"text":"in a binary frame"}`)
		ann.hears(`error not understood: send {"name":"ada"} to join, {"text":"hello"} or {"text":"hello","ref":"r1"} to speak`)
	})
}

func TestIdleConnectionStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann := startServer(t).join("ann")
		time.Sleep(time.Minute)
		if _, err := ann.conn.Write([]byte{0x89, 0x80, 0, 0, 0, 0}); err != nil { // RFC 6455, section 5.5.2: an empty ping
			t.Fatal(err)
		}
		ann.says("still here")
		ann.hears("ann: still here")
	})
}

func TestHugeHeadersFillNeitherMemoryNorLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		server := startServer(t)
		if status := server.handshake("http://" + strings.Repeat("x", 6000)); status != http.StatusForbidden {
			t.Errorf("a long Origin is answered with %d, want 403", status)
		}
		if n := len(log.String()); n > 1000 {
			t.Errorf("a long Origin makes a log of %d bytes, want at most 1000:\n%.300s…", n, log)
		}
		log.contains(t, "msg=refused")
		if most := newServer(nil).MaxHeaderBytes; most <= 0 || most > 4<<10 { // 0 means a megabyte
			t.Errorf("the server takes headers of %d bytes, want at most 4 KB", most)
		}
	})
}

// A WebSocket is open for hours. Nobody needs the headers of its handshake any more.
func TestConnectionDoesNotKeepItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		server.join("ann")
		synctest.Wait()
		for client := range server.hub.clients {
			if r, c := client.ws.Request(), client.ws.Config(); r.Header != nil || r.URL != nil || c.Location != nil || r.RemoteAddr == "" {
				t.Errorf("the connection keeps the request %+v and the configuration %+v", r, c)
			}
		}
	})
}

// A program that reads nothing can send {} all the same. In a quiet room its queue fills
// only with heartbeats, which would take two hours.
func TestClientThatOnlySendsIsDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		stalled := startServer(t).joinStalled()
		go func() {
			for {
				if _, err := stalled.ws.Write([]byte("{}")); err != nil {
					return
				}
				time.Sleep(heartbeat)
			}
		}()
		time.Sleep(inactiveAfter + heartbeat + endWait + closeWait)
		log.contains(t, `msg=disconnected peer=pipe name=stalled why=inactive`)
		time.Sleep(heartbeat) // until the goroutine notices
	})
}

// What everybody receives is in memory once. An answer to one client is not: if it could
// ask for hundreds of them and read none, a few clients would fill the memory.
func TestClientThatReadsNoAnswersKeepsOnlyAFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		server := startServer(t)
		stalled := server.joinStalled()
		for range sendQueue / 2 {
			if _, err := stalled.ws.Write([]byte(`{"text":"again and again","ref":"r1"}`)); err != nil {
				break
			}
			time.Sleep(2 * batchWait)
		}
		time.Sleep(endWait + closeWait)
		log.contains(t, `msg=disconnected peer=pipe name=stalled why="too slow"`)
	})
}

// Hijack clears the deadlines of net/http, so takeOver sets one for the handshake.
func TestHandshakeWhoseAnswerNobodyReadsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipeListener()
		server := serveOn(t, &config{maxClients: 1}, pipes, pipes.dial)
		if err := openWebSocket(server.dials()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(nameWait)
		synctest.Wait()
		server.join("ann") // the only place is free again
	})
}

// brokenConn is a connection on which every write fails.
type brokenConn struct {
	net.Conn
	closed chan struct{}
}

func (c brokenConn) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
func (c brokenConn) Close() error              { close(c.closed); return nil }

// The hub knows nothing of the failure yet, and goes on filling the queue. Then it learns
// from the reader that the connection is lost. If it removes the client for another reason,
// a write that fails afterwards does not matter.
func TestFailedWriteEndsTheConnection(t *testing.T) {
	for reason, want := range map[string]string{lost: "cannot write: " + io.ErrClosedPipe.Error(), "too slow": "too slow"} {
		t.Run(reason, func(t *testing.T) { testFailedWrite(t, reason, want) })
	}
}

func testFailedWrite(t *testing.T, reason, want string) {
	synctest.Test(t, func(t *testing.T) {
		conn := brokenConn{closed: make(chan struct{})}
		client := bareClient()
		client.conn = conn
		ended := make(chan struct{})
		go func() {
			client.writePump()
			close(ended)
		}()
		client.send <- frameOf()
		<-conn.closed // so that the reader ends
		for range 2 * cap(client.send) {
			client.send <- frameOf()
		}
		client.reason.text = reason // as the hub does
		close(client.send)
		<-ended
		if got := client.reason.String(); got != want {
			t.Errorf("the reason is %q, want %q", got, want)
		}
	})
}

// A browser that is refused before it has joined may still be sending. If the server closed
// the socket with unread bytes in it, TCP would reset the connection, and the browser could
// lose the close code.
func TestCloseCodeBeforeJoiningIsNotLost(t *testing.T) {
	conn := startRealServer(t).dials()
	openWebSocket(conn, frame(fin|text, strings.Repeat("x", maxMessage+1))...)
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Errorf("the connection ends with %v", err)
	}
	if want := "\x88\x02\x03\xf1"; !strings.HasSuffix(string(answer), want) { // 1009
		t.Errorf("the last frame is %.8q, want %q", string(answer)[max(0, len(answer)-4):], want)
	}
}
