package main

import (
	"bufio"
	"net"
	"net/http"
	"time"
)

const (
	readBuffer  = 512 // bytes; larger payloads do not pass through the buffer
	writeBuffer = 256 // bytes, for the handshake, pongs and close frames
)

// takenOver is a connection that takeOver has taken from net/http. Package websocket takes
// connections only from a ResponseWriter that it can hijack, so takenOver is one.
type takenOver struct {
	http.ResponseWriter // nil: of its methods, only Hijack works
	conn                net.Conn
	buffers             *bufio.ReadWriter
}

// takeOver takes the connection of a request from net/http. Otherwise package websocket
// would do so, and keep using net/http's two buffers of 4 KB, and net/http's goroutine
// would stay in the handler. A WebSocket is open for hours, and needs less. So the handler
// takes the connection over and returns; a goroutine of our own goes on, with smaller
// buffers.
func takeOver(w http.ResponseWriter) (takenOver, error) {
	conn, buffers, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return takenOver{}, err
	}
	// This deadline is for the handshake: Hijack has cleared those of net/http, and
	// serveClient sets its own only afterwards.
	conn.SetDeadline(time.Now().Add(nameWait))
	if buffers.Reader.Buffered() == 0 { // else frames came right behind the request, and are in the old buffer
		buffers.Reader = bufio.NewReaderSize(conn, readBuffer)
	}
	buffers.Writer = bufio.NewWriterSize(conn, writeBuffer)
	return takenOver{conn: conn, buffers: buffers}, nil
}

func (t takenOver) Hijack() (net.Conn, *bufio.ReadWriter, error) { return t.conn, t.buffers, nil }
