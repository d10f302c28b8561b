package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// These tests use real sockets, because pipes have no buffers. On the loopback
// device the operating system takes about four megabytes for a reader that
// does not read before a write blocks.

func TestAClientThatStopsReadingCostsTheOthersNothing(t *testing.T) {
	const messages, size = 400, 20_000 // 8 MB
	server := startRealServer(t)
	ann, bob, _ := server.open(), server.open(), server.openDeaf()
	for n := range messages {
		ann.send(fmt.Sprint(n, strings.Repeat(".", size)))
	}
	for n := range messages {
		ann.receives(fmt.Sprint(n, strings.Repeat(".", size)))
		bob.receives(fmt.Sprint(n, strings.Repeat(".", size)))
	}
}

func TestReadersThatReadStayConnectedInABurst(t *testing.T) {
	const people, each = 100, 10
	server := startRealServer(t)
	var room []*browser
	for range people {
		b := server.open()
		b.send("here")
		b.waitFor(1) // now it is in the room for sure
		room = append(room, b)
	}

	var burst sync.WaitGroup
	for person, b := range room {
		burst.Go(func() {
			for n := range each {
				b.send(fmt.Sprintf("message %d of person %d", n, person))
			}
		})
	}
	burst.Wait()
	for person, b := range room {
		b.waitFor(people - person - 1) // those who came later said "here"
		if got := b.waitFor(people * each); got != people*each {
			t.Fatalf("person %d received %d messages of the burst, want %d", person, got, people*each)
		}
	}
}

// BenchmarkBroadcast measures a message on its way from one of a hundred
// clients to all of them, with and without one among them that does not read.
func BenchmarkBroadcast(b *testing.B) {
	captureLog(b) // out of the way of the figures
	for _, deaf := range []int{0, 1} {
		b.Run(fmt.Sprintf("deaf=%d", deaf), func(b *testing.B) {
			server := startRealServer(b)
			for range deaf {
				server.openDeaf()
			}
			var room []*browser
			for range 100 {
				room = append(room, server.open())
			}
			room[0].send("everybody here?")
			for b.Loop() {
				room[0].send("hello")
				for _, person := range room {
					<-person.frames
				}
			}
		})
	}
}

// waitFor takes the next n frames, and returns how many came.
func (b *browser) waitFor(n int) (came int) {
	b.t.Helper()
	timeout := time.After(patience)
	for came < n {
		select {
		case _, ok := <-b.frames:
			if !ok {
				return came
			}
			came++
		case <-timeout:
			return came
		}
	}
	return came
}
