package main

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	settle    = time.Second      // from the last join to the first text
	warmUp    = time.Second      // from the first text to the measurement
	quiet     = 2 * time.Second  // after so long without a delivery, no more will come
	drainWait = 10 * time.Second // after so long, the rest counts as lost even if deliveries still come
)

// load is what one server gets in one measurement.
type load struct {
	scenario scenario
	server   server
	addr     string // of the server

	start        time.Time // all other times count from here
	sendFrom     time.Duration
	measureFrom  time.Duration
	measureUntil time.Duration // and until then, the senders send

	clients []*client
	senders []*sender
	reading sync.WaitGroup
	sending sync.WaitGroup
	closing atomic.Bool // from now on, we close the connections, and not the server

	delivered atomic.Int64 // different texts that reached clients, without the slow ones
	latencies latencies    // of those that were due in the measured time
}

// client is one connection. One goroutine reads it.
type client struct {
	conn   *conn
	slow   bool
	sender *sender // nil if this client does not speak

	// Only the reader touches these until it has ended.
	tally  tally
	closed bool // by the server
}

func newLoad(sc scenario, s server, addr string, duration time.Duration) *load {
	from := settle + warmUp
	until := from + duration*max(1, sc.longer)
	return &load{scenario: sc, server: s, addr: addr, sendFrom: settle, measureFrom: from, measureUntil: until}
}

// now returns the time since the start.
func (l *load) now() time.Duration {
	return time.Since(l.start)
}

func (l *load) sleepUntil(t time.Duration) {
	time.Sleep(t - l.now())
}

// open connects all clients, one after the other.
func (l *load) open() error {
	for i := range l.scenario.clients {
		if err := l.join(i); err != nil {
			return fmt.Errorf("client %d cannot join: %w", i, err)
		}
	}
	return nil
}

// join connects client i. If the server tells clients that they are in the room, join waits
// for that.
func (l *load) join(i int) error {
	slow := i >= l.scenario.clients-l.scenario.slow
	var dialer net.Dialer
	if slow {
		dialer.Control = smallBuffers
	}
	conn, err := dial(l.addr, l.server.path, &dialer)
	if err != nil {
		return err
	}
	c := &client{conn: conn, slow: slow, tally: newTally(l.scenario.senders)}
	l.clients = append(l.clients, c)
	if i < l.scenario.senders {
		c.sender = newSender(l, i, conn)
		l.senders = append(l.senders, c.sender)
	}
	for _, text := range l.server.join {
		if err := conn.write(opText, []byte(text)); err != nil {
			return err
		}
	}
	for joined := l.server.joined == ""; !joined; {
		message, err := conn.readMessage()
		if err != nil {
			return err
		}
		joined = bytes.Contains(message, []byte(l.server.joined))
	}
	return conn.SetDeadline(time.Time{}) // without one
}

// startReading starts the readers of the slow clients, or those of the others.
func (l *load) startReading(slow bool) {
	for _, c := range l.clients {
		if c.slow == slow {
			l.reading.Go(func() { l.read(c) })
		}
	}
}

// startSending starts the senders. If the server stops reading, a sender would wait for it for
// ever; the deadline ends that.
func (l *load) startSending() {
	for _, s := range l.senders {
		s.conn.SetWriteDeadline(l.start.Add(l.measureUntil + drainWait))
		l.sending.Go(s.run)
	}
}

// read reads one client's connection until it ends.
func (l *load) read(c *client) {
	for {
		message, err := c.conn.readMessage()
		if err != nil {
			c.closed = !l.closing.Load()
			c.conn.Close()
			return
		}
		if l.server.heartbeat != "" && string(message) == l.server.heartbeat {
			c.conn.write(opText, []byte(l.server.answer)) // if it fails, the next read does, too
			continue
		}
		now := l.now()
		for m := range markers(message) {
			l.receive(c, m, now)
		}
	}
}

// receive counts a text that has reached a client.
func (l *load) receive(c *client, m marker, now time.Duration) {
	if !c.tally.add(m) || c.slow {
		return
	}
	l.delivered.Add(1)
	if m.due >= l.measureFrom {
		l.latencies.add(now - m.due)
	}
	if c.sender != nil && c.sender.id == m.sender {
		c.sender.isBack(m.number)
	}
}

// expected returns how many deliveries there are if nothing is lost. The senders must have
// ended.
func (l *load) expected() int {
	sent := 0
	for _, s := range l.senders {
		sent += s.sent
	}
	return sent * (l.scenario.clients - l.scenario.slow)
}

// drain waits for the texts that are still on their way.
func (l *load) drain() {
	last, lastChange := l.delivered.Load(), l.now()
	for end := l.now() + drainWait; l.now() < end; time.Sleep(20 * time.Millisecond) {
		delivered := l.delivered.Load()
		if delivered == int64(l.expected()) || l.now()-lastChange > quiet {
			break
		}
		if delivered != last {
			last, lastChange = delivered, l.now()
		}
	}
	time.Sleep(100 * time.Millisecond) // a text that comes twice may be the last one
}

// close ends all connections, and waits for their readers.
func (l *load) close() {
	l.closing.Store(true)
	for _, c := range l.clients {
		c.conn.Close()
	}
	l.reading.Wait()
}
