package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/websocket"
)

// testInterval is the time between two test messages.
const testInterval = time.Second

// Client is one browser's connection. Two goroutines share it: readPump reads
// from it and writePump writes to it, so that neither ever waits for the other.
type Client struct {
	ws   *websocket.Conn
	left chan struct{} // closed by the read goroutine when the browser is gone
}

// serveClient talks with one browser from the handshake to the end. The
// goroutine it runs in, one for each connection, was started by net/http; it
// becomes the read goroutine. The connection is closed when serveClient
// returns.
func serveClient(ws *websocket.Conn) {
	client := &Client{ws: ws, left: make(chan struct{})}

	var writer sync.WaitGroup
	writer.Go(client.writePump)

	client.readPump()
	close(client.left)
	writer.Wait() // whoever starts a goroutine waits for its end
}

// readPump logs what the browser sends until the connection ends.
func (c *Client) readPump() {
	for {
		var text string
		if err := websocket.Message.Receive(c.ws, &text); err != nil {
			slog.Info("disconnected", "because", err) // EOF: the browser said goodbye
			return
		}
		slog.Info("received", "text", text)
	}
}

// writePump sends a test message every second until the browser is gone.
func (c *Client) writePump() {
	defer c.ws.Close() // also ends readPump, should this one end first

	ticker := time.NewTicker(testInterval)
	defer ticker.Stop()
	for number := 1; ; number++ {
		select {
		case <-c.left:
			return
		case <-ticker.C:
			if _, err := fmt.Fprintf(c.ws, "test message %d", number); err != nil {
				return
			}
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
