package main

import (
	"errors"
	"sync"
	"time"
)

const burst = 10 // frames that a client may send at once, after a pause

var errTooFast = errors.New("not sent yet: this was too fast, please wait a moment")

// limiter is a token bucket. Every frame takes a token out, rate tokens a second
// come in, and the bucket holds at most size tokens. So a person can say several
// things in a row, but cannot go on at that speed.
//
// A new limiter has a full bucket: it was last filled at the zero time, which is
// long ago. Several goroutines may use a limiter.
type limiter struct {
	rate float64 // tokens a second; 0 means no limit
	size float64 // tokens in a full bucket

	mu     sync.Mutex
	tokens float64 // a fraction is possible: at 5 a second, half a token comes in within 100 ms
	filled time.Time
}

func (l *limiter) allow(now time.Time) bool {
	if l.rate == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens = min(l.size, l.tokens+now.Sub(l.filled).Seconds()*l.rate)
	l.filled = now
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}
