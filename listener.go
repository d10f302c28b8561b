package main

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// connectionMargin is how many connections may be open in addition to those in
// the room: for pages that load, for older messages, and for /healthz.
const connectionMargin = 128

// limitedListener limits the number of open connections, whatever they do. Accept
// does not wait for one to end, because then nobody could ask /healthz any more. If there
// are too many, the one that has waited longest for a request makes room: browsers
// open connections in advance and keep them, and open new ones when they need
// them. If none waits, the listener closes the new one.
type limitedListener struct {
	net.Listener
	most     int
	onRefuse func() // called when the listener closes a new connection

	mu      sync.Mutex
	open    int
	waiting *list.List // of *limitedConn that wait for a request, longest first
}

func limitListener(listener net.Listener, most int, onRefuse func()) *limitedListener {
	return &limitedListener{Listener: listener, most: most, onRefuse: onRefuse, waiting: list.New()}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &limitedConn{Conn: conn, listener: l}
		if l.admit(c) {
			return c, nil
		}
		conn.Close()
		l.onRefuse()
	}
}

// admit finds a place for a new connection, and reports whether there is one.
func (l *limitedListener) admit(c *limitedConn) bool {
	l.mu.Lock()
	var closing *limitedConn
	if oldest := l.waiting.Front(); l.open >= l.most && oldest != nil {
		closing = oldest.Value.(*limitedConn)
		l.release(closing)
	}
	admitted := l.open < l.most
	if admitted {
		l.open++
		c.waiting = l.waiting.PushBack(c)
	}
	l.mu.Unlock()
	if closing != nil {
		closing.Conn.Close()
	}
	return admitted
}

// release gives the place of a connection back, once. Call it with mu locked.
func (l *limitedListener) release(c *limitedConn) {
	l.stopWaiting(c)
	if !c.released {
		c.released = true
		l.open--
	}
}

func (l *limitedListener) stopWaiting(c *limitedConn) {
	if c.waiting != nil {
		l.waiting.Remove(c.waiting)
		c.waiting = nil
	}
}

// connState is for http.Server.ConnState. A connection waits for a request when it
// is new and, with HTTP's keep-alive, after each answer.
func (l *limitedListener) connState(conn net.Conn, state http.ConnState) {
	c := conn.(*limitedConn)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopWaiting(c)
	if (state == http.StateNew || state == http.StateIdle) && !c.released {
		c.waiting = l.waiting.PushBack(c)
	}
}

// limitedConn is a connection that has a place.
type limitedConn struct {
	net.Conn
	listener *limitedListener

	// The listener's mu guards these.
	waiting  *list.Element // nil unless it waits for a request
	released bool          // it has given its place back
}

// Close may be called more than once: by net/http, and by package websocket.
func (c *limitedConn) Close() error {
	c.listener.mu.Lock()
	c.listener.release(c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite is for net/http, which ends some answers with it: a client that is
// still sending can then read the answer before the connection is closed.
func (c *limitedConn) CloseWrite() error {
	if conn, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return conn.CloseWrite()
	}
	return nil // a connection of a test
}
