package main

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestPresenceIsBroadcastOneSecondAfterAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		eve, bob := server.join("eve"), server.join("bob")
		time.Sleep(presenceWait - time.Millisecond)
		synctest.Wait()
		eve.receivesNoPresence()
		time.Sleep(time.Millisecond)
		synctest.Wait()
		eve.receivesPresence(2, "bob", "eve")
		bob.receivesPresence(2, "bob", "eve")

		another := server.join("bob")
		time.Sleep(presenceWait)
		synctest.Wait()
		another.receivesPresence(3, "bob", "eve") // two clients have the same name, which is listed once

		bob.leave()
		another.crash()
		time.Sleep(presenceWait)
		synctest.Wait()
		eve.receivesPresence(3, "bob", "eve")
		eve.receivesPresence(1, "eve")

		time.Sleep(time.Minute)
		synctest.Wait()
		eve.receivesNoPresence()
	})
}

func TestReloadDoesNotChangePresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann, bob := server.join("ann"), server.join("bob")
		time.Sleep(presenceWait)
		synctest.Wait()
		ann.receivesPresence(2, "ann", "bob")
		bob.leave()
		bob = server.join("bob")
		time.Sleep(presenceWait)
		synctest.Wait()
		ann.receivesPresence(2, "ann", "bob")
		bob.receivesPresence(2, "ann", "bob") // bob's new connection has no presence from before
	})
}

// The presence frame itself can be the one that no longer fits into a client's queue.
func TestPresenceBroadcastCanRemoveSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		server.joinStalled() // the write of its welcome blocks, so its queue is not emptied
		synctest.Wait()
		server.fillQueues(sendQueue - 1) // the history is in it already
		time.Sleep(presenceWait)
		synctest.Wait()
		ann.receivesPresence(2, "ann", "stalled")
		time.Sleep(presenceWait)
		synctest.Wait()
		ann.receivesPresence(1, "ann")
	})
}

func TestLongPresenceListIsTruncated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		var names []string
		var last *browser
		for n := range maxPresent + 20 {
			name := fmt.Sprintf("%03d", maxPresent+20-n)
			names = append(names, name)
			last = server.join(name)
		}
		time.Sleep(presenceWait)
		synctest.Wait()
		slices.Sort(names)
		last.receivesPresence(maxPresent+20, names[:maxPresent]...)
	})
}

func TestPresenceIsNotInHistoryOrDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		ann.says("hello")
		time.Sleep(2 * presenceWait)
		bob := server.join("bob")
		bob.hears("ann: hello")
		bob.says("hello, ann")
		bob.hears("bob: hello, ann")
		server.stop()
		store := openStore(t, server.path)
		history, err := store.History()
		if err != nil || len(history) != 2 {
			t.Errorf("the database has %v (error: %v), want only the two messages", history, err)
		}
	})
}

// After a restart, all clients join again at the same moment.
func TestMassJoinKeepsEveryClientConnected(t *testing.T) {
	const people = 800
	server := startRealServer(t)
	room := make([]*browser, people)
	start := time.Now()
	var joining sync.WaitGroup
	for i := range room {
		joining.Go(func() { room[i] = server.join(fmt.Sprint(i)) })
	}
	joining.Wait()
	t.Logf("all clients have joined after %v", time.Since(start).Round(time.Millisecond))

	for _, b := range room {
		received := b.waitForPresence(people)
		if most := int(time.Since(start)/presenceWait) + 1; received > most {
			t.Errorf("%s received presence %d times, want at most %d: once a second", b.name, received, most)
		}
	}
	room[0].says("everybody here?")
	for _, b := range room {
		b.hears("0: everybody here?")
	}
	if n := server.debugVars().Clients; n != people {
		t.Errorf("%d clients are connected, want %d", n, people)
	}
}

// waitForPresence waits until a presence counts this many clients, and returns how many
// presences have arrived.
func (b *browser) waitForPresence(count int) (received int) {
	b.t.Helper()
	timeout := time.After(testTimeout)
	for {
		select {
		case got := <-b.presences:
			received++
			if got.Count == count {
				return received
			}
		case <-timeout:
			b.t.Fatalf("%s received no presence with %d clients within %v", b.name, count, testTimeout)
		}
	}
}

// receivesPresence fails the test unless a presence with this count and these names has
// arrived, and is the next one.
func (b *browser) receivesPresence(count int, names ...string) {
	b.t.Helper()
	select {
	case got := <-b.presences:
		if got.Kind != "here" || got.Count != count || !slices.Equal(got.Names, names) {
			b.t.Errorf("%s received %+v, want %d clients with the names %q", b.name, got, count, names)
		}
	default:
		b.t.Errorf("%s received no presence, want %d clients with the names %q", b.name, count, names)
	}
}

// receivesNoPresence fails the test if a presence has arrived.
func (b *browser) receivesNoPresence() {
	b.t.Helper()
	if n := len(b.presences); n > 0 {
		b.t.Errorf("%s received %d presences, want none", b.name, n)
	}
}
