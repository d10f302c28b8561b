package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
)

// readAll returns what a client reads from these bytes of a server, and what it answers.
func readAll(t *testing.T, sent []byte) (messages []string, answers []byte, end error) {
	t.Helper()
	ours, theirs := net.Pipe()
	answered := make(chan []byte)
	go func() {
		data, _ := io.ReadAll(theirs)
		answered <- data
	}()
	c := &conn{Conn: ours, reader: bufio.NewReader(bytes.NewReader(sent))}
	for {
		message, err := c.readMessage()
		if err != nil {
			ours.Close()
			return messages, <-answered, err
		}
		messages = append(messages, string(message))
	}
}

func TestMessageInSeveralFramesIsReadWhole(t *testing.T) {
	m := marker{sender: 1, number: 2, due: 3}
	text := m.text(100)
	first := encodeFrame(opText, 0, []byte(text[:10])) // the boundary is inside the marker
	first[0] &^= 0x80                                  // not the last frame of the message
	sent := slices.Concat(first,
		encodeFrame(opPing, 0, []byte("still here?")),
		encodeFrame(0, 0, []byte(text[10:])), // opcode 0 continues the message
		encodeFrame(opText, 0, []byte("next")),
		encodeFrame(opClose, 0, nil))

	messages, answers, end := readAll(t, sent)
	if want := []string{text, "next"}; !slices.Equal(messages, want) {
		t.Errorf("read %q, want %q", messages, want)
	}
	if want := encodeFrame(opPong, masked, []byte("still here?")); !bytes.Equal(answers, want) {
		t.Errorf("answered %q, want %q", answers, want)
	}
	if end != io.EOF {
		t.Errorf("the close frame ended the connection with %v, want EOF", end)
	}
}

func TestFramesOfAllSizesAreRead(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 127, 255, 256, 65_535} {
		text := strings.Repeat("x", size)
		messages, _, _ := readAll(t, encodeFrame(opText, 0, []byte(text)))
		if !slices.Equal(messages, []string{text}) {
			t.Errorf("%d bytes: read %d messages, and not this one", size, len(messages))
		}
	}
	long := strings.Repeat("x", 65_536) // encodeFrame does not make such frames, but servers do
	messages, _, _ := readAll(t, slices.Concat([]byte{0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}, []byte(long)))
	if !slices.Equal(messages, []string{long}) {
		t.Errorf("%d bytes: read %d messages, and not this one", len(long), len(messages))
	}
}
