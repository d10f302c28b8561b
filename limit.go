package main

import (
	"errors"
	"time"
)

const (
	burst     = 10                    // frames that a client may send at once, after a time of rest
	floodWait = 10 * time.Millisecond // after a frame that is refused, or free, until the next is read
)

var errTooFast = errors.New("not sent: this was too fast, please wait a moment")

// limiter is a token bucket: every frame takes out a token, rate tokens a second
// come in, and the bucket holds burst of them. So a person may say several
// things in a row, and nobody can go on like that.
//
// A new limiter is full, because its bucket was filled last at the zero time,
// which is long ago.
type limiter struct {
	rate   float64 // tokens a second; 0 for no limit
	tokens float64 // fractions too: in 100 ms, half a token comes in
	filled time.Time
}

func (l *limiter) allow(now time.Time) bool {
	if l.rate == 0 {
		return true
	}
	l.tokens = min(burst, l.tokens+now.Sub(l.filled).Seconds()*l.rate)
	l.filled = now
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}
