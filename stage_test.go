//go:build unix

package main

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

// stage is a site whose server is played by the test, frame by frame.
type stage struct {
	*site
	entrances chan *websocket.Conn
	history   http.HandlerFunc // what is older than the page's first message: nothing, unless set
}

func openStage(t *testing.T) *stage {
	t.Helper()
	t.Parallel()
	page, err := fs.Sub(static, "static")
	if err != nil {
		t.Fatal(err)
	}
	entrances, end := make(chan *websocket.Conn), make(chan struct{})
	mux := http.NewServeMux()
	mux.Handle("GET /", secure(http.FileServerFS(page)))
	mux.Handle("GET /ws", websocket.Handler(func(ws *websocket.Conn) {
		select {
		case entrances <- ws:
			<-end // x/net closes the connection when its handler returns
		case <-end:
		}
	}))
	s := &stage{site: &site{t: t, browser: startChromium(t)}, entrances: entrances}
	s.history = func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "[]") }
	mux.HandleFunc("GET /history", func(w http.ResponseWriter, r *http.Request) { s.history(w, r) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(end) })
	s.addr = strings.TrimPrefix(server.URL, "http://")
	return s
}

// visitor is someone in the room, whose clock stands still, and the server's
// end of the connection.
func (s *stage) visitor(name string) (*person, *serverEnd) {
	s.t.Helper()
	p := s.newcomer()
	p.stopsTheClock()
	p.open("http://" + s.addr)
	p.isOn("#name")
	p.types(name)
	p.press("Enter")
	server := s.comes(name)
	server.sends(fmt.Sprintf(`[{"kind":"welcome","name":%s}]`, quote(name)))
	p.isConnected()
	return p, server
}

// comes waits until a page connects and gives this name.
func (s *stage) comes(name string) *serverEnd {
	s.t.Helper()
	select {
	case ws := <-s.entrances:
		server := &serverEnd{s.t, ws}
		server.gets(fmt.Sprintf(`{"name":%s}`, quote(name)))
		return server
	case <-time.After(patience):
		s.t.Fatal("the page does not connect")
		return nil
	}
}

// serverEnd is the server's end of one connection.
type serverEnd struct {
	t  *testing.T
	ws *websocket.Conn
}

func (e *serverEnd) sends(frame string) {
	e.t.Helper()
	if err := websocket.Message.Send(e.ws, frame); err != nil {
		e.t.Fatal(err)
	}
}

// gets waits for the page's next frame, which has to be this one.
func (e *serverEnd) gets(want string) {
	e.t.Helper()
	if got, err := e.receive(); err != nil || got != want {
		e.t.Fatalf("the page sends %q (error: %v), want %s", got, err, want)
	}
}

// isLeft waits until the page has closed the connection.
func (e *serverEnd) isLeft() {
	e.t.Helper()
	if got, err := e.receive(); err != io.EOF {
		e.t.Fatalf("the page sends %q (error: %v), want it to close the connection", got, err)
	}
}

func (e *serverEnd) receive() (frame string, err error) {
	e.ws.SetReadDeadline(time.Now().Add(patience))
	err = websocket.Message.Receive(e.ws, &frame)
	return frame, err
}

// stopsTheClock has the next page wait for sleeps, instead of the time, where it
// wants to wait for ten seconds or more.
func (p *person) stopsTheClock() {
	p.t.Helper()
	p.devTools.call("Page.addScriptToEvaluateOnNewDocument", params{"source": `{
		const alarms = new Map(), {setTimeout: start, clearTimeout: stop} = window;
		let now = 0, last = 0;
		window.setTimeout = (ring, delay, ...rest) => {
			if (!(delay >= 10000)) return start(ring, delay, ...rest);
			alarms.set(--last, {ring, at: now + delay}); // the browser's own numbers are positive
			return last;
		};
		window.clearTimeout = (id) => alarms.delete(id) || stop(id);
		window.sleep = (milliseconds) => {
			now += milliseconds;
			for (const [id, {ring, at}] of alarms) if (at <= now && alarms.delete(id)) ring();
		};
	}`}, nil)
}

// sleeps lets the time of a page with a stopped clock pass.
func (p *person) sleeps(seconds int) {
	p.t.Helper()
	p.eval(fmt.Sprintf("sleep(%d)", seconds*1000), nil)
}
