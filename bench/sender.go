package main

import (
	"fmt"
	"time"
)

const giveUp = 3 * time.Second // a sender whose texts do not come back for so long begins again

// sender is a client that speaks. One goroutine sends, and the client's reader tells it when
// its own texts come back.
type sender struct {
	id   int
	load *load
	conn *conn
	sent int           // texts; the next one has this number
	back int           // texts with a lower number are back or lost; only the reader uses it
	free chan struct{} // in a flood: an element for each text that may be sent
}

func newSender(l *load, id int, c *conn) *sender {
	s := &sender{id: id, load: l, conn: c, free: make(chan struct{}, l.scenario.outstanding)}
	s.beginAgain()
	return s
}

// run sends until the load ends, or until a write fails. A write fails when the connection has
// ended, which the reader counts.
func (s *sender) run() {
	if s.load.scenario.rate > 0 {
		s.sendAtRate()
	} else {
		s.sendWhenBack()
	}
}

// sendAtRate sends at fixed times. If the server makes the sender wait, the next texts are
// late. They have the times at which they were due, so their latency includes the wait.
func (s *sender) sendAtRate() {
	l := s.load
	turn := time.Duration(float64(time.Second) / l.scenario.rate) // the senders take turns
	due := l.sendFrom + turn*time.Duration(s.id)
	for due < l.measureUntil && l.now() < l.measureUntil {
		l.sleepUntil(due)
		if s.send(due) != nil {
			return
		}
		due += turn * time.Duration(l.scenario.senders)
	}
}

// sendWhenBack keeps a few texts on their way: when one is back, it sends the next one.
func (s *sender) sendWhenBack() {
	s.load.sleepUntil(s.load.sendFrom)
	for s.load.now() < s.load.measureUntil {
		select {
		case <-s.free:
			if s.send(s.load.now()) != nil {
				return
			}
		case <-time.After(giveUp):
			s.beginAgain()
		}
	}
}

func (s *sender) send(due time.Duration) error {
	text := marker{s.id, s.sent, due}.text(s.load.scenario.size)
	s.sent++ // also if the write fails: the server may have received the text
	return s.conn.write(opText, fmt.Appendf(nil, s.load.server.say, text))
}

// isBack lets the sender send another text for the one that is back, and for those before it
// that are not: no server changes the order of one sender's texts, so these are lost.
func (s *sender) isBack(number int) {
	for ; s.back <= number; s.back++ {
		s.allow()
	}
}

// beginAgain treats all texts that are on their way as lost.
func (s *sender) beginAgain() {
	for range cap(s.free) {
		s.allow()
	}
}

func (s *sender) allow() {
	select {
	case s.free <- struct{}{}:
	default: // the sender has begun again, and now an older text is back after all
	}
}
