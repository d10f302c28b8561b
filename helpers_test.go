package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

// testTimeout is how long a test waits for an event before it fails. Inside a
// testing/synctest bubble the wait takes no real time: the clock there is virtual,
// and it jumps ahead as soon as every goroutine in the bubble waits.
const testTimeout = 30 * time.Second

// testServer runs the whole server on a listener that the test chooses.
type testServer struct {
	t     testing.TB
	hub   *Hub
	store *Store
	path  string // of the database file
	dial  func() (net.Conn, error)
	stop  func() // shuts the server down, and returns when all its goroutines have ended
}

// startServer starts the server on in-memory pipes. Unlike sockets, pipes work in a
// testing/synctest bubble.
func startServer(t testing.TB) *testServer {
	t.Helper()
	pipes := newPipeListener()
	return serveOn(t, &config{maxClients: 1000}, pipes, pipes.dial)
}

// startRealServer starts the server on a real socket: with the buffers of the
// operating system, and in real time.
func startRealServer(t testing.TB) *testServer {
	t.Helper()
	listener := listen(t)
	return serveOn(t, &config{maxClients: 1000}, listener, func() (net.Conn, error) {
		return net.Dial("tcp", listener.Addr().String())
	})
}

func serveOn(t testing.TB, c *config, listener net.Listener, dial func() (net.Conn, error), prepare ...func(*Hub)) *testServer {
	t.Helper()
	c.db = cmp.Or(c.db, filepath.Join(t.TempDir(), "chat.db"))
	ctx, cancel := context.WithCancel(context.Background())
	store := openStore(t, c.db)
	history, err := store.History()
	if err != nil {
		t.Fatal(err)
	}
	hub := NewHub(store, history)
	for _, prepare := range prepare {
		prepare(hub)
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := serve(ctx, hub, c, listener); err != nil {
			t.Errorf("serve returned %v", err)
		}
	})
	stop := func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(stop)
	return &testServer{t: t, hub: hub, store: store, path: c.db, dial: dial, stop: stop}
}

// openStore opens a database, and closes it when the test ends.
func openStore(t testing.TB, path string) *Store {
	t.Helper()
	store, err := OpenStore(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// saveTexts saves a message from ann for each text, with a ref of its own, as the hub
// does. It returns the messages as the database has them.
func (s *Store) saveTexts(t testing.TB, texts ...string) []Message {
	t.Helper()
	var batch []Message
	for _, text := range texts {
		batch = append(batch, Message{Kind: "chat", Name: "ann", Text: text, At: time.Now(), Ref: newRef()})
	}
	if err := s.save(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return batch
}

// fillQueues puts frames into the queue of every client: heartbeats, because the hub
// puts several messages into one frame.
func (s *testServer) fillQueues(frames int) {
	for range frames {
		s.hub.sweep <- time.Now()
	}
}

// browser plays a browser that has the page open.
type browser struct {
	t         testing.TB
	conn      net.Conn // the connection under ws
	ws        *websocket.Conn
	frames    chan string // what the server has sent, except presence; closed when the connection ends
	presences chan presence
	closeCode int // from the server's close frame; read it only after frames is closed
	name      string
	elements  []Message // of the last frame, without those that the test has checked already
}

// join opens the page in one more browser and sends a name. The browser keeps
// reading, as real browsers do, until the test ends.
func (s *testServer) join(name string) *browser {
	s.t.Helper()
	b := s.open()
	b.name = name
	b.send(`{"name":"` + name + `"}`)
	b.hears("welcome "+name, "history") // what follows in this frame are the messages
	return b
}

// open opens the page in one more browser, which sends no name.
func (s *testServer) open() *browser {
	s.t.Helper()
	b := s.connect()
	go b.read()
	return b
}

// joinStalled adds a stalled client: a browser that sends a name and then reads
// nothing.
func (s *testServer) joinStalled() *browser {
	s.t.Helper()
	b := s.connect()
	b.send(`{"name":"stalled"}`)
	return b
}

// connect dials the server and makes the WebSocket handshake.
func (s *testServer) connect() *browser {
	s.t.Helper()
	config, err := websocket.NewConfig("ws://chat.localhost/ws", "http://chat.localhost")
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := s.dial()
	if err != nil {
		s.t.Fatal(err)
	}
	ws, err := websocket.NewClient(config, conn)
	if err != nil {
		s.t.Fatal(err)
	}
	b := &browser{t: s.t, conn: conn, ws: ws, frames: make(chan string, 5000), presences: make(chan presence, 5000)}
	s.t.Cleanup(b.crash)
	return b
}

// read collects the frames from the server. It uses NewFrameReader, because
// websocket.Message does not return the code in a close frame. Like a real browser,
// read answers a close frame with one of its own.
func (b *browser) read() {
	defer close(b.frames)
	for {
		frame, err := b.ws.NewFrameReader()
		if err != nil {
			return
		}
		payload, err := io.ReadAll(frame)
		switch {
		case err != nil:
			return
		case strings.HasPrefix(string(payload), `[{"kind":"here"`):
			b.presences <- decode[presence](b.t, string(payload))[0]
		case frame.PayloadType() == websocket.TextFrame:
			b.frames <- string(payload)
		case frame.PayloadType() == websocket.CloseFrame:
			b.closeCode = int(binary.BigEndian.Uint16(payload))
			b.ws.WriteClose(b.closeCode)
			return
		}
	}
}

func (b *browser) send(text string) {
	b.t.Helper()
	if _, err := b.ws.Write([]byte(text)); err != nil {
		b.t.Error(err)
	}
}

// sendHalfAFrame sends a header that promises 100 bytes, and then only four bytes.
func (b *browser) sendHalfAFrame() {
	b.t.Helper()
	header := []byte{0x81, 0x80 | 100, 0, 0, 0, 0} // RFC 6455, section 5.2: text, masked with zeros
	if _, err := b.conn.Write(append(header, "half"...)); err != nil {
		b.t.Fatal(err)
	}
}

// says sends a text without a ref, as a program may.
func (b *browser) says(text string) {
	b.t.Helper()
	frame, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		b.t.Fatal(err)
	}
	b.send(string(frame))
}

// posts sends a text with a ref, as the page does.
func (b *browser) posts(ref, text string) {
	b.t.Helper()
	frame, err := json.Marshal(map[string]string{"text": text, "ref": ref})
	if err != nil {
		b.t.Fatal(err)
	}
	b.send(string(frame))
}

// hears fails the test unless these elements come next. They are written as
// Message.String returns them.
func (b *browser) hears(want ...string) {
	b.t.Helper()
	for _, words := range want {
		if got := b.next().String(); got != words {
			b.t.Fatalf("%s heard %q, want %q", b.name, got, words)
		}
	}
}

// String returns the element as the tests write it.
func (m Message) String() string {
	if m.Kind == "chat" || m.Kind == "announcement" {
		return m.Name + ": " + m.Text
	}
	return strings.TrimSpace(m.Kind + " " + m.Name + m.Text)
}

// next waits for the next element.
func (b *browser) next() Message {
	b.t.Helper()
	for len(b.elements) == 0 {
		select {
		case frame, ok := <-b.frames:
			if !ok {
				b.t.Fatalf("%s: the connection ended with close code %d", b.name, b.closeCode)
			}
			b.elements = decode[Message](b.t, frame)
		case <-time.After(testTimeout):
			b.t.Fatalf("%s received nothing within %v", b.name, testTimeout)
		}
	}
	element := b.elements[0]
	b.elements = b.elements[1:]
	return element
}

// receivesMessages waits for n messages, but does not decode them: that would take longer
// than the delivery.
func (b *browser) receivesMessages(n int) {
	b.t.Helper()
	timeout := time.After(testTimeout)
	for received := 0; received < n; {
		select {
		case frame, ok := <-b.frames:
			if !ok {
				b.t.Fatalf("%s: the connection ended with close code %d, after %d of %d messages", b.name, b.closeCode, received, n)
			}
			received += strings.Count(frame, `{"id":`)
		case <-timeout:
			b.t.Fatalf("%s received %d of %d messages within %v", b.name, received, n, testTimeout)
		}
	}
}

// heard returns everything that has arrived and that the test has not checked yet.
func (b *browser) heard() []string {
	b.t.Helper()
	for range len(b.frames) {
		b.elements = append(b.elements, decode[Message](b.t, <-b.frames)...)
	}
	var words []string
	for _, element := range b.elements {
		words = append(words, element.String())
	}
	b.elements = nil
	return words
}

func decode[E any](t testing.TB, frame string) (elements []E) {
	t.Helper()
	if err := json.Unmarshal([]byte(frame), &elements); err != nil {
		t.Errorf("frame %q: %v", frame, err)
	}
	return elements
}

// leave closes the tab: the browser sends a close frame, and the connection ends.
func (b *browser) leave() {
	b.t.Helper()
	b.ws.WriteClose(1000)
	b.waitForClose()
}

// crash ends the connection without a close frame.
func (b *browser) crash() {
	b.ws.SetDeadline(time.Now()) // ends the wait of a goroutine that still writes
	b.ws.Close()
}

// waitForClose waits until the server ends the connection, and returns the code of its
// close frame. It drops all other frames that arrive until then.
func (b *browser) waitForClose() (closeCode int) {
	b.t.Helper()
	timeout := time.After(testTimeout)
	for {
		select {
		case _, ok := <-b.frames:
			if !ok {
				return b.closeCode
			}
		case <-timeout:
			b.t.Fatal("the connection is still open")
		}
	}
}

// pipeListener is a net.Listener whose connections are net.Pipes.
type pipeListener struct {
	pipes     chan net.Conn
	closed    chan struct{}
	closeOnce sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{pipes: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) dial() (net.Conn, error) {
	client, server := net.Pipe()
	l.pipes <- server
	return client, nil
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.pipes:
		return conn, nil
	case <-l.closed:
		return nil, http.ErrServerClosed
	}
}

func (l *pipeListener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// logBuffer collects the log. Its mutex lets a test read it while the server's
// goroutines write to it.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// captureLog sends the log to a buffer until the test ends.
func captureLog(t testing.TB) *logBuffer {
	buffer := &logBuffer{}
	before, output, flags := slog.Default(), log.Writer(), log.Flags()
	slog.SetDefault(slog.New(slog.NewTextHandler(buffer, nil)))
	t.Cleanup(func() {
		slog.SetDefault(before)
		log.SetOutput(output) // SetDefault also redirected package log, and to set the old default does not undo that
		log.SetFlags(flags)
	})
	return buffer
}

// contains fails the test unless the log contains the given words.
func (b *logBuffer) contains(t testing.TB, want string) {
	t.Helper()
	if !strings.Contains(b.String(), want) {
		t.Errorf("the log is\n%s\nwant it to contain\n%s", b, want)
	}
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
