package main

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// connectionMargin is how many connections may be open in addition to maxClients:
// for pages that load, for older messages, and for /healthz.
const connectionMargin = 128

// limitedListener limits the number of open connections, whatever they do. Accept
// does not wait for one to end, because then nobody could ask /healthz any more. If
// there are too many, the connection makes room that has been in its state for the
// longest time: it is new and sends nothing, or sends its request slowly, or reads
// its answer slowly, or is idle. WebSockets stay: -max-clients limits their number,
// so there is always another connection that can go.
type limitedListener struct {
	net.Listener
	most int

	mu    sync.Mutex
	open  int
	other *list.List // of *limitedConn that are no WebSockets, longest in its state first
}

func limitListener(listener net.Listener, most int) *limitedListener {
	return &limitedListener{Listener: listener, most: most, other: list.New()}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if oldest := l.count(); oldest != nil {
		oldest.Close()
	}
	return &limitedConn{Conn: conn, listener: l}, nil
}

// count counts a new connection, and returns the one that has to make room for it.
func (l *limitedListener) count() *limitedConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open++
	if l.open <= l.most || l.other.Len() == 0 {
		return nil
	}
	return l.other.Front().Value.(*limitedConn)
}

// connState is for http.Server.ConnState. The server calls it for a new connection
// before it accepts the next one.
func (l *limitedListener) connState(conn net.Conn, state http.ConnState) {
	c := conn.(*limitedConn)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(c)
	if !c.closed && state != http.StateHijacked { // a WebSocket
		c.element = l.other.PushBack(c)
	}
}

// forget takes a connection out of the list. Call it with mu locked.
func (l *limitedListener) forget(c *limitedConn) {
	if c.element != nil {
		l.other.Remove(c.element)
		c.element = nil
	}
}

// limitedConn is a connection that the listener counts.
type limitedConn struct {
	net.Conn
	listener *limitedListener

	// The listener's mu guards these.
	element *list.Element // of the list; nil for a WebSocket
	closed  bool
}

// Close may be called more than once, by net/http, by package websocket, and by the
// listener. It counts once.
func (c *limitedConn) Close() error {
	c.listener.mu.Lock()
	c.listener.forget(c)
	if !c.closed {
		c.closed = true
		c.listener.open--
	}
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
