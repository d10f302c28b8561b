package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"expvar"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

const (
	appendWindow  = 32                     // messages that are appended at a time, before any of them is confirmed
	appendRetry   = 250 * time.Millisecond // before a message that was not appended is tried again
	streamSilence = 3 * time.Second        // the feed sends a sign of life each second; after so long without one, begin anew
	askLeader     = time.Second            // between two questions to the stream's leader
	leaderSilence = 10 * time.Second       // after so long without an answer, begin anew, perhaps with another server; an election takes at most nine seconds
	streamLost    = 15 * time.Second       // if there is no stream for so long, /healthz reports an error; a new leader is elected sooner
	dedupeWindow  = 10 * time.Minute       // how long the stream remembers a ref
	tellProgress  = 5 * time.Second        // between two lines of slog while the replica catches up

	messageID = "Nats-Msg-Id" // the header for the idempotency key; for us, the ref
)

// Stream is the log of a room on many machines: a stream of NATS JetStream, which gives all
// messages one order. Each machine appends to it, and reads all of it: what others appended,
// and its own. Only what has come back is published. The SQLite database of this machine is a
// replica of the stream, for /history and for a quick start.
//
// Only Run touches the fields, except the atomics at the end.
type Stream struct {
	name     string
	replicas int
	dial     func(context.Context) (*natsConn, error)
	store    *Store

	created time.Time // when the stream was made
	applied uint64    // the sequence number of the last message in the replica

	batch    []Message // from the hub; nil if there is none
	appended []uint64  // where in the stream they are: sequence numbers, 0 while the stream has not confirmed
	batches  int       // since the start; part of the reply subject, so that a late answer is not taken for one to this batch
	progress time.Time // when slog last reported how far the replica is

	self   string    // the name under which other machines know this one
	told   *presence // the presence that the others were told last
	toldAt time.Time

	current    atomic.Pointer[time.Time] // when the replica last had all of the stream
	caughtUp   atomic.Bool               // it has had all of it, at least once
	newest     atomic.Int64              // the id of the last message in the replica
	failure    atomic.Pointer[error]     // why the last connection ended, or why a message could not be appended
	behind     expvar.Int                // messages in the stream that are not in the replica
	reconnects expvar.Int                // since the start
	cut        atomic.Bool               // the lab has cut this machine off
}

func newStream(c *config, store *Store) *Stream {
	s := &Stream{name: c.natsStream, replicas: c.natsReplicas, store: store, self: rand.Text()}
	s.current.Store(new(time.Now()))
	s.dial = func(ctx context.Context) (*natsConn, error) {
		if s.cut.Load() {
			return nil, errCut
		}
		return dialNATS(ctx, c.nats[mathrand.N(len(c.nats))])
	}
	return s
}

// Run appends batches and publishes what is in the stream, in the stream's order, until ctx ends.
// Whatever goes wrong, it begins anew with what the replica has. It returns an error if the
// replica is not one of this stream.
func (s *Stream) Run(ctx context.Context, hub *Hub) error {
	dial := func(ctx context.Context) (*natsConn, error) {
		c, err := s.dial(ctx)
		s.fails(err)
		return c, err
	}
	return keepConnected(ctx, dial, func(c *natsConn) error {
		err := s.session(ctx, c, hub)
		s.reconnects.Add(1)
		s.fails(err)
		return err
	})
}

func (s *Stream) fails(err error) {
	if err != nil {
		s.failure.Store(&err)
	}
}

func (s *Stream) lastError() error {
	if s.store.failure.Load() != nil {
		return s.store.lastError()
	}
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return errors.New("the stream does not answer")
}

// health returns an error if something keeps the replica from having all of the stream: no
// connection, a feed that lacks messages or is faster than we are, a database that does not save, or
// that hangs.
func (s *Stream) health(waiting time.Duration) error {
	behind := time.Since(*s.current.Load())
	switch {
	case !s.caughtUp.Load():
		return fmt.Errorf("catching up: %v messages behind; the last error: %w", &s.behind, s.lastError())
	case behind > streamLost:
		return fmt.Errorf("behind the stream for %v: %w", behind.Round(time.Second), s.lastError())
	case waiting > streamLost:
		return fmt.Errorf("a message has been waiting for %v: %w", waiting.Round(time.Second), s.lastError())
	}
	return nil
}

// hasAllBefore looks at the newest id only, because the replica gets the stream's messages in their order.
func (s *Stream) hasAllBefore(id int64) bool { return id <= s.newest.Load()+1 }

// session is one connection to the stream, from the first check to the first irregularity.
type session struct {
	*Stream
	conn     *natsConn
	hub      *Hub
	feed     <-chan natsMessage // the stream, from the first message that the replica lacks
	acks     <-chan natsMessage // the stream's answers to what was appended
	leader   <-chan natsMessage // the answers of the stream's leader
	others   <-chan natsMessage // who is in the room on other machines
	met      map[string]bool    // the ids of machines that have told something
	received uint64             // messages of the feed
	pending  int                // messages in the stream after the last one received, as the feed says
	reached  uint64             // where in the stream the feed is, by its last sign of life
	goal     position           // where the stream ended, by its leader's answer before the last one: the feed must be there by now
	end      position           // the same by its last answer
	alive    time.Time          // when the feed last sent something
	asked    time.Time          // when the leader was last asked
	open     time.Time          // when the first question was asked that still waits for an answer with nothing missing; zero if none does
	window   map[int]bool       // the messages of the batch that are being appended
	sent     time.Time          // when the window was sent
	refused  bool               // one message of the window was not appended
}

// position is a sequence number of the stream, and the time when it was the last one.
type position struct {
	number uint64
	at     time.Time
}

func (s *Stream) session(ctx context.Context, c *natsConn, hub *Hub) error {
	now := &session{Stream: s, conn: c, hub: hub, window: make(map[int]bool), met: make(map[string]bool)}
	clear(s.appended) // a server may have lost what it confirmed; the refs make it safe to append it again
	if err := now.findStream(ctx); err != nil {
		return err
	}
	if err := now.follow(ctx); err != nil {
		return err
	}
	return now.run(ctx)
}

// streamInfo is what the server says about a stream.
type streamInfo struct {
	Config struct {
		Subjects []string `json:"subjects"`
	} `json:"config"`
	Created time.Time `json:"created"`
	Cluster *struct { // nil if the server is alone
		Leader string `json:"leader"`
	} `json:"cluster"`
	State struct {
		First uint64 `json:"first_seq"`
		Last  uint64 `json:"last_seq"`
	} `json:"state"`
}

// hasLeader reports whether a leader of the stream, or a server alone, has said this. A server that
// is cut off from the others answers, too, and what it says may be old.
func (i streamInfo) hasLeader() bool { return i.Cluster == nil || i.Cluster.Leader != "" }

const (
	streamNotFound  = 10059
	messageNotFound = 10037
)

// findStream checks that the replica is one of this stream, and that the stream has its messages.
// In a stream that was made anew, or restored from an older copy, other messages have the numbers
// of our newest ones.
func (s *session) findStream(ctx context.Context) error {
	created, err := s.store.streamCreated(ctx)
	if err != nil {
		return err
	}
	info, err := s.makeStream(ctx, s.conn, created.IsZero())
	if err != nil {
		return err
	}
	if !created.IsZero() && !created.Equal(info.Created) {
		return permanentError{fmt.Errorf("another stream %s has replaced the one that %s is a copy of: begin with another file", s.name, s.store.path)}
	}
	s.created = info.Created
	s.goal = position{info.State.Last, time.Now()}
	s.end = s.goal
	if err := s.compare(ctx, info.State.First, info.State.Last); err != nil {
		return err
	}
	if created.IsZero() {
		if err := s.checkSource(ctx, info.State.First, info.State.Last); err != nil {
			return err
		}
		return s.store.setStreamCreated(ctx, info.Created)
	}
	return nil
}

// checkSource returns an error if the stream begins with an import of this very database, which
// has the same messages under other ids.
func (s *session) checkSource(ctx context.Context, first, last uint64) error {
	if last == 0 || first > last {
		return nil // the stream is empty: it is new, or all is deleted
	}
	ref, err := s.refOf(ctx, s.conn, first)
	if err != nil {
		return fmt.Errorf("compare with the stream %s: %w", s.name, err)
	}
	imported, err := s.store.hasImported(ctx, ref, s.id(0))
	if imported {
		return permanentError{fmt.Errorf("the stream %s has the messages of %s already, under other ids: begin with another file", s.name, s.store.path)}
	}
	return err
}

// makeStream finds the stream. If there is none, and create is true, it makes one. (When a stream
// is lost, the machines that have followed it must not begin an empty one.)
func (s *Stream) makeStream(ctx context.Context, c *natsConn, create bool) (info streamInfo, err error) {
	err = c.api(ctx, "STREAM.INFO."+s.name, nil, &info)
	if missing, found := errors.AsType[*apiError](err); found && missing.Number == streamNotFound && create {
		err = c.api(ctx, "STREAM.CREATE."+s.name, map[string]any{
			"name": s.name, "subjects": []string{s.name + ".>"}, "storage": "file", "num_replicas": s.replicas,
			"retention": "limits", "discard": "old", "duplicate_window": dedupeWindow,
		}, &info)
	}
	if err != nil {
		return info, fmt.Errorf("find the stream %s: %w", s.name, err)
	}
	if !info.hasLeader() {
		return info, fmt.Errorf("the stream %s has no leader here", s.name)
	}
	if !slices.Equal(info.Config.Subjects, []string{s.name + ".>"}) {
		return info, permanentError{fmt.Errorf("the stream %s is used for something else: its subjects are %v", s.name, info.Config.Subjects)}
	}
	return info, nil
}

// compare looks for the newest message of the replica that the stream still has, and returns an
// error if the stream has another one there.
func (s *session) compare(ctx context.Context, first, last uint64) error {
	replica, err := s.store.History()
	if err != nil || len(replica) == 0 {
		return err
	}
	for _, m := range slices.Backward(replica) {
		number := m.ID - s.id(0)
		if number <= 0 { // from before the stream
			return nil
		}
		s.applied = max(s.applied, uint64(number))
		if s.applied > last && s.caughtUp.Load() {
			return fmt.Errorf("the stream %s has fewer messages here than this machine: perhaps a leader that is cut off", s.name)
		}
		other := permanentError{fmt.Errorf("the messages in %s are not those of the stream %s, or some are missing: begin with another file", s.store.path, s.name)}
		if s.applied > last || first > s.applied+1 {
			return other
		}
		ref, err := s.refOf(ctx, s.conn, uint64(number))
		if missing, is := errors.AsType[*apiError](err); is && missing.Number == messageNotFound {
			continue // somebody has deleted it: compare the one before
		}
		if err != nil {
			return fmt.Errorf("compare with the stream %s: %w", s.name, err)
		}
		if ref != m.Ref {
			return other
		}
		return nil
	}
	return nil // all of them are deleted
}

// refOf returns the ref of the message with this sequence number.
func (s *Stream) refOf(ctx context.Context, c *natsConn, sequence uint64) (string, error) {
	var found struct {
		Message struct {
			Header []byte `json:"hdrs"`
		} `json:"message"`
	}
	err := c.api(ctx, "STREAM.MSG.GET."+s.name, map[string]any{"seq": sequence}, &found)
	var message natsMessage
	message.parseHeader(string(found.Message.Header))
	return message.header[messageID], err
}

// id returns the id of the message with this sequence number. The time when the stream was made
// is part of it, so it is larger than all ids that SQLite has given out before.
func (s *Stream) id(sequence uint64) int64 { return s.created.UnixMicro() + int64(sequence) }

// follow subscribes to what comes after applied: JetStream calls this an ordered consumer. If it
// misses anything, the session ends.
func (s *session) follow(ctx context.Context) (err error) {
	if s.acks, _, err = s.conn.subscribe(s.conn.inbox+".ack.*.*", appendWindow); err != nil {
		return err
	}
	if s.leader, _, err = s.conn.subscribe(s.conn.inbox+".leader", 8); err != nil {
		return err
	}
	if s.others, _, err = s.conn.subscribe(s.name+"-presence", 64); err != nil {
		return err
	}
	name := strings.TrimPrefix(s.conn.inbox, "_INBOX.")
	var consumer struct {
		Pending int `json:"num_pending"`
	}
	err = s.conn.api(ctx, "CONSUMER.CREATE."+s.name+"."+name, map[string]any{
		"stream_name": s.name, "action": "create",
		"config": map[string]any{
			"name": name, "deliver_subject": s.conn.inbox + ".feed",
			"deliver_policy": "by_start_sequence", "opt_start_seq": s.applied + 1, "replay_policy": "instant",
			"ack_policy": "none", "max_deliver": 1, "flow_control": true, "idle_heartbeat": time.Second,
			"mem_storage": true, "num_replicas": 1, "inactive_threshold": time.Minute,
		},
	}, &consumer)
	if err != nil {
		return fmt.Errorf("follow the stream %s: %w", s.name, err)
	}
	s.newest.Store(s.id(s.applied))
	if s.feed, _, err = s.conn.subscribe(s.conn.inbox+".feed", 1024); err != nil { // not before the request: its answer could then wait behind a full feed, which nobody reads yet
		return err
	}
	s.pending, s.alive = consumer.Pending, time.Now()
	s.asked = s.alive // findStream has asked
	slog.Info("following the stream", "stream", s.name, "sequence", s.applied, "behind", s.missing())
	return nil
}

// run does what comes, until something is wrong. It takes no batch before the replica has caught up.
func (s *session) run(ctx context.Context) error {
	ticker := time.NewTicker(appendRetry)
	defer ticker.Stop()
	for {
		if err := s.settle(ctx); err != nil {
			return err
		}
		batches := s.hub.batches
		if s.batch != nil || s.pending > 0 || !s.caughtUp.Load() {
			batches = nil
		}
		var err error
		select {
		case batch, open := <-batches:
			if !open { // the hub has stopped, and ctx is about to end
				<-ctx.Done()
				continue
			}
			s.batch, s.appended = batch, make([]uint64, len(batch))
			s.batches++
			err = s.appendNext()
		case m := <-s.feed:
			err = s.receive(ctx, m)
		case m := <-s.acks:
			err = s.confirm(m)
		case m := <-s.leader:
			s.hearLeader(m)
		case m := <-s.others:
			s.hearNode(ctx, m)
		case now := <-ticker.C:
			if err = s.check(now); err == nil {
				err = s.tellNodes(false)
			}
		case <-s.conn.ended:
			err = s.conn.err
		case <-ctx.Done():
			return s.tellNodes(true)
		}
		if err != nil {
			return err
		}
	}
}

// check ends the session if the stream is silent, or has lost something. Otherwise, it repeats what
// was not appended.
func (s *session) check(now time.Time) error {
	if s.cut.Load() {
		return errCut
	}
	if now.Sub(s.alive) > streamSilence {
		return errors.New("the stream is silent")
	}
	if err := s.checkLeader(now); err != nil {
		return err
	}
	if s.batch != nil && slices.Min(s.appended) > 0 && now.Sub(s.sent) > streamSilence {
		return errors.New("the stream has confirmed messages that do not come")
	}
	if s.batch != nil && s.pending == 0 && (len(s.window) == 0 || now.Sub(s.sent) > natsWait) {
		return s.appendNext()
	}
	return nil
}

// checkLeader asks the leader of the stream where the stream ends. The feed's signs of life are not
// enough: they come from one server, which may be cut off from the leader together with this
// machine. Such a server hears of no new message, and reports that all is quiet.
//
// While this machine has much to read, an answer may wait behind it. So a question counts only
// when the feed is quiet.
func (s *session) checkLeader(now time.Time) error {
	if s.pending > 0 {
		s.open = time.Time{}
	}
	if !s.open.IsZero() && now.Sub(s.open) > leaderSilence {
		if missing := s.missing(); missing > 0 {
			return fmt.Errorf("the leader of the stream has %d messages that do not come", missing)
		}
		return errors.New("the leader of the stream does not answer")
	}
	if now.Sub(s.asked) < askLeader {
		return nil
	}
	s.asked = now
	if s.open.IsZero() {
		s.open = now
	}
	return s.conn.publish(natsMessage{subject: "$JS.API.STREAM.INFO." + s.name, reply: s.conn.inbox + ".leader"})
}

// hearLeader takes an answer to checkLeader. Only that of a leader counts, and only if this machine
// has what the leader had at the answer before: the feed may come from a server that is alive and
// lacks the newest messages.
func (s *session) hearLeader(m natsMessage) {
	var answer struct {
		Error *apiError `json:"error"`
		streamInfo
	}
	if json.Unmarshal(m.data, &answer) == nil && answer.Error == nil && answer.hasLeader() {
		s.goal, s.end = s.end, position{answer.State.Last, time.Now()}
		if s.missing() == 0 {
			s.open = time.Time{}
			if !s.refused {
				s.failure.Store(nil) // what went wrong is over
			}
		}
	}
}

// missing returns how many messages have not come yet. Deleted ones count until the feed's next
// sign of life.
func (s *session) missing() int {
	return max(s.pending, int(s.goal.number)-int(max(s.applied, s.reached)), 0)
}

// appendNext sends the next messages of the batch, at most appendWindow, among them those that
// the stream has not confirmed in time. They may be in the stream nevertheless. So each has its ref
// as an idempotency key: of several messages with the same one, the stream keeps the first.
func (s *session) appendNext() error {
	clear(s.window)
	s.refused = false
	var messages []natsMessage
	for i, m := range s.batch {
		if s.appended[i] == 0 && len(messages) < appendWindow {
			s.window[i] = true
			messages = append(messages, natsMessage{
				subject: s.name + ".main",
				reply:   fmt.Sprintf("%s.ack.%d.%d", s.conn.inbox, s.batches, i),
				header:  map[string]string{messageID: m.Ref},
				data:    encode(m),
			})
		}
	}
	if len(messages) == 0 {
		return nil
	}
	s.sent = time.Now()
	return s.conn.publish(messages...)
}

// confirm takes the stream's answer to a message of the batch. Only a sequence number means that
// the message is in the stream. Everything else, "503: no leader" or "a repeat is under way", means
// that it may be, and has to be repeated.
func (s *session) confirm(m natsMessage) error {
	words := strings.Split(m.subject, ".")
	i, err := strconv.Atoi(words[len(words)-1])
	if err != nil || words[len(words)-2] != strconv.Itoa(s.batches) || i >= len(s.batch) || !s.window[i] {
		return nil // a late answer
	}
	delete(s.window, i)
	var answer struct {
		Sequence uint64 `json:"seq"`
	}
	json.Unmarshal(m.data, &answer) // if this is no JSON, the sequence number stays 0
	if s.appended[i] = answer.Sequence; answer.Sequence == 0 {
		s.refused = true
		s.fails(fmt.Errorf("append to the stream %s: %s%s", s.name, m.status, m.data))
	}
	if len(s.window) == 0 && !s.refused {
		return s.appendNext()
	}
	return nil
}

// receive applies what the feed has now, at most a batch.
func (s *session) receive(ctx context.Context, m natsMessage) error {
	s.alive = time.Now()
	limit := maxPending
	if !s.caughtUp.Load() { // nobody is in the room, so this will not be one large frame
		limit = cap(s.feed)
	}
	var batch []Message
	last := s.applied
	size := 0
	for more := true; more; {
		message, sequence, err := s.parse(m)
		if err != nil {
			return err
		}
		if sequence > last { // a server that lags behind us may begin the feed with older ones
			last = sequence
			if message.Ref != "" {
				batch = append(batch, message)
				size += len(message.Text)
			}
		}
		more = len(batch) < limit && size < maxBatch && len(s.feed) > 0
		if more {
			m = <-s.feed
		}
	}
	return s.apply(ctx, batch, last)
}

// parse reads a message of the feed. Its reply subject says where in the stream it is:
// $JS.ACK.stream.consumer.deliveries.sequence.number-in-the-feed.time.pending.
// The result has no ref if it is none of ours.
func (s *session) parse(m natsMessage) (message Message, sequence uint64, err error) {
	if m.status != "" && !strings.HasPrefix(m.reply, "$JS.ACK.") { // a message may have a status, too
		return message, 0, s.answerSign(m)
	}
	words := strings.Split(m.reply, ".")
	if len(words) != 9 {
		return message, 0, fmt.Errorf("the feed has a message with the reply %q", m.reply)
	}
	sequence, err = strconv.ParseUint(words[5], 10, 63)
	number, err2 := strconv.ParseUint(words[6], 10, 63)
	pending, err3 := strconv.Atoi(words[8])
	if err := errors.Join(err, err2, err3); err != nil {
		return message, 0, err
	}
	if number != s.received+1 {
		return message, 0, fmt.Errorf("the feed has a gap: message %d comes after %d", number, s.received)
	}
	s.received, s.pending = number, pending
	err = json.Unmarshal(m.data, &message)
	message.ID, message.Ref = s.id(sequence), m.header[messageID]
	if err != nil || !isOurs(message) {
		slog.Warn("skipped what is no message of a chat", "stream", s.name, "sequence", sequence)
		return Message{}, sequence, nil
	}
	return message, sequence, nil
}

// isOurs reports whether a machine can have made this message: others may publish to the stream, too.
func isOurs(m Message) bool {
	year := m.At.UTC().Year()
	return 1970 <= year && year < 10_000 && // other years cannot be encoded
		m.Text != "" && utf8.RuneCountInString(m.Text) <= maxText && // not checkText: it also refuses texts that older programs have saved, and an import may bring
		(m.Kind == "chat" || m.Kind == "announcement") && m.Name != "" && m.Ref != ""
}

// answerSign takes a sign of life. With flow control, it may ask for an answer: the stream then
// sends more when we have read what it has sent.
func (s *session) answerSign(m natsMessage) error {
	if last, err := strconv.ParseUint(m.header["Nats-Last-Consumer"], 10, 63); err == nil && last > s.received {
		return fmt.Errorf("the feed has a gap: message %d did not arrive", s.received+1)
	}
	if reply := cmp.Or(m.reply, m.header["Nats-Consumer-Stalled"]); reply != "" {
		return s.conn.publish(natsMessage{subject: reply})
	}
	s.pending = 0 // the feed is idle: somebody has deleted what it still had to send, or its server lacks it
	s.reached, _ = strconv.ParseUint(m.header["Nats-Last-Stream"], 10, 63)
	return nil
}

// apply saves what the stream has next, and lets the hub publish it. If the ref of a message is in
// the replica already, the message came again after dedupeWindow: the replica keeps the first, as
// all replicas do.
func (s *session) apply(ctx context.Context, batch []Message, last uint64) error {
	s.applied = last
	if len(batch) == 0 {
		return nil
	}
	if err := s.store.saveUntilDone(ctx, batch); err != nil {
		return err
	}
	s.newest.Store(s.id(last))
	s.alive, s.open = time.Now(), time.Time{} // saving may have taken long
	if s.caughtUp.Load() {
		return s.give(ctx, appended{messages: batch})
	}
	if time.Since(s.progress) > tellProgress {
		s.progress = time.Now()
		slog.Info("catching up with the stream", "stream", s.name, "behind", s.missing())
	}
	return nil
}

// settle does what has waited for messages of the feed. When the replica has all of the stream for
// the first time, the room opens. When it has the hub's batch, the hub learns that. It has published
// the new messages already; the others are repeats, and their senders get the older message.
func (s *session) settle(ctx context.Context) error {
	missing := s.missing()
	s.behind.Set(int64(missing))
	if missing == 0 {
		s.current.Store(new(s.goal.at)) // not the present time: since then, the feed may be quiet only because nothing reaches it
	}
	if missing == 0 && !s.caughtUp.Load() {
		history, err := s.store.History()
		if err != nil {
			return err
		}
		if err := s.give(ctx, appended{messages: history}); err != nil {
			return err
		}
		s.caughtUp.Store(true)
	}
	if s.pending > 0 || s.batch == nil || slices.Min(s.appended) == 0 || slices.Max(s.appended) > s.applied {
		return nil
	}
	saved, err := s.store.withRefsOf(ctx, s.batch)
	if err != nil {
		return err
	}
	s.batch = nil
	return s.give(ctx, appended{messages: saved, done: true})
}

func (s *session) give(ctx context.Context, a appended) error {
	select {
	case s.hub.appended <- a:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
