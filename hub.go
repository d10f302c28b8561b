package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/trace"
	"slices"
	"sync/atomic"
	"time"
)

const (
	heartbeat     = 25 * time.Second // between two heartbeats, which pages answer
	inactiveAfter = 3 * heartbeat    // a client that sends no frame, or takes none, for this long is removed at the next heartbeat
	endWait       = 2 * time.Second  // for the last frames to a client that was removed, and for its answer to the close frame

	ownFrames  = 16                    // if so many frames wait, the hub removes the client when a frame for it alone is due
	maxPending = 100                   // messages that wait to be saved; while there are so many, the hub receives no more
	batchWait  = 20 * time.Millisecond // from one batch to the next …
	fullBatch  = 32                    // … but the next one need not wait if so many messages are there
	maxBatch   = 64 << 10              // bytes of text in one batch, and so in one frame
	unhealthy  = 5 * time.Second       // if a message waits longer to be saved, /healthz reports an error
	saveWait   = 2 * time.Second       // to save what waits when the server shuts down

	maxLatencies = 256 // the newest messages, whose latencies are kept
)

var errRefUsed = errors.New("not sent: another text has the same ref")

// Hub is the room. One goroutine, Run, owns the set of clients and is the only
// one that touches it. Other goroutines reach the room only through channels.
// That is why no mutex guards the map, and why all clients see the messages in
// the same order.
//
// Run hands each message to a Log first (see below; not the one that package slog writes). The
// Log saves it and hands it back, and then Run publishes it: nobody sees a message that is not
// saved.
type Hub struct {
	register   chan *Client
	unregister chan departure
	posts      chan post
	answers    chan answer // errors that readers have for their browsers
	sweep      chan time.Time
	looks      chan func()   // Run calls these functions, so they may read what only Run touches
	elsewhere  chan node     // who is in the room on another machine
	done       chan struct{} // closed when the shutdown begins: Run then receives from the log only. Each send on the channels above is in a select with a receive from done

	store *Store
	log   Log
	stats stats

	// The next two channels have a place for one batch each, and the hub hands over a batch only
	// after it has taken back the last one. So no send of the hub or of a Store ever waits here.
	// (A send of a Stream may.)
	batches  chan []Message // to the log; only the hub closes it
	appended chan appended  // back from the log

	open chan struct{}            // closed when clients may join
	here atomic.Pointer[presence] // who is in the room on this machine; deliverPresence stores it

	// Only Run touches these.
	clients      map[*Client]bool
	latencies    []time.Duration  // of the newest messages, from the reader until they are published
	lastID       int64            // of the last message published
	history      [][]byte         // the last messages published, encoded
	historyFrame *outFrame        // for all who join; nil after a new message
	pending      []post           // waiting for the log
	saving       []post           // with the log, and not published yet; nil if the log is free
	lastBatch    time.Time        // when the log got it
	batchDue     <-chan time.Time // when the next batch is due; nil if no timer is running
	nodes        map[string]node  // the other machines, by their ids
	presenceDue  <-chan time.Time // when to broadcast the presence; nil while it has not changed
}

// Log saves the messages, decides their order, and gives them their ids. There are two: the
// Store, for one process, and the Stream, which many machines share.
type Log interface {
	// Run receives each batch from the channel hub.batches, and saves it. To the channel
	// hub.appended, it sends the new messages of the log, in their order, also those of other
	// machines; and the older messages that somebody has repeated, in any order. After the hub
	// has closed batches, Run saves what it still has, and ends; when ctx ends, it ends even
	// during a save. An error means that this program has to stop.
	Run(ctx context.Context, hub *Hub) error

	// health returns an error if this log has a problem. The parameter is how long the oldest
	// message that is not saved has been waiting.
	health(waiting time.Duration) error

	lastError() error // why messages wait

	// hasAllBefore reports whether this machine has all messages that are older than the one
	// with this id.
	hasAllBefore(id int64) bool
}

// appended is what a log gives to the hub.
type appended struct {
	messages []Message // new ones, and older ones that somebody has repeated
	done     bool      // the log has now given back the hub's whole batch, and is free for the next one
}

// post is a message on its way to the log, and the client that waits for an answer
// to it: nil for an announcement.
type post struct {
	client  *Client
	message Message
	read    time.Time // when its reader, or the announcer, had it
	since   time.Time // when it began to wait: message.At with a monotonic clock reading, so that nobody can set it back
}

// answer is a frame for one client alone.
type answer struct {
	client *Client
	frame  *outFrame
}

// departure is what a client's read goroutine sends to the hub when it ends.
type departure struct {
	client *Client
	reason closeReason
}

// NewHub makes a hub whose history begins with the newest messages in the store. The store is
// its log.
func NewHub(store *Store, history []Message) *Hub {
	hub := &Hub{
		register:   make(chan *Client),
		unregister: make(chan departure),
		posts:      make(chan post),
		answers:    make(chan answer),
		sweep:      make(chan time.Time),
		looks:      make(chan func()),
		elsewhere:  make(chan node),
		done:       make(chan struct{}),
		clients:    make(map[*Client]bool),
		nodes:      make(map[string]node),
		store:      store,
		log:        store,
		batches:    make(chan []Message, 1),
		appended:   make(chan appended, 1),
		open:       make(chan struct{}),
		stats:      stats{logged: limiter{rate: 10, size: 100}},
	}
	hub.here.Store(&presence{Kind: "here"})
	hub.begin(history)
	return hub
}

// follow replaces the store as the hub's log, and closes the room. It opens again when the new log
// has caught up, and has given the newest messages.
func (h *Hub) follow(log Log) {
	h.log = log
	h.history, h.lastID = nil, 0
	h.open = make(chan struct{})
}

// begin opens the room with this history.
func (h *Hub) begin(history []Message) {
	h.history = encodeAll(history)
	if len(history) > 0 {
		h.lastID = history[len(history)-1].ID
	}
	close(h.open)
}

// Run serves the room until ctx is cancelled. Until then, it never waits for a client or
// for the disk. It returns an error if it has to end before everything is saved.
func (h *Hub) Run(ctx context.Context) error {
	for {
		nextPost := h.posts
		if len(h.pending) == maxPending {
			nextPost = nil // a nil channel is never ready: readers wait, and TCP makes their browsers wait
		}
		select {
		case <-ctx.Done():
			return h.stop()
		case client := <-h.register:
			h.add(client)
		case d := <-h.unregister:
			h.remove(d.client, d.reason)
		case p := <-nextPost:
			h.accept(p)
			h.saveNext()
		case a := <-h.answers:
			h.sendTo(a.client, a.frame)
		case <-h.batchDue:
			h.batchDue = nil
			h.saveNext()
		case a := <-h.appended:
			h.publish(a)
			h.saveNext()
		case now := <-h.sweep:
			h.deliver(frameOf()) // the heartbeat
			h.removeInactive(now)
			h.forgetNodes(now)
		case n := <-h.elsewhere:
			h.hearNode(n)
		case <-h.presenceDue:
			h.deliverPresence()
		case look := <-h.looks:
			look()
		}
	}
}

// look asks Run to call f, and waits until f has returned. f may read everything that only Run
// touches, and must not wait for anything. If Run does not take f within a second, or if the
// server stops, look returns an error.
func (h *Hub) look(f func()) error {
	ended := make(chan struct{})
	select {
	case h.looks <- func() { f(); close(ended) }:
		<-ended
		return nil
	case <-h.done:
		return errors.New("the server stops")
	case <-time.After(time.Second):
		return errors.New("the hub does not answer")
	}
}

// health returns an error if Run does not answer within a second, or if a message
// has been waiting for too long, because a save fails or because it hangs.
func (h *Hub) health() error {
	var oldest time.Time
	if err := h.look(func() { oldest = h.oldestMessage() }); err != nil {
		return err
	}
	if oldest.IsZero() {
		return h.log.health(0)
	}
	return h.log.health(time.Since(oldest))
}

// oldestMessage returns since when the oldest message that is not saved has been waiting, or
// the zero time.
func (h *Hub) oldestMessage() time.Time {
	if waiting := slices.Concat(h.saving, h.pending); len(waiting) > 0 {
		return waiting[0].since
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
	client.send <- frameOf(encode(Message{Kind: "welcome", Name: client.name}))
	client.send <- h.encodedHistory()
}

// encodedHistory returns the history as a frame. All clients that join before the
// next message share it.
func (h *Hub) encodedHistory() *outFrame {
	if h.historyFrame == nil {
		begin := encode(Message{Kind: "history"})
		h.historyFrame = frameOf(append([][]byte{begin}, newestFitting(h.history)...)...)
	}
	return h.historyFrame
}

// accept adds a message to the next batch, unless its sender repeats one that waits already:
// pages repeat a message if no answer comes.
func (h *Hub) accept(p post) {
	if p.client != nil && !h.clients[p.client] {
		return // the hub has removed the client: its page will repeat the message
	}
	if p.message.Ref == "" {
		p.message.Ref = newRef() // an attempt to save may report an error although it succeeded; the ref then keeps the next attempt from saving the message twice
	}
	switch waiting := h.find(p.message.Ref); {
	case waiting == nil:
		p.since = time.Now()
		p.message.At = p.since.UTC().Truncate(time.Millisecond)
		h.pending = append(h.pending, p)
	case waiting.message.Text == p.message.Text:
		waiting.client = p.client // the older connection may be dead
	default:
		h.sendTo(p.client, frameOf(encode(refusal(errRefUsed, p.message.Ref))))
	}
}

// find returns the post with this ref that is not published yet, or nil.
func (h *Hub) find(ref string) *post {
	for _, posts := range [][]post{h.saving, h.pending} {
		for i := range posts {
			if posts[i].message.Ref == ref {
				return &posts[i]
			}
		}
	}
	return nil
}

// take removes the post with this ref from those that are not published yet.
func (h *Hub) take(ref string) (p post, found bool) {
	for _, posts := range []*[]post{&h.saving, &h.pending} {
		if i := slices.IndexFunc(*posts, func(p post) bool { return p.message.Ref == ref }); i >= 0 {
			p = (*posts)[i]
			*posts = slices.Delete(*posts, i, i+1)
			return p, true
		}
	}
	return post{}, false
}

// saveNext hands the next batch to the log, if the log is free and the batch is due:
// batchWait after the last batch, or earlier if fullBatch messages wait. While one
// batch is being saved, messages collect for the next one, so a slower disk gets larger
// batches.
func (h *Hub) saveNext() {
	if h.saving != nil || len(h.pending) == 0 {
		return
	}
	if wait := time.Until(h.lastBatch.Add(batchWait)); wait > 0 && len(h.pending) < fullBatch {
		if h.batchDue == nil {
			h.batchDue = time.After(wait)
		}
		return
	}
	h.handOver()
}

// handOver gives the log the oldest messages that wait, at most a batch of them. The
// send never waits: the channel has one place, and the log has emptied it.
func (h *Hub) handOver() {
	var batch []Message
	size := 0
	for _, p := range h.pending {
		size += len(p.message.Text)
		if size > maxBatch {
			break // never at the first message: maxText is much smaller
		}
		batch = append(batch, p.message)
	}
	h.saving, h.pending = h.pending[:len(batch):len(batch)], h.pending[len(batch):]
	h.lastBatch = time.Now()
	h.batches <- batch
}

// publish delivers what the log has: all new messages to everyone, in one frame. A message whose
// id is not new was published before; if a client here has repeated it, publish sends it to this
// client alone. If a client here has used the ref for another text, it gets an error. The first
// messages that a log gives to a closed room are the history, and open it.
func (h *Hub) publish(a appended) {
	defer trace.StartRegion(context.Background(), "publish").End() // an execution trace then shows how long this takes
	select {
	case <-h.open:
	default:
		h.begin(a.messages)
		return
	}
	var fresh [][]byte
	for _, message := range a.messages {
		p, ours := h.take(message.Ref)
		switch {
		case message.ID > h.lastID:
			h.lastID = message.ID
			fresh = append(fresh, encode(message))
			if ours {
				h.latencies = append(h.latencies, time.Since(p.read))
			}
		case ours && message.Text == p.message.Text:
			h.sendTo(p.client, frameOf(encode(message)))
		}
		if ours && message.Text != p.message.Text {
			h.sendTo(p.client, frameOf(encode(refusal(errRefUsed, message.Ref))))
		}
	}
	if a.done {
		h.saving = nil
	}
	if len(fresh) == 0 {
		return
	}
	h.stats.messages.Add(int64(len(fresh)))
	h.stats.deliveries.Add(int64(len(fresh) * len(h.clients)))
	h.latencies = h.latencies[max(0, len(h.latencies)-maxLatencies):]
	h.history = append(h.history, fresh...)
	h.history = h.history[max(0, len(h.history)-historySize):]
	h.historyFrame = nil
	h.deliver(frameOf(fresh...)) // the frame is made once, not once for each client
}

// latency returns percentiles (50: the median) of the newest messages' latencies, in
// milliseconds.
func (h *Hub) latency(percents ...int) ([]float64, error) {
	var latencies []time.Duration
	if err := h.look(func() { latencies = slices.Clone(h.latencies) }); err != nil {
		return nil, err
	}
	slices.Sort(latencies) // here, and not in the hub's goroutine
	values := make([]float64, len(percents))
	for i, percent := range percents {
		if len(latencies) > 0 {
			values[i] = latencies[len(latencies)*percent/100].Seconds() * 1000
		}
	}
	return values, nil
}

// sendTo queues a frame for one client, if it is still in the room. A frame for everyone is in
// memory once, however many queues hold it. But this one takes memory of its own: clients that
// cause many errors and read none could fill the memory. That is why the client is removed if
// ownFrames frames wait already.
func (h *Hub) sendTo(client *Client, frame *outFrame) {
	if h.clients[client] {
		h.queue(client, frame, ownFrames)
	}
}

// deliver queues the frame for every client in the room.
func (h *Hub) deliver(frame *outFrame) {
	longest := 0
	for client := range h.clients {
		h.queue(client, frame, cap(client.send))
		longest = max(longest, len(client.send))
	}
	h.stats.longestQueue.Set(int64(longest))
}

// queue puts the frame into a client's queue. If the queue has limit frames already, the client is
// too slow, and is removed: waiting for it would stop the whole room, and dropping the frame would
// leave a gap that nobody notices.
func (h *Hub) queue(client *Client, frame *outFrame, limit int) {
	if len(client.send) >= limit {
		h.remove(client, closeReason{code: closeTooSlow, text: "too slow"})
		return
	}
	client.send <- frame // never waits: nobody but the hub fills the queue
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

// removeInactive removes each client that, for longer than inactiveAfter, has sent no frame
// (not even the answer to a heartbeat) or has taken none: its connection died silently, or it
// no longer reads.
func (h *Hub) removeInactive(now time.Time) {
	for client := range h.clients {
		last := min(client.lastFrame.Load(), client.lastWrite.Load())
		if now.Sub(client.start.Add(time.Duration(last))) > inactiveAfter {
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

// stop saves and publishes what waits, and removes all clients.
func (h *Hub) stop() error {
	close(h.done)
	err := h.saveRest()
	close(h.batches)
	for client := range h.clients {
		h.remove(client, closeReason{code: closeGoingAway, text: "the server stops"})
	}
	return err
}

// saveRest saves and publishes one batch after the other, for at most saveWait. If that is
// not enough, it returns an error with the number of messages that nobody has seen. (The
// commit of the last batch may still succeed. The pages repeat its messages after the
// restart, and their refs prevent duplicates.)
func (h *Hub) saveRest() error {
	deadline := time.After(saveWait)
	for {
		if h.saving == nil && len(h.pending) > 0 {
			h.handOver()
		}
		if len(h.saving)+len(h.pending) == 0 {
			return nil
		}
		select {
		case a := <-h.appended:
			h.publish(a)
		case <-deadline:
			return fmt.Errorf("%d messages were not saved in time: %w", len(h.saving)+len(h.pending), h.log.lastError())
		}
	}
}
