package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

const (
	idleTime = 3 * time.Second // before the memory is read
	slowTime = 2 * time.Second // for slow clients to read again, and to find out whether the server has closed them
	maxP99   = 100             // ms; with a higher p99, a server does not keep up
)

// result is what one measurement has found, by the title of the column in the table. A figure
// that does not apply is missing.
type result map[string]float64

// measure starts a server, measures it in one scenario, and stops it.
func measure(ctx context.Context, sc scenario, s server, dir string, duration time.Duration) (result, error) {
	if len(sc.rates) > 0 {
		return findLimit(ctx, sc, s, dir, duration)
	}
	p, err := startServer(ctx, s, dir)
	if err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	defer p.stop()
	l := newLoad(sc, s, p.addr, duration)
	pid := p.cmd.Process.Pid
	if sc.senders == 0 {
		return l.measureMemory(pid)
	}
	return l.measure(pid)
}

// findLimit raises the rate until the server no longer keeps up. It returns the result at the
// last rate before that.
func findLimit(ctx context.Context, sc scenario, s server, dir string, duration time.Duration) (result, error) {
	best := result{perSecond: 0} // stays if the first rate is too high
	for _, rate := range sc.rates {
		step := sc
		step.rate, step.rates = rate, nil
		r, err := measure(ctx, step, s, dir, duration)
		if err != nil {
			return nil, fmt.Errorf("with %.0f texts/s: %w", rate, err)
		}
		if latency, found := r[p99]; !found || latency > maxP99 || r[lost] > 0 || r[closed] > 0 {
			break
		}
		best = r
	}
	return best, nil
}

// measureMemory measures how much memory the server needs for clients that do nothing.
func (l *load) measureMemory(pid int) (result, error) {
	defer l.close()
	before, err := memory(pid)
	if err != nil {
		return nil, err
	}
	if err := l.open(); err != nil {
		return nil, err
	}
	l.startReading(false)
	time.Sleep(idleTime)
	after, err := memory(pid)
	return result{memoryKB: float64(after-before) / 1024 / float64(l.scenario.clients)}, err
}

// measure opens the connections, puts the load on the server, and returns the figures.
func (l *load) measure(pid int) (result, error) {
	defer l.close()
	if err := l.open(); err != nil {
		return nil, err
	}
	l.start = time.Now()
	l.startReading(false)
	l.startSending()

	l.sleepUntil(l.measureFrom)
	before, err := l.sample(pid)
	if err != nil {
		return nil, err
	}
	l.sleepUntil(l.measureUntil)
	after, err := l.sample(pid)
	if err != nil {
		return nil, err
	}

	l.sending.Wait()
	l.drain()
	r := l.traffic(before, after)
	if l.scenario.slow > 0 {
		l.startReading(true) // if the server waited for the slow clients, it goes on now, too late
		time.Sleep(slowTime)
	}
	l.close() // the readers have ended now, so nobody else touches what they counted
	l.addFaults(r)
	return r, nil
}

// sample is the state at one moment. The difference of two samples is what happened between them.
type sample struct {
	at        time.Duration
	delivered int64
	serverCPU time.Duration
	loadCPU   time.Duration
}

func (l *load) sample(pid int) (sample, error) {
	theirs, err := cpuTime(pid)
	if err != nil {
		return sample{}, err
	}
	ours, err := cpuTime(os.Getpid())
	return sample{at: l.now(), delivered: l.delivered.Load(), serverCPU: theirs, loadCPU: ours}, err
}

// traffic returns the figures of the deliveries. Those per second and per delivery are from the
// time between the two samples; the loss is that of the whole load.
func (l *load) traffic(before, after sample) result {
	seconds := (after.at - before.at).Seconds()
	delivered := float64(after.delivered - before.delivered)
	r := result{
		lost:      100 * float64(l.expected()-l.delivered.Load()) / float64(l.expected()),
		perSecond: delivered / seconds,
		loadCPU:   100 * (after.loadCPU - before.loadCPU).Seconds() / seconds,
	}
	if delivered > 0 {
		r[serverCPU] = float64((after.serverCPU - before.serverCPU).Microseconds()) / delivered
	}
	for title, percent := range map[string]float64{p50: 50, p99: 99} {
		if ms, ok := l.latencies.percentile(percent); ok {
			r[title] = ms
		}
	}
	return r
}

// addFaults adds what the clients noticed. Of slow clients, it counts only the closed ones.
func (l *load) addFaults(r result) {
	r[closed], r[doubled], r[reordered] = 0, 0, 0
	if l.scenario.slow > 0 {
		r[slowClosed] = 0
	}
	for _, c := range l.clients {
		switch {
		case c.slow && c.closed:
			r[slowClosed]++
		case c.closed:
			r[closed]++
		}
		if !c.slow {
			r[doubled] += float64(c.tally.doubled)
			r[reordered] += float64(c.tally.reordered)
		}
	}
}
