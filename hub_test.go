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
		ann, bob, eve := server.join("ann"), server.join("bob"), server.join("eve")
		ann.says("hello")
		ann.hears("ann: hello")
		bob.hears("ann: hello")
		eve.hears("ann: hello")

		eve.leave()
		bob.says("is she gone?")
		ann.hears("bob: is she gone?")
		bob.hears("bob: is she gone?")
	})
}

// Twenty people talk at the same time. Nobody can know the order beforehand;
// but there must be one, the same for all.
func TestEveryoneSeesTheSameOrder(t *testing.T) {
	const people, each = 20, 10
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		var room []*browser
		for person := range people {
			room = append(room, server.join(fmt.Sprint(person)))
		}

		var talking sync.WaitGroup
		for _, b := range room {
			talking.Go(func() {
				for n := range each {
					b.says(fmt.Sprint(n))
				}
			})
		}
		talking.Wait()
		synctest.Wait()

		first := room[0].heard()
		if len(first) != people*each {
			t.Fatalf("heard %d messages, want %d", len(first), people*each)
		}
		for person, b := range room[1:] {
			if !slices.Equal(b.heard(), first) {
				t.Errorf("person %d heard another order than person 0", person+1)
			}
		}
	})
}

func TestTheHubNeverWaitsForAClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		stuck := &Client{send: make(chan []byte, 1)} // with nobody who reads its queue: the welcome fills it
		server.hub.register <- stuck

		ann.says("one")
		ann.says("two")
		ann.hears("ann: one", "ann: two")
		<-stuck.send
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
		b := late.open()
		if code := b.isGone(); code != closeGoingAway {
			t.Errorf("who comes too late is told %d, want %d", code, closeGoingAway)
		}
	})
}
