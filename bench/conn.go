package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Opcodes of RFC 6455, section 5.2.
const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

const openWait = 10 * time.Second // to open a connection and to join

// conn is a client's end of a WebSocket connection. It can do no more than the load needs: it
// trusts the server, and it does as little as possible, to leave the CPU to the server.
type conn struct {
	net.Conn
	reader  *bufio.Reader
	message []byte // the last one; the next one overwrites it
}

// dial opens a connection as a browser does. It sets a deadline of openWait,
// which holds until the client has joined.
func dial(addr, path string, dialer *net.Dialer) (*conn, error) {
	tcp, err := dialer.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: tcp, reader: bufio.NewReader(tcp)}
	c.SetDeadline(time.Now().Add(openWait))
	if err := c.handshake(addr, path); err != nil {
		c.Close()
		return nil, fmt.Errorf("handshake: %w", err)
	}
	return c, nil
}

// handshake asks the server to change from HTTP to WebSocket. Any key will do, because it
// protects against caches, and there is none here. This one is the example of RFC 6455.
func (c *conn) handshake(addr, path string) error {
	_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, addr, addr)
	if err != nil {
		return err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the server answers %s", response.Status)
	}
	return nil
}

// readMessage returns the next message, which is valid until the next call. A message may come
// in several frames, and the server may send a ping between them.
func (c *conn) readMessage() ([]byte, error) {
	c.message = c.message[:0]
	for {
		var header [2]byte
		if _, err := io.ReadFull(c.reader, header[:]); err != nil {
			return nil, err
		}
		start := len(c.message)
		if err := c.readPayload(header[1]); err != nil {
			return nil, err
		}
		payload := c.message[start:]
		switch opcode, final := header[0]&0x0f, header[0]&0x80 != 0; {
		case opcode == opClose:
			return nil, io.EOF
		case opcode == opPing:
			c.write(opPong, payload) // if it fails, the next read does, too
			c.message = c.message[:start]
		case final:
			return c.message, nil
		}
	}
}

// readPayload reads the rest of a frame, and appends the payload to c.message. The size is in
// one byte. If this byte is 126 or 127, the size is in the next two or eight bytes.
func (c *conn) readPayload(size byte) error {
	var length [8]byte
	next := length[:0]
	switch size {
	case 126:
		next = length[6:]
	case 127:
		next = length[:]
	default:
		length[7] = size
	}
	if _, err := io.ReadFull(c.reader, next); err != nil {
		return err
	}
	start := len(c.message)
	c.message = append(c.message, make([]byte, binary.BigEndian.Uint64(length[:]))...)
	_, err := io.ReadFull(c.reader, c.message[start:])
	return err
}

// write writes a whole frame with one call of Write. So two goroutines may write, and their
// frames do not mix: a net.Conn lets one Write after the other through.
func (c *conn) write(opcode byte, payload []byte) error {
	_, err := c.Write(encodeFrame(opcode, masked, payload))
	return err
}

// Clients must mask what they send, that is, change the payload with a mask of four bytes. Our
// mask is zero, which changes nothing: the server has the same work with it, and we have none.
const masked = 0x80

// encodeFrame makes a frame of a payload that is shorter than 64 KB.
func encodeFrame(opcode, masked byte, payload []byte) []byte {
	frame := []byte{0x80 | opcode, masked | byte(len(payload))}
	if len(payload) >= 126 {
		frame = []byte{0x80 | opcode, masked | 126, byte(len(payload) >> 8), byte(len(payload))}
	}
	if masked != 0 {
		frame = append(frame, 0, 0, 0, 0)
	}
	return append(frame, payload...)
}

// smallBuffers makes the kernel buffer little for a connection that nobody reads. By default
// it would take the server's frames for half a minute, and the server would not notice
// anything. The kernel sizes the server's send buffer by the segments: small ones keep it small.
func smallBuffers(_, _ string, raw syscall.RawConn) error {
	var sizeErr, segmentErr error
	err := raw.Control(func(fd uintptr) {
		sizeErr = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 16<<10)
		segmentErr = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 536)
	})
	return errors.Join(err, sizeErr, segmentErr)
}
