package main

import (
	"io"
	"time"
)

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
