package main

import (
	"context"
	"fmt"
	"log/slog"
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

	lastFrame atomic.Pointer[time.Time] // when it came: the reader writes it, the hub reads it
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
	start := time.Now()
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
		"after", time.Since(start).Round(time.Millisecond), "messages", c.received)
	c.hub.stats.ended.Add(c.reason.text, 1)
	if reason.code != closeNormal { // the browser has not ended it
		c.drain()
	}
}
