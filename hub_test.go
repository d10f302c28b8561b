package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

func TestWhatOneSaysAllSee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann, bob, eve := server.open(), server.open(), server.open()
		synctest.Wait() // until everyone is in the room

		ann.send("hello")
		ann.receives("hello")
		bob.receives("hello")
		eve.receives("hello")

		eve.leave()
		bob.send("is she gone?")
		ann.receives("is she gone?")
		bob.receives("is she gone?")
	})
}

// Twenty people talk at the same time. Nobody can know the order beforehand;
// but there must be one, the same for all.
func TestEveryoneSeesTheSameOrder(t *testing.T) {
	const people, each = 20, 10
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		var room []*browser
		for range people {
			room = append(room, server.open())
		}
		synctest.Wait()

		var talking sync.WaitGroup
		for person, b := range room {
			talking.Go(func() {
				for n := range each {
					b.send(fmt.Sprintf("message %d of person %d", n, person))
				}
			})
		}
		talking.Wait()
		synctest.Wait()

		first := room[0].received()
		if len(first) != people*each {
			t.Fatalf("received %d messages, want %d", len(first), people*each)
		}
		for person, b := range room[1:] {
			if !slices.Equal(b.received(), first) {
				t.Errorf("person %d received another order than person 0", person+1)
			}
		}
	})
}

func TestTheHubNeverWaitsForAClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.open()
		stuck := &Client{send: make(chan []byte, 1)} // with nobody who reads its queue
		server.hub.register <- stuck
		synctest.Wait()

		ann.send("one")
		ann.send("two")
		ann.receives("one", "two")
		if frame := <-stuck.send; string(frame) != "one" {
			t.Errorf("the queue begins with %q, want %q", frame, "one")
		}
		if frame, open := <-stuck.send; open {
			t.Errorf("the full queue goes on with %q, want it closed", frame)
		}
	})
}

func TestALeaverIsRemovedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		client := &Client{send: make(chan []byte, 1)}
		server.hub.register <- client
		server.hub.unregister <- departure{client, closeReason{}}
		server.hub.unregister <- departure{client, closeReason{}} // as when the hub has dropped it just before it left

		server.stop() // from here on the room may be looked at
		if len(server.hub.clients) != 0 {
			t.Errorf("%d clients in the room, want none", len(server.hub.clients))
		}
	})
}

func TestAStoppedHubKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		hub := NewHub()
		hub.Run(ctx) // and it has stopped

		pipes := newPipeListener()
		server := newServer(routes(ctx, hub, new(sync.WaitGroup)))
		go server.Serve(pipes)
		defer server.Close()
		late := &testServer{t: t, dial: pipes.dial}
		if code := late.open().isGone(); code != closeGoingAway {
			t.Errorf("who comes too late is told %d, want %d", code, closeGoingAway)
		}
	})
}
