package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	heartbeat     = 25 * time.Second // between two heartbeats, which pages answer
	inactiveAfter = 3 * heartbeat    // a client that sends no frame for this long is removed at the next heartbeat
	endWait       = 2 * time.Second  // for the last frames to a client that was removed, and for its answer

	maxPending = 1000                    // messages that wait for the store; while there are so many, the hub receives no more
	maxBatch   = 100                     // messages in one transaction
	batchWait  = 200 * time.Millisecond  // for a batch to fill up: a crash may lose the messages of this time, and of the save that follows
	unhealthy  = 5 * time.Second         // a message that waits longer to be saved makes /healthz say so
	saveWait   = 2500 * time.Millisecond // to save what waits when the server shuts down
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
	oldest     chan chan time.Time // for health: Run answers with the time of the oldest message that is not saved
	done       chan struct{}       // closed when Run receives nothing more; every send to the hub is in a select with it

	store *Store
	stats stats

	// Only Run touches these.
	clients      map[*Client]bool
	lastID       int64
	history      []Message        // the last messages published; the store may not have saved them yet
	historyFrame []byte           // encoded; nil after a new message
	pending      []Message        // published, and waiting for the store
	saving       []Message        // with the store; nil if it is free
	batchDue     <-chan time.Time // when to hand over the next batch; nil if nothing waits for a time
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
		oldest:     make(chan chan time.Time),
		done:       make(chan struct{}),
		clients:    make(map[*Client]bool),
		store:      store,
		lastID:     store.lastID,
		history:    history,
	}
}

// Run serves the room until ctx is cancelled. It never waits for a client or for
// the disk. It returns an error if it has to end before everything is saved.
func (h *Hub) Run(ctx context.Context) error {
	for {
		nextMessage := h.broadcast
		if len(h.pending) == maxPending {
			nextMessage = nil // a nil channel is never ready: readers wait, and TCP makes their browsers wait
		}
		h.stats.pending.Set(int64(len(h.pending) + len(h.saving)))
		select {
		case <-ctx.Done():
			return h.stop()
		case client := <-h.register:
			h.add(client)
		case d := <-h.unregister:
			h.remove(d.client, d.reason)
		case message := <-nextMessage:
			h.publish(message)
			h.saveNext()
		case <-h.batchDue:
			h.batchDue = nil
			h.saveNext()
		case <-h.store.saved:
			h.saving = nil
			h.saveNext()
		case now := <-h.sweep:
			h.deliver([]byte("[]")) // the heartbeat
			h.removeInactive(now)
		case <-h.presenceDue:
			h.deliverPresence()
		case answer := <-h.oldest:
			answer <- h.oldestMessage()
		}
	}
}

// health returns an error if Run does not answer within a second, or if a message
// has been waiting for too long, because a save fails or because it hangs.
func (h *Hub) health() error {
	answer := make(chan time.Time, 1)
	select {
	case h.oldest <- answer:
	case <-h.done:
		return errors.New("the server stops")
	case <-time.After(time.Second):
		return errors.New("the hub does not answer")
	}
	oldest := <-answer
	if oldest.IsZero() || time.Since(oldest) <= unhealthy {
		return nil
	}
	return fmt.Errorf("cannot save: a message has been waiting for %v: %w", time.Since(oldest).Round(time.Second), h.store.lastError())
}

// oldestMessage returns the time of the oldest message that is not saved, or the zero
// time.
func (h *Hub) oldestMessage() time.Time {
	for _, message := range slices.Concat(h.saving, h.pending) {
		return message.At // the first one is the oldest
	}
	return time.Time{}
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
	h.pending = append(h.pending, message)
	h.history = append(h.history, message)
	h.history = h.history[max(0, len(h.history)-historySize):]
	h.historyFrame = nil
	h.deliver(encode(message)) // once, not once for each client
}

// saveNext hands the next batch to the store, if the store is free and the batch is
// due: a full one at once, another one batchWait after its first message. While one
// batch is being saved, the next one collects, so the batches are as large as the disk
// is slow.
func (h *Hub) saveNext() {
	if h.saving != nil || len(h.pending) == 0 {
		return
	}
	if wait := time.Until(h.pending[0].At.Add(batchWait)); wait > 0 && len(h.pending) < maxBatch {
		if h.batchDue == nil {
			h.batchDue = time.After(wait)
		}
		return
	}
	h.handOver()
}

// handOver does not wait: the channel has one place, and the store has taken the
// last batch out of it.
func (h *Hub) handOver() {
	n := min(len(h.pending), maxBatch)
	h.saving, h.pending = h.pending[:n], slices.Clone(h.pending[n:])
	h.store.batches <- h.saving
}

// deliver queues the frame for every client in the room.
func (h *Hub) deliver(frame []byte) {
	longest := 0
	for client := range h.clients {
		h.queue(client, frame)
		longest = max(longest, len(client.send))
	}
	h.stats.longestQueue.Set(int64(longest))
}

// queue queues the frame for a client. If its queue is full, the client is too slow.
// Waiting for it would stop the whole room, and dropping the frame would leave a gap
// that nobody notices. So the hub removes it.
func (h *Hub) queue(client *Client, frame []byte) {
	select {
	case client.send <- frame:
	default:
		h.remove(client, closeReason{code: closeTooSlow, text: "too slow"})
	}
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

// stop removes all clients, and waits until everything is saved, for at most saveWait.
func (h *Hub) stop() error {
	close(h.done)
	for client := range h.clients {
		h.remove(client, closeReason{code: closeGoingAway, text: "the server stops"})
	}
	defer close(h.store.batches)
	return h.saveRest()
}

// saveRest saves one batch after the other. It returns an error that says how many
// messages are left.
func (h *Hub) saveRest() error {
	deadline := time.After(saveWait)
	for {
		if h.saving == nil && len(h.pending) > 0 {
			h.handOver()
		}
		if h.saving == nil {
			return nil
		}
		select {
		case <-h.store.saved:
			h.saving = nil
		case <-deadline:
			return fmt.Errorf("%d messages are not saved: %w", len(h.saving)+len(h.pending), h.store.lastError())
		}
	}
}
