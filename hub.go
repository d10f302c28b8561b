package main

import (
	"context"
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
	broadcast  chan Message
	done       chan struct{} // closed when Run takes nothing more; every send to the hub is a select with it
	stopBy     time.Time     // set before done is closed: the deadline for the clients' last frames

	clients map[*Client]bool // Run's alone
}

// departure is what a client's read goroutine says when it ends.
type departure struct {
	client *Client
	reason closeReason
}

func NewHub() *Hub {
	return &Hub{
		register:   make(chan *Client),
		unregister: make(chan departure),
		broadcast:  make(chan Message),
		done:       make(chan struct{}),
		clients:    make(map[*Client]bool),
	}
}

// Run serves the room until ctx is cancelled. It waits for nothing else: not
// for a client, not for a connection.
func (h *Hub) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			h.stop()
			return
		case client := <-h.register:
			h.clients[client] = true
			client.send <- encode(Message{Kind: "welcome", Name: client.name}) // its queue is empty
		case d := <-h.unregister:
			h.remove(d.client, d.reason)
		case message := <-h.broadcast:
			h.deliver(message)
		}
	}
}

// deliver queues the message for everyone in the room. A client whose queue is
// full does not keep up; to wait for it would stop the whole room, and to drop
// a message would leave it with a hole it does not know of. So it has to leave.
func (h *Hub) deliver(message Message) {
	message.At = time.Now().UTC().Truncate(time.Millisecond)
	frame := encode(message) // once, not once for each client
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
