package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The first byte of a frame (RFC 6455, section 5.2): FIN, three reserved bits, opcode.
const (
	fin          = 0x80
	reserved     = 0x40
	continuation = 0x0
	text         = 0x1
	ping         = 0x9
)

// frame makes a frame with this first byte, masked with zeros, as a browser may.
func frame(first byte, payload string) []byte {
	header := []byte{first, 0x80 | byte(len(payload))}
	if len(payload) > 125 {
		header = []byte{first, 0x80 | 126, byte(len(payload) >> 8), byte(len(payload))}
	}
	return append(append(header, 0, 0, 0, 0), payload...)
}

func (b *browser) sendFrame(first byte, payload string) error {
	_, err := b.conn.Write(frame(first, payload))
	return err
}

func TestFragmentsAreJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann := startServer(t).join("ann")
		ann.sendFrame(text, `{"text":"one `)
		ann.sendFrame(fin|ping, "are you there?")
		ann.sendFrame(continuation, `two `)
		ann.sendFrame(fin|continuation, `three"}`)
		ann.hears("ann: one two three")
	})
}

func TestInvalidFramesEndTheConnection(t *testing.T) {
	half := strings.Repeat("x", maxMessage/2+1)
	for _, test := range []struct {
		name string
		send func(ann *browser)
		code int
	}{
		{"a reserved bit", func(ann *browser) { ann.sendFrame(fin|reserved|text, `{}`) }, closeProtocol},
		{"a reserved opcode", func(ann *browser) { ann.sendFrame(fin|0x3, `{}`) }, closeProtocol},
		{"a reserved control opcode", func(ann *browser) { ann.sendFrame(fin|0xB, ``) }, closeProtocol},
		{"a continuation of nothing", func(ann *browser) { ann.sendFrame(fin|continuation, `{}`) }, closeProtocol},
		{"a beginning inside a message", func(ann *browser) { ann.sendFrame(text, `{`); ann.sendFrame(fin|text, `{}`) }, closeProtocol},
		{"a ping in fragments", func(ann *browser) { ann.sendFrame(ping, ``) }, closeProtocol},
		{"a ping that is too long", func(ann *browser) { ann.sendFrame(fin|ping, strings.Repeat("x", 126)) }, closeProtocol},
		{"a frame without a mask", func(ann *browser) { ann.conn.Write([]byte{fin | text, 2, '{', '}'}) }, closeProtocol},
		{"fragments that are too long together", func(ann *browser) { ann.sendFrame(text, half); ann.sendFrame(fin|continuation, half) }, closeTooBig},
		{"a length beyond all bounds", func(ann *browser) {
			ann.conn.Write([]byte{fin | text, 0x80 | 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
		}, closeTooBig},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := startServer(t)
				ann, bob := server.join("ann"), server.join("bob")
				test.send(ann)
				if code := ann.waitForClose(); code != test.code {
					t.Errorf("close code %d, want %d", code, test.code)
				}
				bob.says("still here")
				bob.hears("bob: still here")
			})
		})
	}
}

// A ping costs the server as much as a message does.
func TestPingFloodIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann := startLimitedServer(t).join("ann")
		start := time.Now()
		for range 1000 {
			if err := ann.sendFrame(fin|ping, ""); err != nil {
				t.Fatal(err)
			}
		}
		if took, least := time.Since(start), 900*floodWait; took < least {
			t.Errorf("the server read a thousand pings in %v, want at least %v", took, least)
		}
		time.Sleep(10 * time.Second) // the tokens come back
		ann.says("hello")
		ann.hears("ann: hello")
	})
}

// A deadline stops reads from the connection, but not from the server's buffer, which
// holds dozens of small frames.
func TestDeadlineEndsFloodInTheBuffer(t *testing.T) {
	pongs := bytes.Repeat(frame(fin|0xA, ""), 10_000)
	flood := func(server *testServer) *browser {
		b := server.open()
		go b.conn.Write(pongs)
		return b
	}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		flood(startLimitedServer(t)).waitForClose()
		if took := time.Since(start); took > nameWait+closeWait+time.Second {
			t.Errorf("a client without a name was disconnected after %v, want %v", took, nameWait)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		server := startLimitedServer(t)
		flood(server)
		time.Sleep(time.Second)
		start := time.Now()
		server.stop() // the test fails if the server reports an error
		if took := time.Since(start); took > endWait+closeWait {
			t.Errorf("the shutdown took %v, want at most %v", took, endWait+closeWait)
		}
	})
}

// The server's answers to the pings fill the connection, and the next one blocks
// the goroutine that reads.
func TestClientWithoutNameThatFloodsPingsIsDisconnected(t *testing.T) {
	for _, rate := range []float64{0, 5} {
		t.Run(fmt.Sprint("rate ", rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pipes := newPipeListener()
				server := serveOn(t, &config{maxClients: 1, rate: rate}, pipes, pipes.dial)
				flooder := server.connect() // and reads nothing
				go func() {
					for flooder.sendFrame(fin|ping, "") == nil {
					}
				}()
				time.Sleep(nameWait + closeWait)
				synctest.Wait()
				server.join("ann") // the only place is free again
			})
		})
	}
}

// On a machine of 32 bits, a size of 64 bits may not fit into an int, and what is left of it
// may look small.
func TestSizeOf64BitsIsTooBig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann := startServer(t).join("ann")
		ann.conn.Write([]byte{fin | text, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, '{', '}'})
		if code := ann.waitForClose(); code != closeTooBig {
			t.Errorf("close code %d, want %d", code, closeTooBig)
		}
	})
}

// The size has 7, 16 or 64 bits, and the shortest form that holds it (RFC 6455, section 5.2).
func TestHeaderHasTheShortestForm(t *testing.T) {
	for size, want := range map[int]string{
		2:                  "\x81\x02",
		125:                "\x81\x7d",
		126:                "\x81\x7e\x00\x7e",
		math.MaxUint16:     "\x81\x7e\xff\xff",
		math.MaxUint16 + 1: "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
	} {
		element := strings.Repeat("x", size-len("[]"))
		if got := string(*frameOf([]byte(element))); got != want+"["+element+"]" {
			t.Errorf("the frame of a payload of %d bytes begins with %.12q, want %q", size, got, want)
		}
	}
}

// A pong comes from the reader, while the writer writes. If it took several calls of Write,
// a frame could get into the middle of it.
func TestPongIsOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := startServer(t).dials()
		go openWebSocket(conn, frame(fin|ping, strings.Repeat("x", maxControl))...)
		buffer := make([]byte, 1024)
		var last int
		for last == 0 || buffer[0] != fin|0xA { // until the pong; the answer to the handshake comes first
			n, err := conn.Read(buffer)
			if err != nil {
				t.Fatal(err)
			}
			last = n
		}
		if want := 2 + maxControl; last != want { // one read from a pipe returns what one call of Write has written
			t.Errorf("the first write of the pong has %d bytes, want all %d", last, want)
		}
	})
}

// A program may send its name together with the handshake.
func TestFramesRightBehindTheHandshakeAreRead(t *testing.T) {
	log := captureLog(t)
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		conn := server.dials()
		go io.Copy(io.Discard, conn)
		hello := slices.Concat(frame(fin|text, `{"name":"ann"}`), frame(fin|text, `{"text":"hello"}`))
		if err := openWebSocket(conn, hello...); err != nil {
			t.Fatal(err)
		}
		server.join("bob").conn.Close()
		synctest.Wait()
		server.stop()
	})
	log.contains(t, `name=ann why="the server stops" after=0s messages=1`)
}
