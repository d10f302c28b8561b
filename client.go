package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/websocket"
)

const (
	sendQueue = 256         // frames that may wait for a client that reads more slowly than the room talks
	closeWait = time.Second // for the browser to answer our close frame
	drainMost = 1 << 20     // bytes of payload that we drop while we wait for that

	nameWait  = 10 * time.Second // for the browser to send a name
	errorWait = time.Second      // between two errors to one client, if they have no ref
	sayWait   = 5 * time.Second  // for the hub to receive a message
)

var errCannotSave = errors.New("not saved yet: the server cannot save at the moment")

// closeReason is why a connection ends: a code for the browser, words for the log.
type closeReason struct {
	code int
	text string // one of a few fixed texts, so that stats can count by reason
	err  error  // the error with which the connection failed, if it did
}

const lost = "connection lost" // the text of a reason

func (r closeReason) String() string {
	if r.err != nil {
		return fmt.Sprintf("%s: %v", r.text, r.err)
	}
	return r.text
}

// Close codes of RFC 6455, section 7.4.1. The last one comes from the registry
// that the RFC established.
const (
	closeNormal    = 1000
	closeGoingAway = 1001
	closeProtocol  = 1002
	closePolicy    = 1008
	closeTooBig    = 1009
	closeTooSlow   = 1013 // "try again later"
)

// Client is one browser's connection. Two goroutines share it: readPump reads
// from it and writePump writes to it. So a client that sends nothing still
// receives, and a client that reads slowly can still speak. (Both goroutines may
// write: package websocket answers pings in the reader. Each frame is one call of conn.Write,
// and calls of Write wait for each other, so no frame gets into the middle of another one.)
type Client struct {
	hub  *Hub
	conn net.Conn
	ws   *websocket.Conn // on conn: it reads frames, and writes pongs and close frames
	send chan *outFrame  // frames on their way to the browser; only the hub sends on it, so only the hub closes it

	// For a client in the room, the hub sets reason and endBy before it closes send.
	// Afterwards, the reader and the writer may use them.
	reason closeReason
	endBy  time.Time // when the connection must have ended

	name string // set before the client joins the room

	// Only the read goroutine touches these.
	received  int // messages
	lastError time.Time
	limiter   limiter
	frame     frameReader // the one read last; drain reads the rest of it

	gone chan struct{} // closed when the hub has removed the client

	start     time.Time    // when the connection began
	lastFrame atomic.Int64 // nanoseconds from start to the last frame from the browser: the reader stores it, the hub loads it
	lastWrite atomic.Int64 // the same for the last frame that the connection took; the writer stores it
	writeFrom atomic.Int64 // when the write under way began, for the lab; 0 while the writer waits for a frame
	reader    atomic.Value // a string, for the lab: the reader waits for a frame, is slowed by the limiter, or blocked by the hub
}

// serveClient serves one browser from the handshake to the end. Its goroutine becomes
// the read goroutine. Package websocket closes the connection when serveClient returns.
func serveClient(ctx context.Context, hub *Hub, conn net.Conn, ws *websocket.Conn, rate float64) {
	client := &Client{
		hub:     hub,
		conn:    conn,
		ws:      ws,
		send:    make(chan *outFrame, sendQueue),
		gone:    make(chan struct{}),
		limiter: limiter{rate: rate, size: burst},
		start:   time.Now(),
	}

	// The deadline for the name; askName clears it. It is set before AfterFunc, so
	// that a shutdown can overwrite it. It is for writes too: if a browser floods pings
	// and reads none of the answers, the reader blocks while it writes an answer.
	ws.SetDeadline(time.Now().Add(nameWait))

	// A shutdown ends the wait for a name. (The request's own context is of no use: it ended
	// when the HTTP handler handed the connection over and returned.) Clients that have joined are the hub's business.
	stopWatching := context.AfterFunc(ctx, func() {
		ws.SetReadDeadline(time.Now())
		ws.SetWriteDeadline(time.Now().Add(endWait)) // the reader may be writing the answer to a ping
	})
	reason, named := client.askName()
	if !stopWatching() { // it returns false if the function has been called: the server stops
		reason, named = closeReason{code: closeGoingAway, text: "the server stops"}, false
	}
	if named {
		select {
		case hub.register <- client:
			client.run()
			return
		case <-hub.done:
			reason = closeReason{code: closeGoingAway, text: "the server stops"}
		}
	}
	client.refuse(reason)
}

// refuse ends a connection that has not joined the room.
func (c *Client) refuse(reason closeReason) {
	slog.Info("not joined", "peer", c.ws.Request().RemoteAddr, "why", reason.String())
	c.hub.stats.ended.Add(reason.text, 1)
	c.endBy = time.Now().Add(endWait)
	c.ws.SetWriteDeadline(c.endBy)
	c.ws.WriteClose(reason.code)
	if reason.code == closeTooBig || reason.code == closeProtocol { // the rest of that frame is on its way
		c.drain()
	}
}

// end is for the hub, which removes the client. By the given time, the connection has
// ended, whatever the browser does and whatever our goroutines wait for. Clients in the
// room need no other deadline for writes: if one reads nothing, its queue becomes full, or the
// hub finds it inactive.
func (c *Client) end(by time.Time) {
	c.endBy = by
	close(c.gone)
	c.ws.SetReadDeadline(time.Now()) // ends the reader
	c.ws.SetWriteDeadline(by)
}

// askName waits until the browser has sent a name, sets it, and returns true. If
// there is none before the deadline, or the connection ends, askName returns false
// and the reason. It clears the deadline, because a client in the room may be
// silent.
func (c *Client) askName() (reason closeReason, named bool) {
	defer c.ws.SetDeadline(time.Time{})
	for {
		request, refused, err := c.nextRequest()
		switch {
		case err != nil:
			return c.readError(err), false
		case refused != nil:
			c.tell(refused, "")
		case request.kind == join:
			c.name = request.text
			return closeReason{}, true
		case request.kind == say:
			c.tell(errors.New("please send your name first"), "")
		}
	}
}

// run is the client's life in the room. There is one way out, whichever side
// disconnects first: the hub closes the queue, and run returns only when the reader
// and the writer have both ended.
func (c *Client) run() {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("client", c.name))) // in dumps and profiles; the writer inherits them
	joined := time.Now()
	peer := c.ws.Request().RemoteAddr // c.ws.RemoteAddr() would be the URL of the page, and not the browser's address
	slog.Info("connected", "peer", peer, "name", c.name)

	var writer sync.WaitGroup
	writer.Go(c.writePump)
	readerReason := c.readPump() // the hub may have set another one before; c.reason is the one that counts
	select {
	case c.hub.unregister <- departure{c, readerReason}:
	case <-c.hub.done:
	}
	writer.Wait() // run started the goroutine, so run waits for its end

	slog.Info("disconnected", "peer", peer, "name", c.name, "why", c.reason.String(),
		"after", time.Since(joined).Round(time.Millisecond), "messages", c.received)
	c.hub.stats.ended.Add(c.reason.text, 1)
	if readerReason.code != closeNormal { // we disconnect first, so the browser still has to answer our close frame
		c.drain()
	}
}

// readPump passes the browser's messages to the hub until the connection ends,
// and returns the reason.
func (c *Client) readPump() closeReason {
	for {
		request, refused, err := c.nextRequest()
		switch {
		case err != nil:
			return c.readError(err)
		case refused != nil:
			c.tell(refused, request.ref)
			continue
		case request.kind == join:
			c.tell(errors.New("you have a name already"), "")
			continue
		case request.kind == alive:
			continue
		}
		c.received++
		if reason, ended := c.passOn(request); ended {
			return reason
		}
	}
}

// passOn passes a message to the hub. If the client has been removed or the server stops,
// passOn returns true and the reason.
func (c *Client) passOn(r request) (reason closeReason, ended bool) {
	c.reader.Store("blocked")
	defer trace.StartRegion(context.Background(), "hand over").End()
	message := Message{Kind: "chat", Name: c.name, Text: r.text, Ref: r.ref}
	select {
	case c.hub.posts <- post{client: c, message: message, read: time.Now()}:
	case <-time.After(sayWait):
		c.tell(errCannotSave, r.ref)
	case <-c.gone:
		return closeReason{}, true // the hub has set the reason
	case <-c.hub.done:
		return closeReason{code: closeGoingAway, text: "the server stops"}, true
	}
	return closeReason{}, false
}

// nextRequest waits for the next request. There are two kinds of errors: refused is for the
// person at the browser, and the connection goes on; err ends the connection. If this
// client sends too fast, nextRequest refuses everything but the answer to a heartbeat: the
// page did not choose when to send that.
func (c *Client) nextRequest() (request request, refused, err error) {
	m, err := c.receive()
	if err != nil {
		return request, nil, err
	}
	request, refused = parse(m.text)
	if m.tooFast && string(m.text) != "{}" {
		refused = errTooFast
	}
	return request, refused, nil
}

// tell sends an error to this browser alone, through the hub, because
// only the hub sends to the queue. A page that has sent a ref waits for an answer, so it
// gets every error. Errors without a ref come at most once a second.
func (c *Client) tell(err error, ref string) {
	if ref == "" && time.Since(c.lastError) < errorWait {
		return
	}
	if ref == "" {
		c.lastError = time.Now()
	}
	frame := frameOf(encode(refusal(err, ref)))
	if c.name == "" { // the client is not in the room yet, and has no writer
		c.conn.Write(*frame) // if this fails, the next receive fails, too
		return
	}
	select {
	case c.hub.answers <- answer{c, frame}:
	case <-c.hub.done:
	}
}

// refusal is the element that tells a sender why a text was not taken. Retry is set if
// the server may accept the same text later.
func refusal(err error, ref string) Message {
	m := Message{Kind: "error", Text: err.Error(), Ref: ref}
	if errors.Is(err, errTooFast) || errors.Is(err, errCannotSave) {
		m.Retry = 1
	}
	return m
}

func (c *Client) readError(err error) closeReason {
	switch {
	case errors.Is(err, io.EOF):
		return closeReason{code: closeNormal, text: "left"}
	case errors.Is(err, errProtocol):
		return closeReason{code: closeProtocol, text: "protocol error"}
	case errors.Is(err, websocket.ErrFrameTooLarge):
		return closeReason{code: closeTooBig, text: "frame too big"}
	case errors.Is(err, os.ErrDeadlineExceeded) && c.name == "":
		return closeReason{code: closePolicy, text: "no name"}
	case errors.Is(err, os.ErrDeadlineExceeded): // the hub has removed the client, or the server stops. The hub's reason is sent and logged. This one is not: it only tells run to call drain
		return closeReason{code: closeGoingAway, text: "the server stops"}
	default:
		return closeReason{closeNormal, lost, err} // nobody gets the code, and nothing is left to drain
	}
}

// writePump writes the queue to the connection until the hub closes the queue,
// and then the reason as a close frame. If a write fails, it closes the
// connection. That ends the reader, and so the hub closes the queue.
func (c *Client) writePump() {
	for frame := range c.send {
		c.writeFrom.Store(int64(time.Since(c.start)) | 1) // | 1 because 0 would mean that the writer waits for a frame
		if _, err := c.conn.Write(*frame); err != nil {
			c.conn.Close()
			for range c.send { // drop the rest
			}
			if c.reason.text == lost { // the reader may have seen only that the connection was closed; this error says why
				c.reason.text, c.reason.err = "cannot write", err
			}
			return
		}
		c.lastWrite.Store(int64(time.Since(c.start)))
		c.writeFrom.Store(0)
	}
	c.ws.WriteClose(c.reason.code)
}

// drain drops incoming bytes until the browser answers the close frame, for at most
// closeWait, and not after endBy. If we closed the socket with unread bytes in it, TCP
// would reset the connection, and the browser could lose our last frames. (If a read
// deadline stopped us inside the header of a frame, drain mistakes the rest of that header
// for a new one and may stop too early. Then the browser may still lose our last frames.)
// A flood is slowed, as in nextFrame, and drain looks at the deadline itself: while frames are in
// the buffer, no read has to wait, so the connection's read deadline stops nothing.
func (c *Client) drain() {
	deadline := time.Now().Add(closeWait)
	if c.endBy.Before(deadline) {
		deadline = c.endBy
	}
	c.ws.SetReadDeadline(deadline)
	frame := c.frame // first what is left of the last frame
	var err error
	for rest := int64(drainMost); err == nil && rest > 0 && time.Now().Before(deadline) && frame.PayloadType() != websocket.CloseFrame; {
		n, _ := io.CopyN(io.Discard, frame, rest)
		rest -= n
		if !c.limiter.allow(time.Now()) {
			time.Sleep(floodWait)
		}
		frame, err = c.ws.NewFrameReader()
	}
}
