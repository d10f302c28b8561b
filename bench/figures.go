package main

import (
	"sync/atomic"
	"time"
)

// tally is what one client has received. Each sender's texts have numbers without gaps, so the
// tally knows each text that came twice, or out of order.
type tally struct {
	seen      [][]bool // by sender and number
	doubled   int      // texts that had come before
	reordered int      // texts that came after a later one of the same sender
}

func newTally(senders int) tally {
	return tally{seen: make([][]bool, senders)}
}

// add counts a text, and reports whether it is new.
func (t *tally) add(m marker) bool {
	seen := &t.seen[m.sender]
	switch missing := m.number + 1 - len(*seen); {
	case missing > 0: // the newest text of this sender so far
		*seen = append(*seen, make([]bool, missing)...)
	case (*seen)[m.number]:
		t.doubled++
		return false
	default:
		t.reordered++
	}
	(*seen)[m.number] = true
	return true
}

const (
	latencyStep = 100 * time.Microsecond
	maxLatency  = 20 * time.Second
)

// latencies counts deliveries by the time that they took, in steps of 0.1 ms. The counters
// are atomic, because the readers of all clients share them.
type latencies [maxLatency / latencyStep]atomic.Int64

func (l *latencies) add(latency time.Duration) {
	step := min(latency/latencyStep, maxLatency/latencyStep-1)
	l[max(step, 0)].Add(1)
}

// percentile returns a latency in milliseconds: this percentage of the deliveries took no
// longer. It returns false if there were no deliveries.
func (l *latencies) percentile(percent float64) (ms float64, ok bool) {
	var total, sum int64
	for i := range l {
		total += l[i].Load()
	}
	for i := range l {
		sum += l[i].Load()
		if sum > 0 && float64(sum) >= float64(total)*percent/100 {
			return float64(i+1) * float64(latencyStep) / float64(time.Millisecond), true
		}
	}
	return 0, false
}
