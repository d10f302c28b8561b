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
	quiet     = 2 * time.Second  // after this long without a delivery, the rest counts as lost
	drainWait = 10 * time.Second // after this long, the rest counts as lost even if deliveries still come
)

// load is the traffic that one server gets in one measurement, and the clients that make it.
type load struct {
	scenario scenario
	server   server
	addr     string // of the server

	start        time.Time // all other times count from here
	sendFrom     time.Duration
	measureFrom  time.Duration
	measureUntil time.Duration // the senders stop at this time, too

	clients []*client
	reading sync.WaitGroup
	sending sync.WaitGroup
	closing atomic.Bool // set before we close the connections: until then, only the server closes any

	delivered atomic.Int64 // different texts that reached clients, without the slow ones
	latencies latencies    // of those that were due in the measured time
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
	for id := range l.scenario.clients {
		if err := l.join(id); err != nil {
			return fmt.Errorf("client %d cannot join: %w", id, err)
		}
	}
	return nil
}

// join connects a client. If the server tells clients that they are in the room, join waits
// for that.
func (l *load) join(id int) error {
	slow := id >= l.scenario.clients-l.scenario.slow
	var dialer net.Dialer
	if slow {
		dialer.Control = smallBuffers
	}
	conn, err := dial(l.addr, l.server.path, &dialer)
	if err != nil {
		return err
	}
	l.clients = append(l.clients, &client{
		load: l, id: id, conn: conn, slow: slow,
		wake: make(chan struct{}, 1), tally: newTally(l.scenario.senders),
	})
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
	return conn.SetDeadline(time.Time{}) // clears the deadline of dial
}

// startReading starts the readers of the slow clients, or those of the others.
func (l *load) startReading(slow bool) {
	for _, c := range l.clients {
		if c.slow == slow {
			l.reading.Go(c.read)
		}
	}
}

// startSending lets the first clients speak. If the server stops reading, a write blocks; the
// deadline ends that.
func (l *load) startSending() {
	for _, c := range l.clients[:l.scenario.senders] {
		c.conn.SetWriteDeadline(l.start.Add(l.measureUntil + drainWait))
		if l.scenario.rate > 0 {
			l.sending.Go(c.sendAtRate)
		} else {
			l.sending.Go(c.flood)
		}
	}
}

// expected returns how many deliveries there are if nothing is lost. The senders must have
// ended.
func (l *load) expected() int64 {
	sent := 0
	for _, c := range l.clients {
		sent += c.sent
	}
	return int64(sent * (l.scenario.clients - l.scenario.slow))
}

// drain waits for the texts that are still on their way.
func (l *load) drain() {
	last, lastChange := l.delivered.Load(), l.now()
	for end := l.now() + drainWait; l.now() < end; time.Sleep(20 * time.Millisecond) {
		delivered := l.delivered.Load()
		if delivered == l.expected() || l.now()-lastChange > quiet {
			break
		}
		if delivered != last {
			last, lastChange = delivered, l.now()
		}
	}
	time.Sleep(100 * time.Millisecond) // the last text may come a second time
}

// close ends all connections, and waits for their readers.
func (l *load) close() {
	l.closing.Store(true)
	for _, c := range l.clients {
		c.conn.Close()
	}
	l.reading.Wait()
}
