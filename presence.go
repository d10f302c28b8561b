package main

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

const (
	presenceWait = time.Second // from a change of the presence to its broadcast
	maxPresent   = 50          // names in one broadcast

	tellEvery = 5 * time.Second  // between two reports of a machine on who is there
	nodeGone  = 15 * time.Second // a machine that is silent for so long is forgotten at the next heartbeat
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
	here := newPresence(names, len(h.clients))
	h.here.Store(&here)
	everywhere := here
	for _, node := range h.nodes {
		everywhere = newPresence(slices.Concat(everywhere.Names, node.Names), everywhere.Count+node.Count)
	}
	h.deliver(frameOf(encode(everywhere)))
}

func newPresence(names []string, count int) presence {
	slices.Sort(names)
	names = slices.Compact(names)
	return presence{"here", names[:min(len(names), maxPresent)], count}
}

// node is another machine: who is in the room there.
type node struct {
	ID string `json:"node"` // chosen at random at its start
	presence
	Leaving bool `json:"leaving,omitzero"` // it stops, so the others need not wait until they notice
	heard   time.Time
}

// tellNodes tells the other machines who is here, if that has changed, or every few seconds. It
// is a state and no message, so it does not go through the stream: who does not hear it now hears
// the next one.
func (s *session) tellNodes(leaving bool) error {
	here := s.hub.here.Load()
	if here == s.told && time.Since(s.toldAt) < tellEvery && !leaving {
		return nil
	}
	s.told, s.toldAt = here, time.Now()
	data, err := json.Marshal(node{ID: s.self, presence: *here, Leaving: leaving})
	if err != nil {
		return err
	}
	return s.conn.publish(natsMessage{subject: s.name + "-presence", data: data})
}

// hearNode takes what another machine tells, or this one itself.
func (s *session) hearNode(ctx context.Context, m natsMessage) {
	var n node
	if json.Unmarshal(m.data, &n) != nil || n.ID == s.self || n.ID == "" || n.Count < 0 {
		return
	}
	n.heard = time.Now()
	if !s.met[n.ID] { // it may have begun just now: tell it soon, before somebody joins it
		s.met[n.ID] = true
		s.toldAt = time.Time{}
	}
	select {
	case s.hub.elsewhere <- n:
	case <-s.hub.done:
	case <-ctx.Done():
	}
}

// hearNode notes who is on another machine.
func (h *Hub) hearNode(n node) {
	before := h.nodes[n.ID]
	if h.nodes[n.ID] = n; n.Leaving {
		delete(h.nodes, n.ID)
		n.presence = presence{}
	}
	if before.Count != n.Count || !slices.Equal(before.Names, n.Names) {
		h.presenceChanged()
	}
}

// forgetNodes forgets machines that are silent.
func (h *Hub) forgetNodes(now time.Time) {
	known := len(h.nodes)
	maps.DeleteFunc(h.nodes, func(_ string, n node) bool { return now.Sub(n.heard) > nodeGone })
	if len(h.nodes) != known {
		h.presenceChanged()
	}
}
