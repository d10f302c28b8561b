//go:build unix

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// These benchmarks measure what the program costs. Their clients share the machine with it:
//
//	go test -run - -bench . .

// BenchmarkBroadcast measures what it costs to deliver a message to everyone, when one
// message comes at a time, and when as many come as fit into a batch. The CPU time is that of
// both sides, the server and its clients.
func BenchmarkBroadcast(b *testing.B) {
	captureLog(b) // keeps the log out of the results
	for _, people := range []int{10, 100, 1000} {
		for _, texts := range []int{1, fullBatch} {
			b.Run(fmt.Sprintf("people=%d/texts=%d", people, texts), func(b *testing.B) {
				room := startRealServer(b).fillRoom(people)
				before := processorTime(b)
				for b.Loop() {
					for range texts {
						room[0].says("hello")
					}
					for _, person := range room {
						person.receivesMessages(texts)
					}
				}
				used := processorTime(b) - before
				deliveries := float64(b.N * texts * people)
				b.ReportMetric(deliveries/b.Elapsed().Seconds(), "deliveries/s")
				b.ReportMetric(float64(used.Nanoseconds())/deliveries, "cpu-ns/delivery")
			})
		}
	}
}

// BenchmarkStalled measures how long a message takes to reach a hundred people, without and with
// a client that reads nothing.
func BenchmarkStalled(b *testing.B) {
	captureLog(b)
	for _, stalled := range []int{0, 1} {
		b.Run(fmt.Sprintf("stalled=%d", stalled), func(b *testing.B) {
			server := startRealServer(b)
			room := server.fillRoom(100)
			for range stalled {
				server.joinStalled()
			}
			for b.Loop() {
				room[0].says("hello")
				for _, person := range room {
					<-person.frames
				}
			}
		})
	}
}

// BenchmarkJoin measures the hub's time for the first join after a message. Its frame with
// the history serves the next ones, too.
func BenchmarkJoin(b *testing.B) {
	for name, text := range map[string]string{"short": "hello", "long": strings.Repeat("<", maxText)} {
		b.Run(name, func(b *testing.B) {
			hub := NewHub(&Store{}, nil)
			hub.fill(text)
			for b.Loop() {
				hub.historyFrame = nil
				hub.encodedHistory()
			}
		})
	}
}

// BenchmarkSample measures what a viewer of the lab costs, ten times a second, with a thousand
// people in the room.
func BenchmarkSample(b *testing.B) {
	captureLog(b)
	server := startRealServer(b)
	server.fillRoom(1000)
	lab := server.lab()
	before := processorTime(b)
	for b.Loop() {
		if _, err := lab.sample(); err != nil {
			b.Fatal(err)
		}
	}
	used := (processorTime(b) - before).Seconds() / float64(b.N)
	b.ReportMetric(100*used*float64(time.Second/sampleEvery), "%-of-a-core")
}

// fillRoom lets this many people join.
func (s *testServer) fillRoom(people int) (room []*browser) {
	s.t.Helper()
	for person := range people {
		room = append(room, s.join(fmt.Sprint(person)))
	}
	return room
}

// processorTime returns how much CPU time this process has used.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkOneMachine measures the real program with a thousand clients in the room: how
// much memory an idle client takes, how long a single message takes from its sender to
// everyone, and how many messages a second the program delivers in a stream. The clients
// are goroutines of this process and share the machine with the program.
//
//	go test -run - -bench OneMachine -benchtime 3s .
func BenchmarkOneMachine(b *testing.B) {
	const people = 1000
	p := startProgram(b, filepath.Join(b.TempDir(), "chat.db"), "-max-clients", fmt.Sprint(people+1))
	go io.Copy(io.Discard, p.stderr)
	empty := p.memory()
	room := make([]*browser, people)
	var joining sync.WaitGroup
	for i := range room {
		joining.Go(func() { room[i] = p.join(fmt.Sprint(i)) })
	}
	joining.Wait()
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
				person.receivesMessages(10)
			}
		}
		b.ReportMetric(10*people*float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
	})
}

// memory returns how many bytes of memory the program occupies. It asks Linux; on other
// systems it skips the benchmark.
func (p *program) memory() int {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Skip(err)
	}
	kilobytes, err := strconv.Atoi(string(regexp.MustCompile(`VmRSS:\s+(\d+)`).FindSubmatch(status)[1]))
	if err != nil {
		p.t.Fatal(err)
	}
	return kilobytes * 1024
}
