package main

import (
	"slices"
	"time"
)

const (
	presenceWait = time.Second // after somebody came or went, until everybody is told
	maxPresent   = 50          // names in one list
)

// presence is the element that says who is in the room. It is a state, not a
// message: each one replaces the last, and none is saved.
type presence struct {
	Kind  string   `json:"kind"`  // here
	Names []string `json:"names"` // distinct and sorted, the first maxPresent of them
	Count int      `json:"count"` // of clients: two adas are two
}

// presenceChanged has everybody told who is here, but not at once. When a thousand
// people come within a second, as after a restart, to tell each of each would be
// a million frames, and would fill every queue; this way, each is told once. And
// nobody is told of a page that is loaded again, and back within that second.
func (h *Hub) presenceChanged() {
	if h.presenceDue == nil {
		h.presenceDue = time.After(presenceWait)
	}
}

func (h *Hub) deliverPresence() {
	h.presenceDue = nil // before delivery, which may remove somebody
	var names []string
	for client := range h.clients {
		names = append(names, client.name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	h.deliver(encode(presence{"here", names[:min(len(names), maxPresent)], len(h.clients)}))
}
