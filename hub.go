package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	heartbeat     = 25 * time.Second // between two heartbeats, which pages answer
	inactiveAfter = 3 * heartbeat    // a client that sends no frame for this long is removed at the next heartbeat
	endWait       = 2 * time.Second  // for the last frames to a client that was removed, and for its answer
)

// Hub is the room. One goroutine, Run, owns the set of clients and is the only
// one that touches it. Other goroutines reach the room only through channels.
// That is why no mutex guards the map, and why all clients see the messages in
// the same order: the order in which Run receives them.
type Hub struct {
	register   chan *Client
	unregister chan departure
	broadcast  chan Message
	sweep      chan time.Time
	alive      chan struct{} // for health: Run receives from it, and so shows that it is not stuck
	done       chan struct{} // closed when Run receives nothing more; every send to the hub is in a select with it

	store *Store
	stats stats

	// Only Run touches these.
	clients      map[*Client]bool
	lastID       int64
	history      []Message        // the last messages published; the store may not have saved them yet
	historyFrame []byte           // encoded; nil after a new message
	waiting      Message          // the last message published; empty (ID 0) once the store's queue has taken it
	presenceDue  <-chan time.Time // when to broadcast the presence; nil while it has not changed
}

// departure is what a client's read goroutine sends to the hub when it ends.
type departure struct {
	client *Client
	reason closeReason
}

// NewHub makes a hub whose history begins with the newest messages in the store.
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

// Run serves the room until ctx is cancelled. It never waits for a client or for
// the disk.
func (h *Hub) Run(ctx context.Context) {
	for {
		// If no message is waiting for the store, Run receives the next one. If one
		// is waiting, Run offers it to the store, and receives no other. The channel
		// that is not wanted is nil, and a nil channel is never ready.
		nextMessage, toStore := h.broadcast, (chan<- Message)(nil)
		if h.waiting.ID != 0 {
			nextMessage, toStore = nil, h.store.queue
		}
		select {
		case <-ctx.Done():
			h.stop()
			return
		case client := <-h.register:
			h.add(client)
		case d := <-h.unregister:
			h.remove(d.client, d.reason)
		case message := <-nextMessage:
			h.publish(message)
		case toStore <- h.waiting:
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

// health returns an error if Run does not answer within a second, or if the
// store failed to save the last batch. It does not notice a save that hangs.
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

// add lets a client in. The first frames in its queue are the welcome and the history.
// Only Run publishes messages, and Run calls add, so the client misses no message
// and gets none twice: the history ends with the last message published before, and
// the client receives all messages published afterwards.
func (h *Hub) add(client *Client) {
	h.clients[client] = true
	h.stats.clients.Add(1)
	h.presenceChanged()
	client.send <- encode(Message{Kind: "welcome", Name: client.name})
	client.send <- h.encodedHistory()
}

// encodedHistory returns the history as a frame. All clients that join before the
// next message share it: encoding it takes longer than everything else about a join.
func (h *Hub) encodedHistory() []byte {
	if h.historyFrame == nil {
		messages := newestFitting(h.history)
		h.historyFrame = encode(append([]Message{{Kind: "history"}}, messages...)...)
	}
	return h.historyFrame
}

// publish delivers the message to all clients immediately. The store saves it a
// little later.
func (h *Hub) publish(message Message) {
	now := time.Now()
	// A crash or a power cut may lose messages that pages have received, and pages
	// ignore a message with an id that is not new. The clock makes each new id larger
	// than the lost ones, unless somebody has set it back.
	message.ID = max(h.lastID+1, now.UnixMicro())
	message.At = now.UTC().Truncate(time.Millisecond)
	h.lastID = message.ID
	h.stats.messages.Add(1)
	h.waiting = message
	h.history = append(h.history, message)
	h.history = h.history[max(0, len(h.history)-historySize):]
	h.historyFrame = nil
	h.deliver(encode(message)) // once, not once for each client
}

// deliver queues the frame for every client in the room. If a client's queue is
// full, the client is too slow. Waiting for it would stop the whole room, and
// dropping the frame would leave a gap that nobody notices. So the hub removes it.
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

// remove closes the client's queue, and so tells its write goroutine that no more
// frames will come; client.reason says why. The hub may have removed the client
// before: a client can be too slow and leave at the same time. Closing a channel
// twice panics, so remove does nothing the second time.
func (h *Hub) remove(client *Client, reason closeReason) {
	if h.clients[client] {
		delete(h.clients, client)
		h.stats.clients.Add(-1)
		h.presenceChanged()
		client.reason = reason
		client.end(time.Now().Add(endWait))
		close(client.send)
	}
}

// removeInactive removes clients whose connections died silently: they have sent
// no frame for a long time, not even the answer to a heartbeat.
func (h *Hub) removeInactive(now time.Time) {
	for client := range h.clients {
		lastFrame := client.start.Add(time.Duration(client.lastFrame.Load()))
		if now.Sub(lastFrame) > inactiveAfter {
			h.remove(client, closeReason{code: closePolicy, text: "inactive"})
		}
	}
}

// sweep tells the hub at each interval that a heartbeat is due, until ctx ends.
func sweep(ctx context.Context, hub *Hub) {
	every(ctx, heartbeat, func(now time.Time) {
		select {
		case hub.sweep <- now:
		case <-hub.done:
		}
	})
}

// every runs a ticker until ctx ends, and calls the function do at each tick.
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

// stop removes all clients, and hands the waiting message to the store. Here, unlike
// in Run, the hub may wait for the store: once ctx is cancelled, the store empties
// its queue until the hub closes it.
func (h *Hub) stop() {
	close(h.done)
	for client := range h.clients {
		h.remove(client, closeReason{code: closeGoingAway, text: "the server stops"})
	}
	if h.waiting.ID != 0 {
		h.store.queue <- h.waiting
	}
	close(h.store.queue)
}
