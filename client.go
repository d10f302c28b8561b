package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/websocket"
)

const (
	sendQueue = 1024            // frames that may wait for a client that reads more slowly than the room talks
	maxFrame  = 32 << 10        // bytes in one frame from a browser
	writeWait = 3 * time.Second // for one frame to be written
	closeWait = time.Second     // for the browser to answer our close frame

	nameWait  = 10 * time.Second // for the browser to send a name
	errorWait = time.Second      // between two errors to one client
	sayWait   = 5 * time.Second  // for the hub to take a message
)

// closeReason is why a connection ends: a code for the browser, words for the log.
type closeReason struct {
	code int
	text string // one of a few
	err  error  // with which the connection failed, if it did
}

func (r closeReason) String() string {
	if r.err != nil {
		return fmt.Sprintf("%s: %v", r.text, r.err)
	}
	return r.text
}

// The codes of RFC 6455, section 7.4.1, and one of the registry that it founded.
const (
	closeNormal    = 1000
	closeGoingAway = 1001
	closePolicy    = 1008
	closeTooBig    = 1009
	closeTooSlow   = 1013 // "try again later"
)

// Client is one browser's connection. Two goroutines share it: readPump reads
// from it and writePump writes to it, so that neither ever waits for the other.
type Client struct {
	hub  *Hub
	ws   *websocket.Conn
	send chan []byte // frames on their way to the browser; only the hub sends on it, so only the hub closes it

	reason   closeReason // set by the hub before it closes send; whoever has seen that close may read it
	received int         // messages; the read goroutine's

	name      string      // set before the client is in the room
	notices   chan []byte // from the read goroutine to its own browser; never closed, and what does not fit is dropped
	lastError time.Time   // the read goroutine's
	limiter   limiter     // the read goroutine's

	start     time.Time
	lastFrame atomic.Int64 // nanoseconds from start to the last frame: the reader writes it, the hub reads it
}

// serveClient talks with one browser from the handshake to the end. The
// goroutine it runs in, one for each connection, was started by net/http; it
// becomes the read goroutine. The connection is closed when serveClient
// returns.
func serveClient(ctx context.Context, hub *Hub, ws *websocket.Conn, rate float64) {
	ws.MaxPayloadBytes = maxFrame
	client := &Client{
		hub:     hub,
		ws:      ws,
		send:    make(chan []byte, sendQueue),
		notices: make(chan []byte, 1),
		limiter: limiter{rate: rate},
		start:   time.Now(),
	}
	ws.SetReadDeadline(time.Now().Add(nameWait)) // before a stop can set its own, which must win

	// When the server stops, the reader ends, and a writer that is stuck gets the
	// deadline of all others. (The request's own context would not do: a stop does
	// not cancel it, and the first read error does.)
	stopWatching := context.AfterFunc(ctx, func() {
		ws.SetReadDeadline(time.Now())
		ws.SetWriteDeadline(time.Now().Add(stopWait))
	})
	defer stopWatching()

	if reason := client.askName(ctx); client.name == "" {
		slog.Info("not joined", "peer", ws.Request().RemoteAddr, "why", reason.String())
		hub.stats.ended.Add(reason.text, 1)
		ws.SetWriteDeadline(client.writeDeadline())
		ws.WriteClose(reason.code)
		return
	}
	select {
	case hub.register <- client:
		client.run()
	case <-hub.done:
		ws.WriteClose(closeGoingAway)
	}
}

// run is the client's life in the room. There is one way out, whoever begins
// the parting: the reader ends, the hub closes the queue, the writer ends.
func (c *Client) run() {
	peer := c.ws.Request().RemoteAddr // not c.ws.RemoteAddr(): that one is the Origin
	slog.Info("connected", "peer", peer, "name", c.name)

	var writer sync.WaitGroup
	writer.Go(c.writePump)
	reason := c.readPump()
	select {
	case c.hub.unregister <- departure{c, reason}:
	case <-c.hub.done:
	}
	writer.Wait() // whoever starts a goroutine waits for its end

	slog.Info("disconnected", "peer", peer, "name", c.name, "why", c.reason.String(),
		"after", time.Since(c.start).Round(time.Millisecond), "messages", c.received)
	c.hub.stats.ended.Add(c.reason.text, 1)
	if reason.code != closeNormal { // the browser has not ended it
		c.drain()
	}
}

// askName sets the client's name, or says why there is none. There is no write
// goroutine yet, so this one may write.
func (c *Client) askName(ctx context.Context) closeReason {
	defer c.ws.SetReadDeadline(time.Time{}) // once the client is in the room, other deadlines must stay
	for {
		frame, err := c.receive()
		if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			return closeReason{code: closePolicy, text: "no name"}
		} else if err != nil {
			return c.readError(err)
		}
		name, text, err := c.admit(frame)
		if name != "" {
			c.name = name
			return closeReason{}
		}
		if text != "" {
			err = errors.New("please send your name first")
		}
		if c.tell(err) {
			c.write(<-c.notices)
		}
	}
}

// readPump passes what the browser sends to the hub until the connection ends,
// and says why it did.
func (c *Client) readPump() closeReason {
	for {
		frame, err := c.receive()
		if err != nil {
			return c.readError(err)
		}
		name, text, err := c.admit(frame)
		if name != "" {
			err = errors.New("you have a name already")
		}
		c.tell(err)
		if text == "" {
			continue
		}
		c.received++
		select {
		case c.hub.broadcast <- Message{Kind: "chat", Name: c.name, Text: text}:
		case <-time.After(sayWait):
			c.tell(errors.New("not sent: the server cannot save at the moment"))
		case <-c.hub.done:
			return closeReason{} // the hub has set one already
		}
	}
}

// receive waits for the next frame.
func (c *Client) receive() (frame []byte, err error) {
	err = textOnly.Receive(c.ws, &frame)
	c.lastFrame.Store(int64(time.Since(c.start)))
	return frame, err
}

// textOnly receives a text frame into a *[]byte, and leaves it empty for a
// binary frame, which is then refused like everything else that is not JSON.
var textOnly = websocket.Codec{Unmarshal: func(data []byte, frameType byte, frame any) error {
	if frameType == websocket.TextFrame {
		*frame.(*[]byte) = data
	}
	return nil
}}

// admit parses a frame, unless this client sends too fast. Whatever comes costs,
// mistakes too; only the answer to a heartbeat is free, because the client does
// not choose when to send it.
//
// What is free or refused still has to be read, and a flood of it would keep a
// processor busy. So the next frame is read a moment later: the connection fills
// up, and TCP has the flood wait at its source. (Pings and pongs are dealt
// with inside x/net: a flood of those is not seen here.)
func (c *Client) admit(frame []byte) (name, text string, err error) {
	switch {
	case string(frame) == "{}":
		time.Sleep(floodWait)
		return "", "", nil
	case !c.limiter.allow(time.Now()):
		time.Sleep(floodWait)
		return "", "", errTooFast
	default:
		return parse(frame)
	}
}

// tell queues an error, if there is one, for this browser alone. It reports
// whether it did: one error a second must be enough.
func (c *Client) tell(err error) bool {
	if err == nil || time.Since(c.lastError) < errorWait {
		return false
	}
	select {
	case c.notices <- encode(Message{Kind: "error", Text: err.Error()}):
		c.lastError = time.Now()
		return true
	default:
		return false
	}
}

func (c *Client) readError(err error) closeReason {
	switch {
	case errors.Is(err, io.EOF):
		return closeReason{code: closeNormal, text: "left"}
	case errors.Is(err, websocket.ErrFrameTooLarge):
		return closeReason{code: closeTooBig, text: "frame too big"}
	case errors.Is(err, os.ErrDeadlineExceeded): // set by a stop, or by the writer when the reason is known
		return closeReason{code: closeGoingAway, text: "the server stops"}
	default:
		return closeReason{closeNormal, "connection lost", err}
	}
}

// writePump writes the queue to the connection until the hub closes the queue,
// and then the reason as a close frame. When the connection fails before, it is
// closed, so that the reader ends too, and the rest of the queue is dropped.
func (c *Client) writePump() {
	var failed error
	for open := true; open; {
		var frame []byte
		select {
		case frame, open = <-c.send:
		case frame = <-c.notices:
		}
		if !open || failed != nil {
			continue
		}
		if failed = c.write(frame); failed != nil {
			c.ws.Close()
		}
	}
	if failed != nil {
		c.reason.text, c.reason.err = "cannot write", failed
		return
	}
	c.ws.SetWriteDeadline(c.writeDeadline())
	c.ws.WriteClose(c.reason.code)
	c.ws.SetReadDeadline(time.Now()) // ends the reader, if it did not end first
}

// write sends one text frame. The deadline is taken back afterwards: one that
// passes while nothing is written would break the reader, which answers pings.
func (c *Client) write(frame []byte) error {
	c.ws.SetWriteDeadline(c.writeDeadline())
	defer c.ws.SetWriteDeadline(time.Time{})
	_, err := c.ws.Write(frame)
	return err
}

// writeDeadline is when a write that begins now has to be finished. Once the
// server stops, all that is left to be written has one deadline together.
func (c *Client) writeDeadline() time.Time {
	select {
	case <-c.hub.done:
		return c.hub.stopBy
	default:
		return time.Now().Add(writeWait)
	}
}

// drain drops what comes until the browser answers the close frame: closing a
// socket with bytes unread resets the connection, and our last frames get lost.
// (A frame that our own deadline has cut in two may spoil this.)
func (c *Client) drain() {
	c.ws.SetReadDeadline(time.Now().Add(closeWait))
	io.Copy(io.Discard, c.ws)
}
