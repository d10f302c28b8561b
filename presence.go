package main

import (
	"slices"
	"time"
)

const (
	presenceWait = time.Second // from a change of the presence to its broadcast
	maxPresent   = 50          // names in one broadcast
)

// presence is the element of a frame that says who is in the room. It is a state
// and not a message: each one replaces the one before, and the store saves none.
type presence struct {
	Kind  string   `json:"kind"`  // here
	Names []string `json:"names"` // distinct and sorted; the first maxPresent of them
	Count int      `json:"count"` // of clients: two clients may have the same name
}

// presenceChanged schedules a broadcast of the presence, unless one is scheduled.
// After a restart, a thousand people join within a second. Announcing every arrival
// to everyone would take a million frames and fill every queue. With the delay,
// each client receives one frame. And a page that reloads within the second does
// not seem to leave.
func (h *Hub) presenceChanged() {
	if h.presenceDue == nil {
		h.presenceDue = time.After(presenceWait)
	}
}

func (h *Hub) deliverPresence() {
	h.presenceDue = nil // before deliver, which may remove a client and schedule the next broadcast
	var names []string
	for client := range h.clients {
		names = append(names, client.name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	h.deliver(frameOf(encode(presence{"here", names[:min(len(names), maxPresent)], len(h.clients)})))
}
