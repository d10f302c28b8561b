package main

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"
)

// In a flood, if no text comes back for this long, the sender stops waiting for those on their way.
const giveUp = 3 * time.Second

// client is one connection. A goroutine reads it. If the client speaks, another one sends.
type client struct {
	load *load
	id   int // the clients join in this order
	conn *conn
	slow bool // stops reading

	sent int           // texts so far, so the number of the next one; until it ends, only the sender touches it
	back atomic.Int64  // texts with a lower number have come back, or are lost; only the reader stores it
	wake chan struct{} // tells the sending goroutine that back has changed

	// Only the reader touches these until it has ended.
	tally  tally
	closed bool // by the server
}

// read reads the connection until it ends.
func (c *client) read() {
	server := c.load.server
	for {
		message, err := c.conn.readMessage()
		if err != nil {
			c.closed = !c.load.closing.Load()
			c.conn.Close()
			return
		}
		now := c.load.now()
		for m := range markers(message) {
			c.receive(m, now)
		}
		if server.heartbeat != "" && hasLine(message, server.heartbeat) {
			c.conn.write(opText, []byte(server.answer)) // if it fails, the next read does, too
		}
	}
}

// hasLine reports whether a line of the message is the given one. When centrifuge has much to
// send, a heartbeat shares a message with texts.
func hasLine(message []byte, wanted string) bool {
	for line := range bytes.SplitSeq(message, []byte("\n")) {
		if string(line) == wanted {
			return true
		}
	}
	return false
}

// receive counts a text.
func (c *client) receive(m marker, now time.Duration) {
	if !c.tally.add(m) || c.slow {
		return
	}
	c.load.delivered.Add(1)
	if m.due >= c.load.measureFrom {
		c.load.latencies.add(now - m.due)
	}
	if m.sender == c.id {
		c.back.Store(max(c.back.Load(), int64(m.number)+1))
		select {
		case c.wake <- struct{}{}:
		default: // a signal is waiting already
		}
	}
}

// sendAtRate sends at fixed times. If the server makes the client wait, the next texts are
// late. They have the times at which they were due, so their latency includes the wait.
func (c *client) sendAtRate() {
	l := c.load
	turn := time.Duration(float64(time.Second) / l.scenario.rate) // the senders take turns
	due := l.sendFrom + turn*time.Duration(c.id)
	for due < l.measureUntil && l.now() < l.measureUntil {
		l.sleepUntil(due)
		if c.send(due) != nil {
			return
		}
		due += turn * time.Duration(l.scenario.senders)
	}
}

// flood keeps a few texts on their way: when one is back, it sends the next one. No server
// changes the order of one sender's texts. So if a text is back and an earlier one is not, the
// earlier one is lost.
func (c *client) flood() {
	l := c.load
	l.sleepUntil(l.sendFrom)
	givenUp := 0 // the sender does not wait for texts with a lower number
	for l.now() < l.measureUntil {
		if onTheirWay := c.sent - max(givenUp, int(c.back.Load())); onTheirWay < l.scenario.outstanding {
			if c.send(l.now()) != nil {
				return
			}
			continue
		}
		select {
		case <-c.wake:
		case <-time.After(giveUp):
			givenUp = c.sent
		}
	}
}

// send sends the next text. It fails when the connection has ended. The reader counts that.
func (c *client) send(due time.Duration) error {
	text := marker{c.id, c.sent, due}.text(c.load.scenario.size)
	c.sent++ // also if the write fails: the server may have received the text
	return c.conn.write(opText, fmt.Appendf(nil, c.load.server.say, text))
}
