//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// BenchmarkOneMachine measures the real program with a thousand people in the
// room: what each of them costs while nothing happens, and how long a message
// takes from its sender to everybody, alone and in a stream. The people are
// goroutines of this process, and share the machine with the program.
//
//	go test -run - -bench OneMachine -benchtime 3s .
func BenchmarkOneMachine(b *testing.B) {
	const people = 1000
	p := startProgram(b, filepath.Join(b.TempDir(), "chat.db"), "-max-clients", fmt.Sprint(people+1))
	go io.Copy(io.Discard, p.stderr)
	empty := p.memory()
	room := make([]*browser, people)
	var entering sync.WaitGroup
	for i := range room {
		entering.Go(func() { room[i] = p.join(fmt.Sprint(i)) })
	}
	entering.Wait()
	idle := float64(p.memory()-empty) / people

	b.Run("alone", func(b *testing.B) {
		var times []time.Duration
		for b.Loop() {
			start := time.Now()
			room[0].says("hello everybody")
			for _, person := range room {
				<-person.frames
			}
			times = append(times, time.Since(start))
		}
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms/median")
		b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "ms/p99")
		b.ReportMetric(idle/1024, "KiB/client")
	})
	b.Run("stream", func(b *testing.B) {
		for b.Loop() {
			for range 10 {
				room[0].says("hello everybody")
			}
			for _, person := range room {
				for range 10 {
					<-person.frames
				}
			}
		}
		b.ReportMetric(10*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		b.ReportMetric(10*people*float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
	})
}

// memory is what the program occupies, in bytes, as Linux counts it.
func (p *program) memory() int {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	kilobytes, err := strconv.Atoi(string(regexp.MustCompile(`VmRSS:\s+(\d+)`).FindSubmatch(status)[1]))
	if err != nil {
		p.t.Fatal(err)
	}
	return kilobytes * 1024
}
