package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
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

// The seam between history and live messages is where chats lose messages, or
// show them twice. Here people join all the time while others talk; whoever has
// joined must have seen, from the first message shown on, all that exist.
func TestNoGapAndNoDoubleAtTheSeam(t *testing.T) {
	const messages, joiners = 200, 40
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		talker := server.join("ann")
		var room sync.WaitGroup
		room.Go(func() {
			for n := range messages {
				talker.says(fmt.Sprint(n))
			}
		})
		late := make([]*browser, joiners)
		for i := range late {
			room.Go(func() { late[i] = server.join(fmt.Sprint(i)) })
		}
		room.Wait()
		synctest.Wait()

		all := talker.heard()
		if len(all) != messages {
			t.Fatalf("the talker heard %d messages, want %d", len(all), messages)
		}
		for i, b := range late {
			heard := b.heard()
			if want := all[len(all)-len(heard):]; !slices.Equal(heard, want) || len(heard) < historySize {
				t.Errorf("joiner %d has seen %d messages, not just the last ones of all", i, len(heard))
			}
		}
	})
}

// The database is behind by up to a batch. A history read from it would be, too.
func TestTheHistoryDoesNotWaitForTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		ann.says("hello")
		ann.hears("ann: hello")
		server.join("bob").hears("ann: hello")
	})
}

// While the database refuses to save, the room goes on until the store's queue
// is full. Then it is the senders who wait, and are told; nobody else is held
// up, and nothing that was shown is lost.
func TestBackPressureReachesTheSender(t *testing.T) {
	const room = storeQueue + maxBatch + 1 // in the queue, in the batch, in the hub
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		server := startServer(t)
		ann, bob := server.join("ann"), server.join("bob")
		server.store.setReadOnly(t, true)
		for n := range room {
			ann.says(fmt.Sprint(n))
			ann.hears(fmt.Sprint("ann: ", n))
		}
		ann.says("one too many")
		ann.hears("error not sent: the server cannot save at the moment")
		bob.says("me neither?")
		server.join("eve").hears(fmt.Sprint("ann: ", room-historySize)) // joining goes on
		bob.hears("ann: 0")

		server.store.setReadOnly(t, false)
		time.Sleep(2 * retryWait)
		ann.says("better")
		ann.hears("bob: me neither?", "ann: better") // bob was still waiting, and not yet told
		server.stop()
		if n := strings.Count(log.String(), "cannot save"); n != 1 {
			t.Errorf("the log tells of the failure %d times, want once", n)
		}
		if got := server.saved(t); got != room+2 {
			t.Errorf("%d messages were saved, want %d", got, room+2)
		}
	})
}

func TestTheLastBatchIsSavedAtAStop(t *testing.T) {
	const messages = 3*maxBatch + 7
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		for n := range messages {
			ann.says(fmt.Sprint(n))
			ann.hears(fmt.Sprint("ann: ", n))
		}
		server.stop()
		if got := server.saved(t); got != messages {
			t.Errorf("%d messages were saved, want %d", got, messages)
		}
	})
}

// Ids are times, but they have to grow when the clock is set back, too.
func TestIDsGrowWhateverTheClockSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "chat.db")
		tomorrow := time.Now().Add(24 * time.Hour)
		before := openStore(t, path)
		if err := before.save([]Message{{ID: tomorrow.UnixMicro(), Kind: "chat", Name: "ann", Text: "from the future", At: tomorrow}}); err != nil {
			t.Fatal(err)
		}
		before.db.Close()

		store := openStore(t, path)
		history, err := store.History()
		if err != nil {
			t.Fatal(err)
		}
		hub := NewHub(store, history)
		hub.publish(Message{Kind: "chat", Name: "ann", Text: "one"})
		hub.publish(Message{Kind: "chat", Name: "ann", Text: "two"})
		var got []string
		for _, m := range hub.history {
			got = append(got, fmt.Sprint(m.ID-tomorrow.UnixMicro(), " ", m.Text))
		}
		if want := []string{"0 from the future", "1 one", "2 two"}; !slices.Equal(got, want) {
			t.Errorf("the history is %q, want %q", got, want)
		}
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
		hub := NewHub(&Store{queue: make(chan Message)}, nil)
		hub.Run(ctx) // and it has stopped

		pipes := newPipeListener()
		server := newServer(routes(ctx, hub, new(sync.WaitGroup), &config{maxClients: 10}))
		go server.Serve(pipes)
		defer server.Close()
		late := &testServer{t: t, dial: pipes.dial}
		b := late.open()
		if code := b.isGone(); code != closeGoingAway {
			t.Errorf("who comes too late is told %d, want %d", code, closeGoingAway)
		}
	})
}

// Both keep their connection open and read. Only one answers heartbeats.
func TestOnlyThoseWhoAnswerHeartbeatsStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		start := time.Now()
		ann, silent := server.join("ann"), server.join("silent")
		for range 10 {
			if frame := <-ann.frames; frame != "[]" {
				t.Fatalf("received %q, want a heartbeat", frame)
			}
			ann.send("{}")
		}
		if code := silent.isGone(); code != closePolicy {
			t.Errorf("close code %d, want %d", code, closePolicy)
		}
		if passed := time.Since(start); passed != 10*heartbeat {
			t.Errorf("ten heartbeats took %v, want %v", passed, 10*heartbeat)
		}
		ann.says("still here")
		ann.hears("ann: still here")
	})
}

// The next two tests use real sockets, because pipes have no buffers. On the loopback
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
