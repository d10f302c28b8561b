package main

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestEverybodyKnowsWhoIsHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		eve, bob := server.join("eve"), server.join("bob")
		time.Sleep(presenceWait - time.Millisecond)
		synctest.Wait()
		eve.knowsNothingNew()
		time.Sleep(time.Millisecond)
		synctest.Wait()
		eve.knows(2, "bob", "eve")
		bob.knows(2, "bob", "eve")

		another := server.join("bob")
		time.Sleep(presenceWait)
		synctest.Wait()
		another.knows(3, "bob", "eve") // two bobs are two clients under one name

		bob.leave()
		another.crash()
		time.Sleep(presenceWait)
		synctest.Wait()
		eve.knows(3, "bob", "eve")
		eve.knows(1, "eve")

		time.Sleep(time.Minute)
		synctest.Wait()
		eve.knowsNothingNew()
	})
}

func TestAPageThatIsLoadedAgainIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann, bob := server.join("ann"), server.join("bob")
		time.Sleep(presenceWait)
		synctest.Wait()
		ann.knows(2, "ann", "bob")
		bob.leave()
		bob = server.join("bob")
		time.Sleep(presenceWait)
		synctest.Wait()
		ann.knows(2, "ann", "bob")
		bob.knows(2, "ann", "bob") // the new page does not know it from before
	})
}

// The list itself can be the frame for which a queue has no room.
func TestWhoIsTooSlowForTheListIsMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		server.joinDeaf() // whose welcome is on its way for ever
		synctest.Wait()
		for range sendQueue {
			ann.says("faster!")
		}
		time.Sleep(presenceWait)
		synctest.Wait()
		ann.knows(2, "ann", "deaf")
		time.Sleep(presenceWait)
		synctest.Wait()
		ann.knows(1, "ann")
	})
}

func TestALongListIsCut(t *testing.T) {
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
		last.knows(maxPresent+20, names[:maxPresent]...)
	})
}

func TestWhoIsHereIsNeitherSavedNorHistory(t *testing.T) {
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
			t.Errorf("the database has %v (error: %v), want the two messages alone", history, err)
		}
	})
}

// After a restart everybody comes back at once.
func TestACrowdThatJoinsAtOnceStays(t *testing.T) {
	const people = 800
	server := startRealServer(t)
	room := make([]*browser, people)
	start := time.Now()
	var entering sync.WaitGroup
	for i := range room {
		entering.Go(func() { room[i] = server.join(fmt.Sprint(i)) })
	}
	entering.Wait()
	t.Logf("they needed %v to come in", time.Since(start).Round(time.Millisecond))

	for _, b := range room {
		lists := b.hearsOf(people)
		if most := int(time.Since(start)/presenceWait) + 1; lists > most {
			t.Errorf("%s was told %d times who is here, and once a second would be %d times", b.name, lists, most)
		}
	}
	room[0].says("everybody here?")
	for _, b := range room {
		b.hears("0: everybody here?")
	}
	if n := server.inside().Clients; n != people {
		t.Errorf("%d clients are left, want %d", n, people)
	}
}

// hearsOf waits for a list of so many people, and returns how many lists came
// until then.
func (b *browser) hearsOf(people int) (lists int) {
	b.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case list := <-b.lists:
			lists++
			if list.Count == people {
				return lists
			}
		case <-timeout:
			b.t.Fatalf("%s has never heard of %d people", b.name, people)
		}
	}
}

// knows fails the test unless the next list says this.
func (b *browser) knows(count int, names ...string) {
	b.t.Helper()
	select {
	case list := <-b.lists:
		if list.Kind != "here" || list.Count != count || !slices.Equal(list.Names, names) {
			b.t.Errorf("%s knows of %d people, %q; want %d, %q", b.name, list.Count, list.Names, count, names)
		}
	default:
		b.t.Errorf("%s knows nothing new, want %d people, %q", b.name, count, names)
	}
}

func (b *browser) knowsNothingNew() {
	b.t.Helper()
	if n := len(b.lists); n > 0 {
		b.t.Errorf("%s has been told %d times who is here, without a change", b.name, n)
	}
}
