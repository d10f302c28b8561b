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

	"golang.org/x/net/websocket"
)

func TestMessageReachesEveryClient(t *testing.T) {
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

// A client that joins gets the history first, and live messages after it. If a server
// loses or duplicates messages, it does so between the two. Here forty clients join
// while another one talks. Each must see the last messages of the conversation, from
// the first one in its history on: all of them, each once.
func TestNoMessageIsMissedOrDuplicatedWhileJoining(t *testing.T) {
	const messages, joiners = 200, 40
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		talker := server.join("ann")
		var busy sync.WaitGroup
		busy.Go(func() {
			for n := range messages {
				talker.says(fmt.Sprint(n))
			}
		})
		late := make([]*browser, joiners)
		for i := range late {
			busy.Go(func() { late[i] = server.join(fmt.Sprint(i)) })
		}
		busy.Wait()
		time.Sleep(batchWait) // until the last batch is due
		synctest.Wait()

		all := talker.heard()
		if len(all) != messages {
			t.Fatalf("the talker received %d messages, want %d", len(all), messages)
		}
		for i, b := range late {
			heard := b.heard()
			if want := all[len(all)-len(heard):]; !slices.Equal(heard, want) || len(heard) < historySize {
				t.Errorf("joiner %d received %d messages, want at least %d, the same that the talker received last", i, len(heard), historySize)
			}
		}
	})
}

// While the database cannot save, messages wait, until there are too many. After that,
// senders have to wait, and get an error. Nobody sees a message, and none is lost.
func TestBackPressureReachesTheSender(t *testing.T) {
	const capacity = 1 + maxPending // messages with the store, and in the hub
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		server := startServer(t)
		ann, bob := server.join("ann"), server.join("bob")
		server.store.setReadOnly(t, true)
		for n := range capacity {
			ann.says(fmt.Sprint(n))
		}
		ann.says("one too many")
		ann.hears("error not saved yet: the server cannot save at the moment")
		bob.says("me neither?")
		server.join("eve") // others can join meanwhile

		server.store.setReadOnly(t, false)
		time.Sleep(2*retryWait + 2*batchWait)
		ann.says("better")
		for n := range capacity {
			ann.hears(fmt.Sprint("ann: ", n))
		}
		ann.hears("bob: me neither?", "ann: better") // bob had waited for less than sayWait, so he got no error
		server.stop()
		if n := strings.Count(log.String(), "cannot save"); n != 1 {
			t.Errorf("the log reports the failure %d times, want once", n)
		}
		if got := server.countSaved(t); got != capacity+2 {
			t.Errorf("%d messages were saved, want %d", got, capacity+2)
		}
	})
}

func TestLastBatchIsSavedAtShutdown(t *testing.T) {
	const messages = maxPending + 7
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		for n := range messages {
			ann.says(fmt.Sprint(n))
		}
		synctest.Wait()
		server.stop()
		for n := range messages {
			ann.hears(fmt.Sprint("ann: ", n))
		}
		if got := server.countSaved(t); got != messages {
			t.Errorf("%d messages were saved, want %d", got, messages)
		}
	})
}

// An id is usually the time of the save, in microseconds. Ids must grow even when the
// clock is set back, and when somebody deletes the newest messages.
func TestIDsGrowWhenClockIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := openStore(t, filepath.Join(t.TempDir(), "chat.db"))
		if m := store.saveTexts(t, "now")[0]; m.ID != time.Now().UnixMicro() {
			t.Errorf("the first id is %d, want the time: %d", m.ID, time.Now().UnixMicro())
		}
		tomorrow := time.Now().Add(24 * time.Hour).UnixMicro()
		if _, err := store.db.Exec(insert, tomorrow, "chat", "ann", "from the future", 0, "r1"); err != nil {
			t.Fatal(err)
		}
		for _, m := range store.saveTexts(t, "one", "two") {
			if tomorrow++; m.ID != tomorrow {
				t.Errorf("%s has the id %d, want %d", m.Text, m.ID, tomorrow)
			}
		}
		if _, err := store.db.Exec("DELETE FROM messages"); err != nil {
			t.Fatal(err)
		}
		if three := store.saveTexts(t, "three")[0]; three.ID != tomorrow+1 {
			t.Errorf("after a deletion, the next id is %d, want %d", three.ID, tomorrow+1)
		}
	})
}

// Twenty people talk at the same time. The order of their messages is not predictable,
// but everyone must see the same one.
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
		time.Sleep(batchWait) // until the last batch is due
		synctest.Wait()

		first := room[0].heard()
		if len(first) != people*each {
			t.Fatalf("person 0 received %d messages, want %d", len(first), people*each)
		}
		for person, b := range room[1:] {
			if !slices.Equal(b.heard(), first) {
				t.Errorf("person %d received the messages in another order than person 0", person+1)
			}
		}
	})
}

func TestTheHubNeverWaitsForAClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		stuck := bareClient() // no goroutine takes frames from its queue, so the welcome and the history fill it
		server.hub.register <- stuck

		ann.says("one")
		ann.says("two")
		ann.hears("ann: one", "ann: two")
		<-stuck.send
		<-stuck.send
		if frame, open := <-stuck.send; open {
			t.Errorf("the next frame in the full queue is %q, want the queue closed", frame)
		}
	})
}

func TestClientIsRemovedOnlyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		client := bareClient()
		server.hub.register <- client
		server.hub.unregister <- departure{client, closeReason{}}
		server.hub.unregister <- departure{client, closeReason{}} // the same happens when the hub removes a slow client that is just leaving

		server.stop() // now no other goroutine uses the map, so the test may
		if len(server.hub.clients) != 0 {
			t.Errorf("%d clients are in the room, want none", len(server.hub.clients))
		}
	})
}

func TestClientThatConnectsDuringShutdownIsDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		hub := NewHub(&Store{}, nil)
		hub.Run(ctx) // returns at once, because ctx is cancelled

		pipes := newPipeListener()
		server := newServer(routes(t.Context(), hub, new(sync.WaitGroup), &config{maxClients: 10}))
		go server.Serve(pipes)
		defer server.Close()
		late := &testServer{t: t, dial: pipes.dial}
		b := late.open()
		b.send(`{"name":"late"}`)
		if code := b.waitForClose(); code != closeGoingAway {
			t.Errorf("close code %d, want %d", code, closeGoingAway)
		}
	})
}

// Both clients keep their connection open and read, but only ann answers heartbeats.
func TestClientThatIgnoresHeartbeatsIsDisconnected(t *testing.T) {
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
		if code := silent.waitForClose(); code != closePolicy {
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
// device, the operating system buffers about four megabytes for a client that does not
// read. Only then does a write to it block.

func TestStalledClientDoesNotBlockOthers(t *testing.T) {
	const messages = 2000                        // more than the stalled client's buffers hold
	filler := strings.Repeat("👩‍💻", maxText/3-2) // an emoji of three characters, 11 bytes: 7 KB a message, 15 MB in all
	server := startRealServer(t)
	ann, bob, _ := server.join("ann"), server.join("bob"), server.joinStalled()
	for n := range messages {
		ann.says(fmt.Sprint(n, filler))
	}
	ann.receivesMessages(messages)
	bob.receivesMessages(messages)
}

func TestReadingClientsStayConnectedDuringBurst(t *testing.T) {
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
		b.receivesMessages(people * each)
	}
}

// Its reader may still have an error for it.
func TestAnswerToAClientThatHasLeftIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		bob := server.join("bob")
		gone := bareClient()
		close(gone.send)
		server.hub.answers <- answer{gone, frameOf()}
		bob.says("still here")
		bob.hears("bob: still here")
	})
}

// bareClient is a client without goroutines, and without a connection.
func bareClient() *Client {
	return &Client{ws: &websocket.Conn{}, send: make(chan *outFrame, 2), gone: make(chan struct{})}
}
