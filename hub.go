package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"
)

// stopWait is for all that is still to be written when the server stops.
const stopWait = 2 * time.Second

// Hub is the room. One goroutine, Run, owns the set of clients, and nobody else
// touches it: whoever wants something of the room sends it over a channel. That
// is why no mutex guards the map, and why everyone sees the same order of
// messages: it is the order in which Run takes them.
type Hub struct {
	register   chan *Client
	unregister chan departure
	broadcast  chan post
	done       chan struct{} // closed when Run takes nothing more; every send to the hub is a select with it
	stopBy     time.Time     // set before done is closed: the deadline for the clients' last frames

	// These are Run's alone.
	clients map[*Client]bool
	store   *Store
	lastID  int64
}

// departure is what a client's read goroutine says when it ends.
type departure struct {
	client *Client
	reason closeReason
}

// post is a message on its way to the hub, which says on saved how it went.
type post struct {
	message Message
	saved   chan<- error // has room for the answer, so that the hub does not wait
}

func NewHub(store *Store) *Hub {
	return &Hub{
		register:   make(chan *Client),
		unregister: make(chan departure),
		broadcast:  make(chan post),
		done:       make(chan struct{}),
		clients:    make(map[*Client]bool),
		store:      store,
		lastID:     store.lastID,
	}
}

// Run serves the room until ctx is cancelled. It waits for nothing else: not
// for a client, not for a connection. For the database it does.
func (h *Hub) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			h.stop()
			return
		case client := <-h.register:
			h.add(client)
		case d := <-h.unregister:
			h.remove(d.client, d.reason)
		case p := <-h.broadcast:
			p.saved <- h.publish(p.message)
		}
	}
}

// add lets a client in and queues, as its first frame, the welcome and the
// history. Run does it, so no gap and no double is left: what was published by
// now is history, what is published from now on comes live.
func (h *Hub) add(client *Client) {
	history, err := h.store.History()
	if err != nil {
		slog.Error("no history for a newcomer", "error", err)
	}
	h.clients[client] = true
	client.send <- encode(slices.Insert(history, 0, Message{Kind: "welcome", Name: client.name})...)
}

// publish saves the message, and then lets everyone have it. If it cannot be saved, nobody sees it.
func (h *Hub) publish(message Message) error {
	now := time.Now()
	// The clock makes ids grow even across a power cut that lost the last ones.
	message.ID = max(h.lastID+1, now.UnixMicro())
	message.At = now.UTC().Truncate(time.Millisecond)
	if err := h.store.Save(message); err != nil {
		slog.Error("message not saved", "error", err)
		return errors.New("not sent: the server cannot save at the moment")
	}
	h.lastID = message.ID
	h.deliver(encode(message)) // once, not once for each client
	return nil
}

// deliver queues the frame for everyone in the room. A client whose queue is
// full does not keep up; to wait for it would stop the whole room, and to drop
// a message would leave it with a hole it does not know of. So it has to leave.
func (h *Hub) deliver(frame []byte) {
	for client := range h.clients {
		select {
		case client.send <- frame:
		default:
			h.remove(client, closeReason{closeTooSlow, "too slow"})
		}
	}
}

// remove closes the client's queue, which tells its write goroutine that
// nothing more will come, and why. The client may be gone already: it can be
// too slow and leave at the same time, and a channel must not be closed twice.
func (h *Hub) remove(client *Client, reason closeReason) {
	if h.clients[client] {
		delete(h.clients, client)
		client.reason = reason
		close(client.send)
	}
}

// stop lets everyone go.
func (h *Hub) stop() {
	h.stopBy = time.Now().Add(stopWait)
	close(h.done)
	for client := range h.clients {
		h.remove(client, closeReason{closeGoingAway, "the server stops"})
	}
}
