package main

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"time"

	"golang.org/x/net/websocket"
)

// This file makes the frames to browsers, and reads those from browsers (RFC 6455,
// section 5). To read, websocket.Message.Receive would be shorter, but it answers
// pings before anyone can count them, returns each fragment as if it were a message,
// and accepts frames that the RFC forbids.

const (
	maxMessage = 32 << 10              // bytes in one message from a browser
	maxControl = 125                   // bytes in a control frame, by the RFC
	floodWait  = 10 * time.Millisecond // the pause after a frame that is over the rate limit
)

// outFrame is a frame to browsers, header and payload: one text message, a JSON array of
// elements. A server does not mask its frames, so all browsers get the same bytes, and the
// hub makes them once. (websocket.Conn.Write would make the header anew for each browser,
// and needs two system calls for more than 4 KB.)
type outFrame []byte

// frameOf makes a frame of encoded elements (RFC 6455, section 5.2). Queues hold pointers to it,
// because a pointer takes a third of the space of a slice.
func frameOf(elements ...[]byte) *outFrame {
	payload := array(elements...)
	frame := outFrame{0x80 | websocket.TextFrame} // the only fragment of its message
	switch size := len(payload); {
	case size < 126:
		frame = append(frame, byte(size))
	case size <= math.MaxUint16:
		frame = binary.BigEndian.AppendUint16(append(frame, 126), uint16(size))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 127), uint64(size))
	}
	frame = append(frame, payload...)
	return &frame
}

var errProtocol = errors.New("protocol error")

// inMessage is a message from a browser, its fragments joined.
type inMessage struct {
	text    []byte // nil if the message is binary: parse refuses that, because it is not JSON
	tooFast bool   // a fragment of it came faster than the client's limiter allows
}

// receive waits for the next message.
func (c *Client) receive() (inMessage, error) {
	var m inMessage
	binary := false
	for first := true; ; first = false {
		f, err := c.nextFragment()
		if err != nil {
			return m, err
		}
		switch {
		case first == (f.opcode == websocket.ContinuationFrame):
			return m, errProtocol // a fragment without a beginning, or a beginning without an end
		case len(m.text)+f.size > maxMessage:
			return m, websocket.ErrFrameTooLarge
		}
		payload := make([]byte, f.size)
		if _, err := io.ReadFull(f.reader, payload); err != nil {
			return m, err
		}
		m.text = append(m.text, payload...)
		m.tooFast = m.tooFast || f.tooFast
		binary = binary || f.opcode == websocket.BinaryFrame
		if f.fin && binary {
			m.text = nil
		}
		if f.fin {
			return m, nil
		}
	}
}

// nextFragment waits for a frame that is a message, or a part of one. It handles the
// control frames that come before it.
func (c *Client) nextFragment() (inFrame, error) {
	for {
		f, err := c.nextFrame()
		if err != nil || !f.isControl() {
			return f, err
		}
		if _, err := c.ws.HandleFrame(f.reader); err != nil { // answers a ping; a close frame is io.EOF
			return f, err
		}
	}
}

// inFrame is the header of a frame from a browser. Its payload is still to be read.
type inFrame struct {
	fin     bool // the last fragment of its message, or the only one
	opcode  byte
	size    int // bytes of payload
	tooFast bool
	reader  frameReader
}

// frameReader is what websocket.Conn.NewFrameReader returns; the package has no
// exported name for it.
type frameReader interface {
	io.Reader
	PayloadType() byte
	HeaderReader() io.Reader
	TrailerReader() io.Reader
	Len() int
}

func (f inFrame) isControl() bool { return f.opcode >= websocket.CloseFrame }

// nextFrame waits for a frame, and checks its header. Every frame takes a token
// from the limiter, pings too.
//
// The server has to read a frame even to refuse it, and a flood of frames would
// keep a processor busy. So when the tokens are gone, the reader pauses for
// floodWait. The connection's buffers fill up, and TCP makes the sender wait.
func (c *Client) nextFrame() (inFrame, error) {
	c.reader.Store("waits")
	reader, err := c.ws.NewFrameReader()
	if err != nil {
		return inFrame{}, err
	}
	c.frame = reader
	c.lastFrame.Store(int64(time.Since(c.start)))
	header, err := io.ReadAll(reader.HeaderReader())
	if err != nil {
		return inFrame{}, err
	}
	f := inFrame{fin: header[0]&0x80 != 0, opcode: reader.PayloadType(), size: reader.Len() - len(header), reader: reader}
	reserved, masked := header[0]&0x70 != 0, header[1]&0x80 != 0
	switch {
	case c.name == "" && time.Since(c.start) > nameWait:
		return f, os.ErrDeadlineExceeded // a read deadline does not stop us while frames are in the buffer
	case reserved || !masked:
		return f, errProtocol
	case header[1]&0x7f == 127 || f.size > maxMessage: // 127: the size has 64 bits, and may not fit into an int
		return f, websocket.ErrFrameTooLarge
	case f.isControl() && (!f.fin || f.size > maxControl):
		return f, errProtocol
	}
	switch f.opcode {
	case websocket.ContinuationFrame, websocket.TextFrame, websocket.BinaryFrame,
		websocket.CloseFrame, websocket.PingFrame, websocket.PongFrame:
	default:
		return f, errProtocol
	}
	if !c.limiter.allow(time.Now()) {
		f.tooFast = true
		c.reader.Store("slowed")
		select {
		case <-time.After(floodWait * time.Duration(1+f.size/2048)): // large ones take longer to parse
		case <-c.gone: // the hub's read deadline does not stop us either while frames are in the buffer
			return f, os.ErrDeadlineExceeded
		case <-c.hub.done:
			return f, os.ErrDeadlineExceeded
		}
	}
	return f, nil
}
