package main

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"
)

// marker is at the beginning of each text. A receiver finds it in the bytes of a message,
// whatever the server puts around it: nothing, JSON, or other texts.
type marker struct {
	sender int
	number int           // of the text: each sender counts from 0
	due    time.Duration // from the start of the load to the time at which the text had to be sent
}

// markerSize is the number of digits in a marker: 3 for the sender, 8 for the number, 15 for due.
const markerSize = 3 + 8 + 15

// text returns a text of the given size that begins with the marker.
func (m marker) text(size int) string {
	text := fmt.Sprintf("~%03d%08d%015d", m.sender, m.number, m.due)
	return text + strings.Repeat("x", size-len(text))
}

// markers finds all markers in a message.
func markers(message []byte) iter.Seq[marker] {
	return func(yield func(marker) bool) {
		for {
			_, rest, found := bytes.Cut(message, []byte("~"))
			if !found || len(rest) < markerSize {
				return
			}
			if m, err := parseMarker(rest); err == nil && !yield(m) {
				return
			}
			message = rest
		}
	}
}

func parseMarker(digits []byte) (marker, error) {
	sender, err1 := strconv.Atoi(string(digits[:3]))
	number, err2 := strconv.Atoi(string(digits[3:11]))
	due, err3 := strconv.Atoi(string(digits[11:markerSize]))
	return marker{sender, number, time.Duration(due)}, cmp.Or(err1, err2, err3)
}
