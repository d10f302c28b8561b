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
	const messages = 800
	filler := strings.Repeat("👩‍💻", maxText/3-2) // 11 bytes in three characters: 7 KB; 6 MB in all
	server := startRealServer(t)
	ann, bob, _ := server.join("ann"), server.join("bob"), server.joinDeaf()
	for n := range messages {
		ann.says(fmt.Sprint(n, filler))
	}
	ann.hearsFrames(messages)
	bob.hearsFrames(messages)
}

func TestReadersThatReadStayConnectedInABurst(t *testing.T) {
	const people, each = 100, 10
	server := startRealServer(t)
	var room []*browser
	for person := range people {
		room = append(room, server.join(fmt.Sprint(person)))
	}

	var burst sync.WaitGroup
	for _, b := range room {
		burst.Go(func() {
			for n := range each {
				b.says(fmt.Sprint(n))
			}
		})
	}
	burst.Wait()
	for _, b := range room {
		b.hearsFrames(people * each)
	}
}

// hearsFrames waits for so many frames; to read them all would take longer than
// to deliver them.
func (b *browser) hearsFrames(n int) {
	b.t.Helper()
	timeout := time.After(patience)
	for i := range n {
		select {
		case _, ok := <-b.frames:
			if !ok {
				b.t.Fatalf("%s: the connection ended with code %d, after %d of %d frames", b.name, b.closeCode, i, n)
			}
		case <-timeout:
			b.t.Fatalf("%s waited in vain for frame %d of %d", b.name, i+1, n)
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
				server.joinDeaf()
			}
			var room []*browser
			for person := range 100 {
				room = append(room, server.join(fmt.Sprint(person)))
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
