package main

import (
	"sync/atomic"
	"time"
)

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

// percentile returns a latency in milliseconds: so many percent of the deliveries took no
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
