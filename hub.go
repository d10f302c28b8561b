package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	heartbeat     = 25 * time.Second // between two heartbeats, which pages answer
	inactiveAfter = 3 * heartbeat    // a client that sends no frame for so long is removed, at the next heartbeat
	stopWait      = 2 * time.Second  // for all that is still to be written when the server stops
)

// Hub is the room. One goroutine, Run, owns the set of clients, and nobody else
// touches it: whoever wants something of the room sends it over a channel. That
// is why no mutex guards the map, and why everyone sees the same order of
// messages: it is the order in which Run takes them.
type Hub struct {
	register   chan *Client
	unregister chan departure
	broadcast  chan Message
	sweep      chan time.Time
	alive      chan struct{}
	done       chan struct{} // closed when Run takes nothing more; every send to the hub is a select with it
	stopBy     time.Time     // set before done is closed: the deadline for the clients' last frames

	store *Store
	stats stats

	// These are Run's alone.
	clients     map[*Client]bool
	lastID      int64
	history     []Message        // the last ones published, which the database may not have yet
	waiting     Message          // one for which the store's queue had no room yet; without an ID, none
	presenceDue <-chan time.Time // when to tell who is here; nil while everybody knows
}

// departure is what a client's read goroutine says when it ends.
type departure struct {
	client *Client
	reason closeReason
}

func NewHub(store *Store, history []Message) *Hub {
	return &Hub{
		register:   make(chan *Client),
		unregister: make(chan departure),
		broadcast:  make(chan Message),
		sweep:      make(chan time.Time),
		alive:      make(chan struct{}),
		done:       make(chan struct{}),
		clients:    make(map[*Client]bool),
		store:      store,
		lastID:     store.lastID,
		history:    history,
	}
}

// Run serves the room until ctx is cancelled. It waits for nothing else: not
// for a client, not for a connection.
func (h *Hub) Run(ctx context.Context) {
	for {
		broadcast, queue := h.broadcast, (chan<- Message)(nil) // a nil channel is never ready
		if h.waiting.ID != 0 {
			broadcast, queue = nil, h.store.queue // first this one has to go; all else goes on
		}
		select {
		case <-ctx.Done():
			h.stop()
			return
		case client := <-h.register:
			h.add(client)
		case d := <-h.unregister:
			h.remove(d.client, d.reason)
		case message := <-broadcast:
			h.publish(message)
		case queue <- h.waiting:
			h.waiting = Message{}
		case now := <-h.sweep:
			h.deliver([]byte("[]")) // the heartbeat
			h.removeInactive(now)
		case <-h.presenceDue:
			h.deliverPresence()
		case <-h.alive:
		}
	}
}

// health says what keeps the room from working, if anything does: that Run does
// not answer, or that the store cannot save.
func (h *Hub) health() error {
	select {
	case h.alive <- struct{}{}:
	case <-h.done:
		return errors.New("the server stops")
	case <-time.After(time.Second):
		return errors.New("the hub does not answer")
	}
	if err := h.store.failure.Load(); err != nil {
		return fmt.Errorf("cannot save: %w", *err)
	}
	return nil
}

// add lets a client in and queues, as its first frame, the welcome and the
// history. Run does it, so no gap and no double is left: what was published by
// now is history, what is published from now on comes live.
func (h *Hub) add(client *Client) {
	h.clients[client] = true
	h.stats.clients.Add(1)
	h.presenceChanged()
	client.send <- encode(append([]Message{{Kind: "welcome", Name: client.name}}, h.history...)...)
}

// publish lets everyone have the message at once. It is saved a little later.
func (h *Hub) publish(message Message) {
	now := time.Now()
	// The clock makes ids grow even across a power cut that lost the last ones.
	message.ID = max(h.lastID+1, now.UnixMicro())
	message.At = now.UTC().Truncate(time.Millisecond)
	h.lastID = message.ID
	h.stats.messages.Add(1)
	h.waiting = message
	h.history = append(h.history, message)
	h.history = h.history[max(0, len(h.history)-historySize):]
	h.deliver(encode(message)) // once, not once for each client
}

// deliver queues the frame for everyone in the room. A client whose queue is
// full does not keep up; to wait for it would stop the whole room, and to drop
// a message would leave it with a hole it does not know of. So it has to leave.
func (h *Hub) deliver(frame []byte) {
	longest := 0
	for client := range h.clients {
		select {
		case client.send <- frame:
			longest = max(longest, len(client.send))
		default:
			h.remove(client, closeReason{code: closeTooSlow, text: "too slow"})
		}
	}
	h.stats.longestQueue.Set(int64(longest))
}

// remove closes the client's queue, which tells its write goroutine that
// nothing more will come, and why. The client may be gone already: it can be
// too slow and leave at the same time, and a channel must not be closed twice.
func (h *Hub) remove(client *Client, reason closeReason) {
	if h.clients[client] {
		delete(h.clients, client)
		h.stats.clients.Add(-1)
		h.presenceChanged()
		client.reason = reason
		close(client.send)
	}
}

// removeInactive is for connections that are dead without anybody's knowing.
func (h *Hub) removeInactive(now time.Time) {
	for client := range h.clients {
		if now.Sub(client.start)-time.Duration(client.lastFrame.Load()) > inactiveAfter {
			h.remove(client, closeReason{code: closePolicy, text: "inactive"})
		}
	}
}

// sweep tells the hub when it is time for a heartbeat, until ctx ends.
func sweep(ctx context.Context, hub *Hub) {
	every(ctx, heartbeat, func(now time.Time) {
		select {
		case hub.sweep <- now:
		case <-hub.done:
		}
	})
}

// every calls do at each interval until ctx ends.
func every(ctx context.Context, interval time.Duration, do func(now time.Time)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			do(now)
		}
	}
}

// stop lets everyone go, and gives the store, which now takes all, the message
// that was waiting.
func (h *Hub) stop() {
	h.stopBy = time.Now().Add(stopWait)
	close(h.done)
	for client := range h.clients {
		h.remove(client, closeReason{code: closeGoingAway, text: "the server stops"})
	}
	if h.waiting.ID != 0 {
		h.store.queue <- h.waiting
	}
	close(h.store.queue)
}
