package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lxzan/gws"
)

// badRoom is a chat server that does something wrong.
type badRoom struct {
	gws.BuiltinEventHandler
	mu      sync.Mutex
	clients []*gws.Conn // in the order in which they joined
	texts   int
	held    []byte

	deliver func(r *badRoom, n int, text []byte) // what it does with text n
}

func (r *badRoom) OnOpen(client *gws.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clients = append(r.clients, client)
}

func (r *badRoom) OnMessage(_ *gws.Conn, message *gws.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deliver(r, r.texts, message.Bytes())
	r.texts++
}

func (r *badRoom) sendToAll(text []byte) {
	for _, client := range r.clients {
		client.WriteMessage(gws.OpcodeText, text)
	}
}

// measureBadRoom puts a load on a badRoom that runs in the test itself.
func measureBadRoom(t *testing.T, sc scenario, duration time.Duration, deliver func(r *badRoom, n int, text []byte)) (result, *load) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go gws.NewServer(&badRoom{deliver: deliver}, nil).RunListener(listener)
	l := newLoad(sc, server{path: "/", say: "%s"}, listener.Addr().String(), 0)
	l.sendFrom, l.measureFrom, l.measureUntil = 100*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond+duration
	r, err := l.measure(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return r, l
}

// TestLoadNoticesWhatServersDoWrong: four clients are in the room, and the first one sends ten
// texts.
func TestLoadNoticesWhatServersDoWrong(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                                 string
		deliver                              func(r *badRoom, n int, text []byte)
		missing, closed, doubled, outOfOrder int // how many in all
	}{
		{"makes no mistake", func(r *badRoom, n int, text []byte) { r.sendToAll(text) }, 0, 0, 0, 0},
		{"loses one for all", func(r *badRoom, n int, text []byte) {
			if n != 3 {
				r.sendToAll(text)
			}
		}, 4, 0, 0, 0},
		{"doubles one", func(r *badRoom, n int, text []byte) {
			r.sendToAll(text)
			if n == 3 {
				r.sendToAll(text)
			}
		}, 0, 0, 4, 0},
		{"doubles the last one, late", func(r *badRoom, n int, text []byte) {
			if n == 9 {
				time.Sleep(300 * time.Millisecond)
				r.sendToAll(text)
				time.Sleep(50 * time.Millisecond)
			}
			r.sendToAll(text)
		}, 0, 0, 4, 0},
		{"swaps two", func(r *badRoom, n int, text []byte) {
			if n == 3 {
				r.held = append(r.held, text...)
				return
			}
			r.sendToAll(text)
			if n == 4 {
				r.sendToAll(r.held)
			}
		}, 0, 0, 0, 4},
		{"closes one client", func(r *badRoom, n int, text []byte) {
			if n == 3 {
				r.clients[3].NetConn().Close()
				r.clients = r.clients[:3]
			}
			r.sendToAll(text)
		}, 10 - 3, 1, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sc := scenario{clients: 4, senders: 1, rate: 20, size: 100}
			r, l := measureBadRoom(t, sc, 500*time.Millisecond, test.deliver)
			if l.expected() != 40 {
				t.Errorf("%d deliveries expected, want 40", l.expected())
			}
			want := result{lost: 100 * float64(test.missing) / 40, closed: float64(test.closed),
				doubled: float64(test.doubled), reordered: float64(test.outOfOrder)}
			for figure := range want {
				if r[figure] != want[figure] {
					t.Errorf("%s: got %v, want %v", figure, r[figure], want[figure])
				}
			}
		})
	}
}

func TestFloodGoesOnAfterLosses(t *testing.T) {
	t.Parallel()
	sc := scenario{clients: 1, senders: 1, outstanding: 2, size: 100}
	// The first two texts are lost, so the sender stalls, and begins again after giveUp. Later,
	// the server loses one text in five. The sender notices that when the next one comes back.
	_, l := measureBadRoom(t, sc, giveUp+500*time.Millisecond, func(r *badRoom, n int, text []byte) {
		if n >= 2 && n%5 != 0 {
			r.sendToAll(text)
		}
	})
	if sent := l.clients[0].sent; sent < 100 {
		t.Errorf("%d texts sent, want many more: the sender waits for lost texts", sent)
	}
}

// TestLateTextsHaveTheTimeAtWhichTheyWereDue: the load began about two seconds ago, and the
// first text was due about one second ago.
func TestLateTextsHaveTheTimeAtWhichTheyWereDue(t *testing.T) {
	ours, theirs := net.Pipe()
	l := newLoad(scenario{senders: 1, rate: 10, size: 100}, server{say: "%s"}, "", time.Millisecond)
	l.start = time.Now().Add(-l.measureUntil + 100*time.Millisecond)
	go func() {
		(&client{load: l, conn: &conn{Conn: ours}}).sendAtRate()
		ours.Close()
	}()
	sent, _ := io.ReadAll(theirs)
	first := slices.Collect(markers(sent))
	if len(first) < 2 || first[0].due != settle || first[1].due != settle+100*time.Millisecond {
		t.Errorf("the first texts are %v, want them due after 1 s and 1.1 s", first)
	}
}

// TestTextsThatSlowClientsMissAreNotLost: the last two of four clients read nothing until the
// load is over, and the server closes one of them.
func TestTextsThatSlowClientsMissAreNotLost(t *testing.T) {
	t.Parallel()
	sc := scenario{clients: 4, senders: 1, rate: 200, size: 100, slow: 2}
	r, _ := measureBadRoom(t, sc, 300*time.Millisecond, func(r *badRoom, n int, text []byte) {
		if n == 7 {
			r.clients[3].NetConn().Close()
			r.clients = r.clients[:3]
		}
		r.sendToAll(text)
	})
	if r[lost] != 0 || r[closed] != 0 || r[slowClosed] != 1 {
		t.Errorf("lost %v %%, closed %v, slow clients closed %v; want 0, 0, 1", r[lost], r[closed], r[slowClosed])
	}
}

// TestTextsThatSlowClientsDelayAreLost: the server writes to the slow client before it writes a
// text to the other one. The slow client's buffers fill up, and from then on nobody gets
// anything, until the slow client reads again. That is too late.
func TestTextsThatSlowClientsDelayAreLost(t *testing.T) {
	t.Parallel()
	sc := scenario{clients: 2, senders: 1, rate: 200, size: 100, slow: 1}
	big := make([]byte, 1<<20)
	r, _ := measureBadRoom(t, sc, 300*time.Millisecond, func(r *badRoom, n int, text []byte) {
		r.clients[1].WriteMessage(gws.OpcodeBinary, big)
		r.clients[0].WriteMessage(gws.OpcodeText, text)
	})
	if r[lost] < 50 {
		t.Errorf("lost %v %%, want most of the texts", r[lost])
	}
}

// TestHeartbeatAmongTextsIsAnswered: when centrifuge has much to send, a heartbeat shares a
// message with texts. Centrifuge disconnects a client that does not answer.
func TestHeartbeatAmongTextsIsAnswered(t *testing.T) {
	sent := slices.Concat(
		encodeFrame(opText, 0, []byte("text\n{}\ntext")),
		encodeFrame(opText, 0, []byte("{}")),
		encodeFrame(opText, 0, []byte(`{"data":{}}`)))
	ours, theirs := net.Pipe()
	l := newLoad(scenario{}, server{heartbeat: "{}", answer: "answer"}, "", 0)
	go (&client{load: l, conn: &conn{Conn: ours, reader: bufio.NewReader(bytes.NewReader(sent))}}).read()
	answers, _ := io.ReadAll(theirs)
	if got := bytes.Count(answers, []byte("answer")); got != 2 {
		t.Errorf("%d answers, want 2", got)
	}
}
