package main

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/net/websocket"
)

// sendQueue is how many frames may wait for a client that reads more slowly
// than the room talks.
const sendQueue = 1024

// Client is one browser's connection. Two goroutines share it: readPump reads
// from it and writePump writes to it, so that neither ever waits for the other.
type Client struct {
	hub  *Hub
	ws   *websocket.Conn
	send chan []byte // frames on their way to the browser; only the hub sends on it, so only the hub closes it
}

// serveClient talks with one browser from the handshake to the end. The
// goroutine it runs in, one for each connection, was started by net/http; it
// becomes the read goroutine. The connection is closed when serveClient
// returns.
func serveClient(hub *Hub, ws *websocket.Conn) {
	client := &Client{hub: hub, ws: ws, send: make(chan []byte, sendQueue)}
	select {
	case hub.register <- client:
		client.run()
	case <-hub.done:
	}
}

// run is the client's life in the room. There is one way out, whoever begins
// the parting: the reader ends, the hub closes the queue, the writer ends.
func (c *Client) run() {
	var writer sync.WaitGroup
	writer.Go(c.writePump)
	c.readPump()
	select {
	case c.hub.unregister <- c:
	case <-c.hub.done:
	}
	writer.Wait() // whoever starts a goroutine waits for its end
}

// readPump passes what the browser sends to the hub until the connection ends.
func (c *Client) readPump() {
	for {
		var text []byte
		if err := websocket.Message.Receive(c.ws, &text); err != nil {
			slog.Info("disconnected", "because", err) // EOF: the browser said goodbye
			return
		}
		select {
		case c.hub.broadcast <- bytes.ToValidUTF8(text, []byte("\uFFFD")): // browsers end a connection on which anything else comes
		case <-c.hub.done:
			return
		}
	}
}

// writePump writes the queue to the connection until the hub closes the queue
// or the connection fails.
func (c *Client) writePump() {
	defer c.ws.Close() // also ends readPump, should this one end first
	for frame := range c.send {
		if _, err := c.ws.Write(frame); err != nil { // one text frame
			return
		}
	}
}

// sameOrigin refuses the handshake, with 403, unless it comes from a page of
// this server. Browsers let any page open a WebSocket to any server; all they
// do is to say honestly, in the Origin header, where the page came from. The
// check is ours to make (RFC 6455, section 10.2): websocket.Handler wants an
// Origin, and takes any.
func sameOrigin(config *websocket.Config, request *http.Request) error {
	origin, err := websocket.Origin(config, request)
	if err != nil || origin == nil || !strings.EqualFold(origin.Host, request.Host) {
		slog.Warn("refused: not a page of this server", "peer", request.RemoteAddr, "origin", request.Header.Get("Origin"))
		return errors.New("foreign or missing Origin")
	}
	config.Origin = origin
	return nil
}
