package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeStream plays a NATS server that has one stream, in memory. Unlike a real one, it works in a
// bubble with virtual time, and misbehaves on request. (TestManyMachinesLoseNothing uses real ones.)
type fakeStream struct {
	t       testing.TB
	created time.Time

	mu       sync.Mutex // guards what is below
	exists   bool
	messages []natsMessage // the first has the sequence number 1
	conns    map[*fakeConn]bool
	dials    int
	frozen   bool                              // takes everything, and answers nothing
	mute     bool                              // sends no signs of life
	cutOff   bool                              // from the other servers: it knows an old state of the stream, and no leader
	held     []func()                          // what feeds should send; nil if they are not held
	ahead    int                               // the feed says that so many more messages are coming
	lags     bool                              // the server of the feeds lacks what comes, and does not know it
	deleted  map[int]bool                      // the sequence numbers of messages that are no longer there
	subjects string                            // of the stream, as JSON; "" means those of the chat
	lost     int                               // feeds leave out the message with this number
	attempts []string                          // the reply subjects of messages to append
	asked    []string                          // the subjects of requests to JetStream
	answer   func(ref string) (instead string) // what to answer instead of appending; "" means append
	answered func(ref string) (instead string) // what to answer after appending
}

// fakeConn is a connection to a fakeStream.
type fakeConn struct {
	*fakeStream
	conn          net.Conn
	out           chan string
	subscriptions map[string]string // sid by subject
	feed          string            // the subject of the feed; "" means none yet
	start         int               // index of its first message
	position      int               // the sequence number that it has reached
	feeding       bool              // the client has subscribed to it
	sent          uint64            // messages of the feed
	replies       []string          // subjects to which the client has published without a payload
}

func newFakeStream(t testing.TB) *fakeStream {
	return &fakeStream{t: t, created: time.Now().UTC(), conns: make(map[*fakeConn]bool)}
}

// dial is a Stream's way to this server.
func (f *fakeStream) dial(context.Context) (*natsConn, error) {
	ours, theirs := net.Pipe()
	c := &fakeConn{fakeStream: f, conn: theirs, out: make(chan string, 100_000), subscriptions: make(map[string]string)}
	f.mu.Lock()
	f.conns[c] = true
	f.dials++
	f.mu.Unlock()
	go c.write()
	go c.read()
	c.out <- natsHello
	server, err := parseNATS("nats://fake")
	if err != nil {
		return nil, err
	}
	return startNATS(ours, server)
}

func (c *fakeConn) write() {
	for text := range c.out {
		io.WriteString(c.conn, text)
	}
}

func (c *fakeConn) read() {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.conns, c)
		close(c.out)
	}()
	ended := make(chan struct{})
	defer close(ended)
	go c.beat(ended)
	for in := bufio.NewReader(c.conn); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		switch words[0] {
		case "PING":
			c.says("PONG\r\n")
		case "SUB":
			c.mu.Lock()
			c.subscriptions[words[1]] = words[2]
			c.beginsFeed()
			c.mu.Unlock()
		case "PUB", "HPUB":
			m, err := readPublished(in, words)
			if err != nil {
				return
			}
			c.mu.Lock()
			c.takes(m)
			c.mu.Unlock()
		}
	}
}

// readPublished reads what a client publishes. The line looks like one that a server sends,
// without the id of a subscription.
func readPublished(in *bufio.Reader, words []string) (natsMessage, error) {
	verb := map[string]string{"PUB": "MSG", "HPUB": "HMSG"}[words[0]]
	op := natsOp{verb: verb, text: words[1] + " 1 " + strings.Join(words[2:], " ")}
	err := op.readMessage(in)
	return op.message, err
}

func (c *fakeConn) says(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.frozen {
		c.out <- text
	}
}

// beat sends the feed's sign of life each second.
func (c *fakeConn) beat(ended chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-time.After(time.Second):
		}
		c.mu.Lock()
		if c.feeding && !c.mute && c.held == nil {
			c.sends(natsMessage{subject: c.feed, status: "100 Idle Heartbeat", header: map[string]string{
				"Nats-Last-Consumer": fmt.Sprint(c.sent), "Nats-Last-Stream": fmt.Sprint(c.position)}})
		}
		c.mu.Unlock()
	}
}

// sends passes a message on to this client, if it has subscribed to the subject.
func (c *fakeConn) sends(m natsMessage) {
	if !c.conns[c] { // it has ended
		return
	}
	for subject, sid := range c.subscriptions {
		if pattern, stars := strings.CutSuffix(subject, ".*.*"); m.subject != subject && !(stars && strings.HasPrefix(m.subject, pattern+".")) {
			continue
		}
		var header strings.Builder
		fmt.Fprintf(&header, "NATS/1.0 %s\r\n", m.status)
		for name, value := range m.header {
			fmt.Fprintf(&header, "%s: %s\r\n", name, value)
		}
		header.WriteString("\r\n")
		if !c.frozen {
			c.out <- fmt.Sprintf("HMSG %s %s %s %d %d\r\n%s%s\r\n", m.subject, sid, m.reply, header.Len(), header.Len()+len(m.data), header.String(), m.data)
		}
	}
}

// takes does what the real server does with a message from a client.
func (c *fakeConn) takes(m natsMessage) {
	if c.frozen {
		return
	}
	if request, found := strings.CutPrefix(m.subject, "$JS.API."); found {
		c.asked = append(c.asked, request)
		c.sends(natsMessage{subject: m.reply, data: []byte(c.serves(request, m))})
		return
	}
	switch {
	case m.subject == "chat.main":
		if !c.exists {
			c.sends(natsMessage{subject: m.reply, status: "503"})
			return
		}
		c.attempts = append(c.attempts, m.reply)
		if answer := c.appends(m); answer != "silence" {
			c.sends(natsMessage{subject: m.reply, data: []byte(answer)})
		}
	case len(m.data) == 0:
		c.replies = append(c.replies, m.subject)
	default:
		for other := range c.conns {
			other.sends(m)
		}
	}
}

func (c *fakeConn) serves(request string, m natsMessage) string {
	var body struct {
		Sequence int `json:"seq"`
		Config   struct {
			Deliver string `json:"deliver_subject"`
			Policy  string `json:"deliver_policy"`
			Start   int    `json:"opt_start_seq"`
		}
	}
	json.Unmarshal(m.data, &body)
	switch words := strings.Split(request, "."); {
	case c.cutOff && request == "STREAM.INFO.chat":
		return fmt.Sprintf(`{"config":{"subjects":["chat.>"]},"created":%q,"cluster":{},"state":{"first_seq":1,"last_seq":0}}`, c.created.Format(time.RFC3339Nano))
	case c.cutOff:
		return `{"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}`
	case request == "STREAM.CREATE.chat":
		c.exists = true
		fallthrough
	case request == "STREAM.INFO.chat" && (c.exists || c.subjects != ""):
		return fmt.Sprintf(`{"config":{"subjects":[%s]},"created":%q,"state":{"first_seq":%d,"last_seq":%d}}`, cmp.Or(c.subjects, `"chat.>"`), c.created.Format(time.RFC3339Nano), c.first(), len(c.messages))
	case request == "STREAM.INFO.chat":
		return `{"error":{"code":404,"err_code":10059,"description":"stream not found"}}`
	case request == "STREAM.MSG.GET.chat" && c.deleted[body.Sequence]:
		return `{"error":{"code":404,"err_code":10037,"description":"no message found"}}`
	case request == "STREAM.MSG.GET.chat" && body.Sequence <= len(c.messages):
		header, _ := json.Marshal([]byte("NATS/1.0\r\nNats-Msg-Id: " + c.messages[body.Sequence-1].header[messageID] + "\r\n\r\n"))
		return fmt.Sprintf(`{"message":{"hdrs":%s}}`, header)
	case words[0] == "CONSUMER":
		c.feed = body.Config.Deliver
		if body.Config.Policy == "new" {
			body.Config.Start = len(c.messages) + 1
		}
		c.start = min(len(c.messages), body.Config.Start-1)
		c.position = c.start
		c.beginsFeed()
		if c.lags {
			return `{"num_pending":0}`
		}
		return fmt.Sprintf(`{"num_pending":%d}`, len(c.messages)-c.start+c.ahead)
	}
	return `{"error":{"code":400,"err_code":1,"description":"no"}}`
}

// appends puts a message into the stream, and returns the answer to its sender.
func (f *fakeStream) appends(m natsMessage) string {
	ref := m.header[messageID]
	if f.answer != nil {
		if answer := f.answer(ref); answer != "" {
			return answer
		}
	}
	i := slices.IndexFunc(f.messages, func(m natsMessage) bool { return m.header[messageID] == ref && !m.forgotten() })
	duplicate := i >= 0
	if !duplicate {
		f.messages = append(f.messages, m)
		i = len(f.messages) - 1
		for c := range f.conns {
			c.feeds(i)
		}
	}
	if f.answered != nil {
		if answer := f.answered(ref); answer != "" {
			return answer
		}
	}
	return fmt.Sprintf(`{"stream":"chat","seq":%d,"duplicate":%t}`, i+1, duplicate)
}

// first returns the sequence number of the first message that is there, or that will be.
func (f *fakeStream) first() int {
	if len(f.messages) == 0 {
		return 0 // as the real one says of a new stream
	}
	first := 1
	for f.deleted[first] {
		first++
	}
	return first
}

// forgotten reports whether the time is over in which the stream knows the ref.
func (m natsMessage) forgotten() bool { return m.header["forgotten"] != "" }

func (f *fakeStream) forgetsRefs() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.messages {
		m.header["forgotten"] = "yes"
	}
}

// beginsFeed begins the feed as soon as there is one, and the client has subscribed to it.
func (c *fakeConn) beginsFeed() {
	if c.feeding || c.subscriptions[c.feed] == "" {
		return
	}
	c.feeding = true
	for i := c.start; i < len(c.messages); i++ {
		c.feeds(i)
	}
}

// feeds sends message i to a client that follows the stream.
func (c *fakeConn) feeds(i int) {
	if !c.feeding || c.lags {
		return
	}
	c.position = i + 1
	if c.deleted[i+1] {
		return
	}
	c.sent++
	if c.lost == i+1 {
		c.lost = 0 // only once
		return
	}
	m := c.messages[i]
	m.subject, m.reply = c.feed, fmt.Sprintf("$JS.ACK.chat.x.1.%d.%d.0.%d", i+1, c.sent, len(c.messages)-i-1+c.ahead)
	if c.held != nil {
		c.held = append(c.held, func() { c.sends(m) })
		return
	}
	c.sends(m)
}

// holdsFeeds keeps what the feeds should send until the test calls release. Answers go on.
func (f *fakeStream) holdsFeeds() (release func()) {
	f.change(func() { f.held = []func(){} })
	return func() {
		f.change(func() {
			for _, send := range f.held {
				send()
			}
			f.held = nil
		})
	}
}

// change lets the test change how the server behaves.
func (f *fakeStream) change(how func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how()
}

// startOn starts a server of the room that this stream keeps, with the database at path.
func (f *fakeStream) startOn(t testing.TB, path string) *testServer {
	t.Helper()
	pipes := newPipeListener()
	server := serveOn(t, &config{maxClients: 10, db: path}, pipes, pipes.dial, func(hub *Hub) {
		f.follow(hub)
	})
	synctest.Wait() // until it has caught up, if it can
	return server
}

// follow makes this stream the log of a hub.
func (f *fakeStream) follow(hub *Hub) *Stream {
	stream := newStream(&config{natsStream: "chat"}, hub.store)
	stream.dial = f.dial
	hub.follow(stream)
	return stream
}

func (f *fakeStream) start(t testing.TB) *testServer {
	t.Helper()
	return f.startOn(t, filepath.Join(t.TempDir(), "chat.db"))
}

// testedLog is one of the two logs. Both keep the same promises.
type testedLog struct {
	startOn func(t testing.TB, path string) *testServer
	breaks  func(s *testServer) (repair func()) // nothing can be appended meanwhile
}

func testLogs(t *testing.T, test func(t *testing.T, log testedLog)) {
	t.Run("SQLite", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			test(t, testedLog{
				startOn: func(t testing.TB, path string) *testServer { return startServerOn(t, path) },
				breaks: func(s *testServer) func() {
					s.store.setReadOnly(s.t, true)
					return func() { s.store.setReadOnly(s.t, false) }
				},
			})
		})
	})
	t.Run("stream", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			fake := newFakeStream(t)
			test(t, testedLog{
				startOn: fake.startOn,
				breaks: func(*testServer) func() {
					fake.change(func() { fake.answer = func(string) string { return `{"error":{"code":503}}` } })
					return func() { fake.change(func() { fake.answer = nil }) }
				},
			})
		})
	})
}

func TestLogDecidesTheOrder(t *testing.T) {
	testLogs(t, func(t *testing.T, log testedLog) {
		server := log.startOn(t, filepath.Join(t.TempDir(), "chat.db"))
		people := []*browser{server.join("ann"), server.join("bob"), server.join("eve")}
		var talking sync.WaitGroup
		for _, b := range people {
			talking.Go(func() {
				for n := range maxPending {
					b.posts(fmt.Sprint(b.name, n), fmt.Sprint(n))
				}
			})
		}
		talking.Wait()
		time.Sleep(time.Second)
		order := people[0].heard()
		if len(order) != 3*maxPending {
			t.Errorf("ann heard %d messages, want %d", len(order), 3*maxPending)
		}
		for _, b := range people[1:] {
			if heard := b.heard(); !slices.Equal(heard, order) {
				t.Errorf("%s heard %v, and ann %v", b.name, heard, order)
			}
		}
		server.join("late").hears(order[len(order)-historySize:]...)
	})
}

func TestLogKeepsARepeatOnce(t *testing.T) {
	testLogs(t, func(t *testing.T, log testedLog) {
		path := filepath.Join(t.TempDir(), "chat.db")
		server := log.startOn(t, path)
		ann, bob := server.join("ann"), server.join("bob")
		ann.posts("r1", "hello")
		first := ann.next()
		bob.hears("ann: hello")
		ann.posts("r1", "hello")
		if again := ann.next(); again != first {
			t.Errorf("the answer to the repeat is %+v, want %+v", again, first)
		}
		ann.posts("r1", "hi")
		ann.isRefused("r1", "another text", 0)
		server.stop()

		server = log.startOn(t, path)
		bob = server.join("bob")
		bob.hears("ann: hello") // in the history
		bob.posts("r1", "hello")
		if again := bob.next(); again != first {
			t.Errorf("after the restart, the answer to the repeat is %+v, want %+v", again, first)
		}
		if saved := server.store.texts(t); len(saved) != 1 {
			t.Errorf("the database has %q", saved)
		}
	})
}

func TestLogThatCannotAppendHoldsMessagesBack(t *testing.T) {
	const capacity = 1 + maxPending // messages with the log, and in the hub
	testLogs(t, func(t *testing.T, log testedLog) {
		captureLog(t)
		server := log.startOn(t, filepath.Join(t.TempDir(), "chat.db"))
		ann, bob := server.join("ann"), server.join("bob")
		repair := log.breaks(server)
		for n := range capacity {
			ann.says(fmt.Sprint(n))
		}
		ann.says("one too many")
		ann.hears("error not saved yet: the server cannot save at the moment")
		if heard := bob.heard(); len(heard) > 0 {
			t.Errorf("bob heard %q, but it is not saved", heard)
		}
		time.Sleep(streamLost)
		if server.hub.health() == nil {
			t.Error("the server is healthy")
		}
		repair()
		time.Sleep(5 * time.Second)
		for n := range capacity {
			bob.hears(fmt.Sprint("ann: ", n))
		}
		ann.says("better")
		bob.hears("ann: better")
		if err := server.hub.health(); err != nil {
			t.Error(err)
		}
	})
}

func TestLogHasEverythingThatWaitsAtAStop(t *testing.T) {
	testLogs(t, func(t *testing.T, log testedLog) {
		server := log.startOn(t, filepath.Join(t.TempDir(), "chat.db"))
		ann := server.join("ann")
		repair := log.breaks(server)
		for n := range maxPending {
			ann.says(fmt.Sprint(n))
		}
		synctest.Wait()
		time.AfterFunc(saveWait/2, repair)
		server.stop()
		for n := range maxPending {
			ann.hears(fmt.Sprint("ann: ", n))
		}
		if code := ann.waitForClose(); code != closeGoingAway {
			t.Errorf("close code %d, want %d", code, closeGoingAway)
		}
	})
}

// Each machine has all messages, in the same order, with the same ids.
func TestMachinesShareARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeStream(t)
		here, there := fake.start(t), fake.start(t)
		ann, bob := here.join("ann"), there.join("bob")
		ann.posts("r1", "hello")
		first := bob.next()
		if again := ann.next(); again != first {
			t.Errorf("ann saw %+v, and bob %+v", again, first)
		}
		bob.posts("r1", "hello") // ann's page has come back on another machine
		if again := bob.next(); again != first {
			t.Errorf("the answer to the repeat is %+v, want %+v", again, first)
		}
		bob.posts("r1", "hi")
		bob.isRefused("r1", "another text", 0)
		bob.posts("r2", "news")
		ann.hears("bob: news")
		time.Sleep(time.Second)
		eve := fake.start(t).join("eve") // on a new machine, with an empty database
		if again := eve.next(); again != first {
			t.Errorf("eve saw %q with the id %d, and bob with %d", again, again.ID, first.ID)
		}
		eve.hears("bob: news")
	})
}

// Bob's message is the first in the stream, and ann's the second. The feed is late, so ann's machine
// knows that her message is confirmed, and does not have bob's yet. If it showed hers at once,
// it would have another order than the stream.
func TestNothingIsShownBeforeItComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeStream(t)
		here, there := fake.start(t), fake.start(t)
		ann, bob := here.join("ann"), there.join("bob")
		release := fake.holdsFeeds()
		bob.posts("r1", "first")
		synctest.Wait()
		ann.posts("r2", "second")
		time.Sleep(time.Second)
		here.hub.look(func() {
			if len(here.hub.saving) != 1 {
				t.Errorf("%d messages are with the log, want 1", len(here.hub.saving))
			}
		})
		if heard := slices.Concat(ann.heard(), bob.heard()); len(heard) > 0 {
			t.Errorf("people received %q", heard)
		}
		release()
		for _, b := range []*browser{ann, bob} {
			b.hears("bob: first", "ann: second")
		}
	})
}

// Ann's page sends the same message on two machines at the same time.
func TestRepeatOnTwoMachinesAtOnceIsSavedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeStream(t)
		here, there := fake.start(t), fake.start(t)
		for _, ann := range []*browser{here.join("ann"), there.join("ann")} {
			defer ann.hears("ann: hello")
			ann.posts("r1", "hello")
		}
		time.Sleep(time.Second)
		if saved := here.store.texts(t); len(saved) != 1 {
			t.Errorf("the database has %q", saved)
		}
	})
}

// A machine does not show what the stream has confirmed, but what comes back from it. So whatever
// the stream answers, and however often a message is repeated, everyone sees it once.
func TestOnlyASequenceNumberConfirms(t *testing.T) {
	for _, answer := range []string{`{"error":{"code":400,"err_code":10158,"description":"duplicate message id is in process"}}`, "{}", "nonsense", "silence"} {
		synctest.Test(t, func(t *testing.T) {
			fake := newFakeStream(t)
			server := fake.start(t)
			ann, bob := server.join("ann"), server.join("bob")
			times := 0
			fake.change(func() {
				fake.answered = func(string) string {
					if times++; times%3 == 0 {
						return ""
					}
					return answer
				}
			})
			ann.posts("r1", "hello")
			bob.hears("ann: hello")
			ann.hears("ann: hello")
			time.Sleep(time.Second)
			fake.change(func() {
				if answer == "silence" && len(fake.attempts) != 1 {
					t.Errorf("%d attempts within a second, want to wait %v for an answer", len(fake.attempts), natsWait)
				}
			})
			ann.posts("r2", "news") // the stream has to confirm the first batch before
			bob.hears("ann: news")
			if len(fake.messages) != 2 {
				t.Errorf("after %s, the stream has %d messages", answer, len(fake.messages))
			}
		})
	}
}

func TestStreamWithoutLeaderLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		fake := newFakeStream(t)
		server := fake.start(t)
		ann := server.join("ann")
		fake.change(func() { fake.exists = false })
		ann.posts("r1", "hello")
		time.Sleep(5 * time.Second)
		fake.change(func() { fake.exists = true })
		ann.hears("ann: hello")
	})
}

// The feed leaves a message out. The next one shows it, or the next sign of life.
func TestGapInTheFeedIsNoticed(t *testing.T) {
	for _, texts := range []int{3, 2} {
		synctest.Test(t, func(t *testing.T) {
			captureLog(t)
			fake := newFakeStream(t)
			fake.lost = 2
			server := fake.start(t)
			ann := server.join("ann")
			for n := range texts {
				ann.posts(fmt.Sprint("r", n), fmt.Sprint(n))
				time.Sleep(10 * batchWait)
			}
			for n := range texts {
				ann.hears(fmt.Sprint("ann: ", n))
			}
			if fake.dials != 2 || server.hub.log.(*Stream).reconnects.Value() != 1 {
				t.Errorf("the server connected %d times, want once more", fake.dials)
			}
		})
	}
}

// The stream's server is frozen, or the connection lives and only the feed is dead.
func TestSilentStreamIsLeft(t *testing.T) {
	for name, freeze := range map[string]func(fake *fakeStream, on bool){
		"server": func(fake *fakeStream, on bool) { fake.frozen = on },
		"feed":   func(fake *fakeStream, on bool) { fake.mute = on },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				captureLog(t)
				fake := newFakeStream(t)
				server := fake.start(t)
				ann := server.join("ann")
				fake.change(func() { freeze(fake, true) })
				time.Sleep(natsSilence + streamLost + natsWait)
				if name == "server" {
					if err := server.hub.health(); err == nil || !strings.Contains(err.Error(), "behind the stream") {
						t.Errorf("the health is %v", err)
					}
				}
				fake.change(func() { freeze(fake, false) })
				ann.posts("r1", "hello")
				ann.hears("ann: hello")
				time.Sleep(2 * natsRetry)
				if err := server.hub.health(); err != nil {
					t.Error(err)
				}
				if fake.dials < 2 {
					t.Error("the server did not connect again")
				}
			})
		})
	}
}

// The server is cut off from those that have the stream. The feed is on this server, so it goes on
// giving signs of life.
func TestServerThatIsCutOffFromTheLeaderIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		fake := newFakeStream(t)
		server := fake.start(t)
		fake.change(func() { fake.cutOff = true })
		time.Sleep(streamLost + 2*time.Second)
		if err := server.hub.health(); err == nil || !strings.Contains(err.Error(), "behind the stream") {
			t.Errorf("the health is %v", err)
		}
		fake.change(func() {
			if fake.dials < 2 {
				t.Error("the server did not connect again")
			}
			fake.cutOff = false
		})
		time.Sleep(natsWait + 2*natsRetry)
		if err := server.hub.health(); err != nil {
			t.Error(err)
		}
	})
}

// A machine connects to a server that is cut off. What this one says of the stream is old, and no
// reason to give up.
func TestStreamWithoutLeaderIsNotCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		fake := newFakeStream(t)
		path := filepath.Join(t.TempDir(), "chat.db")
		server := fake.startOn(t, path)
		ann := server.join("ann")
		ann.posts("r1", "hello")
		ann.hears("ann: hello")
		fake.change(func() {
			fake.cutOff = true
			for c := range fake.conns {
				c.conn.Close()
			}
		})
		time.Sleep(5 * time.Second)
		ann.posts("r2", "news")
		time.Sleep(time.Second)
		fake.change(func() { fake.cutOff = false })
		ann.hears("ann: news")
		server.stop()

		fake.change(func() { fake.cutOff = true })
		server = fake.startOn(t, path)
		time.Sleep(5 * time.Second)
		fake.change(func() { fake.cutOff = false })
		time.Sleep(5 * time.Second)
		server.join("bob").hears("ann: hello", "ann: news")
	})
}

// A slow database, or much to read, is no reason to leave the server.
func TestSlowReplicaStaysConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		fake := newFakeStream(t)
		here, there := fake.start(t), fake.start(t)
		ann, bob := here.join("ann"), there.join("bob")
		for range 3 {
			release := there.store.block(t)
			ann.says("hello")
			ann.hears("ann: hello")
			time.Sleep(leaderSilence + 2*time.Second)
			release()
			bob.hears("ann: hello")
			time.Sleep(700 * time.Millisecond)
		}
		fake.change(func() {
			if fake.dials != 2 {
				t.Errorf("two machines connected %d times", fake.dials)
			}
		})
	})
}

// The machine lacks more messages than there is room for in the channel of the feed.
func TestLongFeedIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		fake := newFakeStream(t)
		data := encode(Message{Kind: "chat", Name: "ann", Text: "hello", At: time.Now()})
		for n := range 3000 {
			fake.messages = append(fake.messages, natsMessage{header: map[string]string{messageID: fmt.Sprint("r", n)}, data: data})
		}
		fake.exists = true
		server := fake.start(t)
		if saved := server.store.texts(t); len(saved) != 3000 || fake.dials != 1 {
			t.Errorf("the database has %d messages after %d connections", len(saved), fake.dials)
		}
	})
}

// The stream knows a ref for some minutes only, the database for ever.
func TestOldRepeatIsSavedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeStream(t)
		here, there := fake.start(t), fake.start(t)
		ann, bob, eve := here.join("ann"), here.join("bob"), there.join("eve")
		ann.posts("r1", "hello")
		first := ann.next()
		bob.hears("ann: hello")
		eve.hears("ann: hello")
		synctest.Wait()
		fake.forgetsRefs()
		ann.posts("r1", "hello")
		if again := ann.next(); again != first {
			t.Errorf("the answer to the repeat is %+v, want %+v", again, first)
		}
		ann.posts("r2", "news")
		bob.hears("ann: news")
		eve.hears("ann: news")
		if len(fake.messages) != 3 {
			t.Errorf("the stream has %d messages, so the test has tested nothing", len(fake.messages))
		}
		for _, server := range []*testServer{here, there} {
			if saved := server.store.texts(t); len(saved) != 2 {
				t.Errorf("the database has %q", saved)
			}
		}
	})
}

// Others can publish to the subjects of the stream, too.
func TestJunkInTheStreamIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		fake := newFakeStream(t)
		server := fake.start(t)
		ann := server.join("ann")
		junk := []string{"", "{", "[]", `{"kind":"welcome","name":"eve","text":"hi","at":"2000-01-01T00:00:00Z"}`,
			`{"kind":"chat","name":"eve","text":"","at":"2000-01-01T00:00:00Z"}`, `{"kind":"chat","name":"eve","text":"hi"}`,
			`{"kind":"chat","text":"hi","at":"2000-01-01T00:00:00Z"}`, `{"kind":"chat","name":"eve","text":"hi","at":"9999-12-31T23:59:59-10:00"}`}
		for n, data := range junk {
			fake.change(func() {
				fake.appends(natsMessage{header: map[string]string{messageID: fmt.Sprint(n)}, data: []byte(data)})
			})
		}
		fake.change(func() { // without a ref
			fake.appends(natsMessage{header: map[string]string{}, data: []byte(`{"kind":"chat","name":"eve","text":"hi","at":"2000-01-01T00:00:00Z"}`)})
		})
		fake.change(func() { // with the status of a sign of life
			fake.appends(natsMessage{status: "100 Idle Heartbeat", header: map[string]string{messageID: "status"}})
		})
		ann.posts("r1", "hello")
		ann.hears("ann: hello")
		if skipped := strings.Count(log.String(), "skipped"); skipped != len(junk)+2 {
			t.Errorf("the log names %d messages, want %d", skipped, len(junk)+2)
		}
	})
}

// Nothing happens for a minute. Neither the server nor its lab takes that for a failure.
func TestQuietStreamIsNotLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeStream(t)
		server := fake.start(t)
		for range 600 {
			time.Sleep(100 * time.Millisecond)
			if err := server.hub.health(); err != nil || fake.dials != 1 {
				t.Fatalf("the health is %v after %d connections", err, fake.dials)
			}
			if lost := server.sample().Stream.Lost; lost != 0 {
				t.Fatalf("the lab shows a machine that has lost the stream for %d ms", lost)
			}
		}
	})
}

// Somebody deletes messages before the feed has sent them. No message comes that would say so.
func TestDeletedMessagesAreNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		fake := newFakeStream(t)
		fake.start(t).join("ann").posts("r1", "hello")
		time.Sleep(time.Second)
		fake.change(func() { fake.ahead = 5 })
		server := fake.start(t)
		time.Sleep(2 * time.Second)
		bob := server.join("bob")
		bob.hears("ann: hello")
		bob.posts("r2", "news")
		bob.hears("bob: news")
	})
}

// The stream's server confirms a message, and dies before it has sent or saved it.
func TestConfirmedMessageThatIsLostIsAppendedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		fake := newFakeStream(t)
		ann := fake.start(t).join("ann")
		fake.change(func() {
			fake.answer = func(string) string { return `{"seq":1}` }
		})
		ann.posts("r1", "hello")
		time.Sleep(time.Second)
		fake.change(func() { fake.answer = nil })
		ann.hears("ann: hello")
	})
}

// An answer comes so late that the machine appends another batch already.
func TestLateAnswerConfirmsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		fake := newFakeStream(t)
		ann := fake.start(t).join("ann")
		ann.posts("r1", "hello")
		ann.hears("ann: hello")
		synctest.Wait()
		fake.change(func() { fake.answer = func(string) string { return "silence" } })
		ann.posts("r2", "news")
		time.Sleep(time.Second)
		fake.change(func() {
			for c := range fake.conns {
				c.sends(natsMessage{subject: fake.attempts[0], data: []byte(`{"seq":1}`)})
			}
			fake.answer = nil
		})
		ann.hears("ann: news")
	})
}

func TestStreamGetsAWindowAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeStream(t)
		fake.answer = func(string) string { return "silence" }
		server := fake.start(t)
		var batch []Message
		for n := range 2 * appendWindow {
			batch = append(batch, Message{Kind: "chat", Name: "ann", Text: "hello", Ref: fmt.Sprint("r", n)})
		}
		server.hub.batches <- batch
		time.Sleep(time.Second)
		fake.change(func() {
			if len(fake.attempts) != appendWindow {
				t.Errorf("%d messages are being appended, want %d", len(fake.attempts), appendWindow)
			}
		})
	})
}

// A save hangs on a machine on which nobody says anything.
func TestHangingReplicaIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeStream(t)
		here, there := fake.start(t), fake.start(t)
		ann, bob := here.join("ann"), there.join("bob")
		release := there.store.block(t)
		ann.posts("r1", "hello")
		ann.hears("ann: hello")
		time.Sleep(streamLost + time.Second)
		if there.hub.health() == nil {
			t.Error("the machine is healthy")
		}
		if err := here.hub.health(); err != nil {
			t.Error(err)
		}
		release()
		bob.hears("ann: hello")
		time.Sleep(5 * time.Second)
		if err := there.hub.health(); err != nil {
			t.Error(err)
		}
	})
}

// bob's page is connected to one machine, and asks another one, which is behind, for older messages.
func TestMachineThatIsBehindSendsNoHistoryWithAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		fake := newFakeStream(t)
		here, there := fake.start(t), fake.start(t)
		bob, eve := here.join("bob"), there.join("eve")
		release := there.store.block(t)
		for n := range historySize + 1 {
			bob.posts(fmt.Sprint("r", n), fmt.Sprint(n))
			bob.hears(fmt.Sprint("bob: ", n))
		}
		history, err := here.store.History()
		if err != nil {
			t.Fatal(err)
		}
		ask := func() int {
			response := httptest.NewRecorder()
			serveHistory(there.hub, response, httptest.NewRequest("GET", fmt.Sprint("/history?before=", history[0].ID), nil))
			return response.Code
		}
		if status := ask(); status != http.StatusServiceUnavailable {
			t.Errorf("the machine that is behind answers %d, want 503", status)
		}
		release()
		eve.hears("bob: 0")
		time.Sleep(time.Second)
		if status := ask(); status != http.StatusOK {
			t.Errorf("later it answers %d, want 200", status)
		}
	})
}

func TestStreamOfSomethingElseIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeStream(t)
		fake.subjects = `"orders.>"`
		hub := NewHub(openStore(t, filepath.Join(t.TempDir(), "chat.db")), nil)
		stream := fake.follow(hub)
		if err := stream.Run(t.Context(), hub); err == nil || !strings.Contains(err.Error(), "something else") {
			t.Errorf("the error is %v", err)
		}
	})
}

// Somebody deletes the newest message from the stream. The machine compares an older one.
func TestReplicaMayHaveWhatTheStreamHasDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		path := filepath.Join(t.TempDir(), "chat.db")
		fake := newFakeStream(t)
		server := fake.startOn(t, path)
		ann := server.join("ann")
		for n := range 3 {
			ann.posts(fmt.Sprint("r", n), fmt.Sprint(n))
			ann.hears(fmt.Sprint("ann: ", n))
		}
		server.stop()
		fake.deleted = map[int]bool{3: true}
		server = fake.startOn(t, path)
		bob := server.join("bob")
		bob.hears("ann: 0", "ann: 1", "ann: 2")
		bob.posts("r3", "news")
		bob.hears("bob: news")
		server.stop()
		fake.deleted = map[int]bool{1: true, 2: true, 3: true, 4: true} // all of them: by an age limit, or by hand
		eve := fake.startOn(t, path).join("eve")
		eve.hears("ann: 0", "ann: 1", "ann: 2", "bob: news")
		eve.posts("r4", "hello")
		eve.hears("eve: hello")
		fake.change(func() { fake.deleted = map[int]bool{5: true} })
		newMachine := fake.start(t)
		time.Sleep(2 * time.Second) // the next sign of life tells that nothing comes any more
		newMachine.join("cy").hears("ann: 0", "ann: 1", "ann: 2", "bob: news")
	})
}

// The feed comes from a NATS server that is alive, but lacks what the leader has: it has just
// returned, or its disk is full. Nobody here says anything that would have to come back.
func TestFeedThatLagsBehindIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		fake := newFakeStream(t)
		server := fake.start(t)
		ann := server.join("ann")
		news := func(ref string) {
			fake.appends(natsMessage{header: map[string]string{messageID: ref}, data: encode(Message{Kind: "chat", Name: "bob", Text: ref, At: time.Now().UTC()})})
		}
		fake.change(func() {
			fake.lags = true
			news("one")
		})
		time.Sleep(streamLost + 2*time.Second)
		if err := server.hub.health(); err == nil || !strings.Contains(err.Error(), "behind the stream") {
			t.Errorf("the health is %v", err)
		}
		other := fake.start(t)
		if status := other.handshake("http://chat.localhost"); status != 503 {
			t.Errorf("on a machine that starts, the handshake has the status %d, want 503", status)
		}
		fake.change(func() {
			if fake.dials < 3 {
				t.Error("the server did not connect again")
			}
			fake.lags = false // for the next feeds: there is a better server
		})
		ann.hears("bob: one")
		time.Sleep(leaderSilence + natsWait)
		fake.change(func() { news("two") })
		ann.hears("bob: two")
		other.join("cy").hears("bob: one", "bob: two")
		for _, s := range []*testServer{server, other} {
			if err := s.hub.health(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestNobodyJoinsBeforeTheServerHasCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		fake := newFakeStream(t)
		first := fake.start(t)
		ann := first.join("ann")
		for n := range historySize {
			ann.posts(fmt.Sprint("r", n), fmt.Sprint(n))
		}
		time.Sleep(time.Second)
		release := fake.holdsFeeds()
		server := fake.start(t)
		if err := server.hub.health(); err == nil || !strings.Contains(err.Error(), "catching up") {
			t.Errorf("the health is %v", err)
		}
		if status := server.handshake("http://chat.localhost"); status != 503 {
			t.Errorf("the handshake has the status %d, want 503", status)
		}
		release()
		synctest.Wait()
		if heard := server.join("bob").heard(); len(heard) != historySize {
			t.Errorf("bob received %d messages, want %d", len(heard), historySize)
		}
	})
}

// The server of the stream sends more when we say that we have read what it has sent.
func TestFlowControlIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeStream(t)
		fake.start(t)
		for c := range fake.conns {
			fake.change(func() {
				c.sends(natsMessage{subject: c.feed, status: "100 FlowControl Request", reply: "$JS.FC.1"})
				c.sends(natsMessage{subject: c.feed, status: "100 Idle Heartbeat", header: map[string]string{"Nats-Consumer-Stalled": "$JS.FC.2"}})
			})
			synctest.Wait()
			if want := []string{"$JS.FC.1", "$JS.FC.2"}; !slices.Equal(c.replies, want) {
				t.Errorf("the client answered %q, want %q", c.replies, want)
			}
		}
	})
}

// A database from before the stream keeps its messages. Their ids are smaller.
func TestOlderDatabaseKeepsItsMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "chat.db")
		server := startServerOn(t, path)
		server.join("ann").says("before")
		time.Sleep(time.Second)
		server.stop()
		fake := newFakeStream(t)
		ann := fake.startOn(t, path).join("ann")
		ann.says("after")
		ann.hears("ann: before", "ann: after")
	})
}

// An import has begun the stream with an older database, and then a machine starts with that one.
func TestDatabaseThatWasImportedIsNoReplica(t *testing.T) {
	for name, ref := range map[string]string{"with a ref": "r1", "from before milestone 10": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				captureLog(t)
				old := openStore(t, filepath.Join(t.TempDir(), "old.db"))
				saved := old.saveTexts(t, "one")
				if _, err := old.db.Exec("UPDATE messages SET ref = nullif(?, '')", ref); err != nil {
					t.Fatal(err)
				}
				saved[0].Ref = ref
				time.Sleep(time.Second)
				fake := newFakeStream(t) // made after the message
				fake.exists = true
				fake.appends(natsMessage{header: map[string]string{messageID: importRef(saved[0])}, data: encode(saved[0])})
				hub := NewHub(old, nil)
				stream := fake.follow(hub)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := stream.Run(ctx, hub); err == nil || !strings.Contains(err.Error(), "already") {
					t.Errorf("the error is %v", err)
				}
			})
		})
	}
}

// The replica has messages that are not in the stream, or that are others there.
func TestReplicaOfAnotherStreamIsAnError(t *testing.T) {
	for name, change := range map[string]func(f *fakeStream){
		"shorter":      func(f *fakeStream) { f.messages = f.messages[:1] },
		"other":        func(f *fakeStream) { f.messages[1].header[messageID] = "r3" },
		"made earlier": func(f *fakeStream) { f.created = f.created.Add(-time.Second) },
		"made later":   func(f *fakeStream) { f.created, f.messages = f.created.Add(time.Minute), nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				captureLog(t)
				path := filepath.Join(t.TempDir(), "chat.db")
				fake := newFakeStream(t)
				server := fake.startOn(t, path)
				ann := server.join("ann")
				ann.posts("r1", "hello")
				ann.posts("r2", "news")
				ann.hears("ann: hello", "ann: news")
				server.stop()

				change(fake)
				hub := NewHub(openStore(t, path), nil)
				stream := fake.follow(hub)
				if err := stream.Run(t.Context(), hub); err == nil || !strings.Contains(err.Error(), path) {
					t.Errorf("the error is %v", err)
				}
			})
		})
	}
}

// The NATS server has lost its disk. A new stream would begin without the messages that everyone
// has seen, and each machine would go on from its own copy.
func TestLostStreamIsNotMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		path := filepath.Join(t.TempDir(), "chat.db")
		fake := newFakeStream(t)
		server := fake.startOn(t, path)
		ann := server.join("ann")
		ann.posts("r1", "hello")
		ann.hears("ann: hello")
		server.stop()

		fake.exists, fake.messages = false, nil
		server = fake.startOn(t, path)
		time.Sleep(time.Minute)
		if err := server.hub.health(); err == nil || !strings.Contains(err.Error(), "not found") {
			t.Errorf("the health is %v", err)
		}
		fake.change(func() {
			if fake.exists {
				t.Error("the machine has made a new stream")
			}
		})
	})
}

func TestStreamThatIsReplacedIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		fake := newFakeStream(t)
		hub := NewHub(openStore(t, filepath.Join(t.TempDir(), "chat.db")), nil)
		stream := fake.follow(hub)
		time.AfterFunc(time.Second, func() {
			fake.change(func() { fake.created, fake.mute = fake.created.Add(time.Minute), true })
		})
		if err := stream.Run(t.Context(), hub); err == nil || !strings.Contains(err.Error(), "replaced") {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestPresenceIsThatOfAllMachines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeStream(t)
		here, there := fake.start(t), fake.start(t)
		ann := here.join("ann")
		bob, eve := there.join("bob"), there.join("eve")
		time.Sleep(4 * time.Second)
		for _, b := range []*browser{ann, bob} {
			b.lastPresence(3, "ann", "bob", "eve")
		}
		eve.leave()
		time.Sleep(4 * time.Second)
		ann.lastPresence(2, "ann", "bob")
		there.stop()
		time.Sleep(4 * time.Second)
		ann.lastPresence(1, "ann")
	})
}

// ann joins a machine that has just started. Her first list has bob, who has been in the room on
// another machine all along. Otherwise, her page would say that he came.
func TestMachineThatBeginsKnowsWhoIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		fake := newFakeStream(t)
		fake.start(t).join("bob")
		time.Sleep(2 * presenceWait)
		for range 5 { // whenever bob's machine has told last
			time.Sleep(1300 * time.Millisecond)
			server := fake.start(t)
			ann := server.join("ann")
			time.Sleep(presenceWait)
			synctest.Wait()
			ann.receivesPresence(2, "ann", "bob")
			server.stop()
		}
	})
}

func TestMachineThatIsSilentIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		fake := newFakeStream(t)
		here, there := fake.start(t), fake.start(t)
		ann := here.join("ann")
		there.join("bob")
		time.Sleep(4 * time.Second)
		ann.lastPresence(2, "ann", "bob")
		fake.change(func() { fake.frozen = true }) // nobody hears anything
		time.Sleep(nodeGone + heartbeat + presenceWait)
		ann.lastPresence(1, "ann")
		fake.change(func() { fake.frozen = false })
		time.Sleep(10 * time.Second)
		ann.lastPresence(2, "ann", "bob")
	})
}

// lastPresence fails the test unless this is the newest presence.
func (b *browser) lastPresence(count int, names ...string) {
	b.t.Helper()
	synctest.Wait()
	var last presence
	for len(b.presences) > 0 {
		last = <-b.presences
	}
	if last.Count != count || !slices.Equal(last.Names, names) {
		b.t.Errorf("%s received the presence %v, want %d: %q", b.name, last, count, names)
	}
}

// All machines have the same announcements. The room has each of them once.
func TestMachinesAnnounceOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeStream(t)
		var people []*browser
		for range 3 {
			server := fake.start(t)
			announcer := &Announcer{texts: []string{"one", "two"}, every: 20 * time.Second, shared: true}
			go announcer.Run(t.Context(), server.hub)
			people = append(people, server.join("ann"))
			time.Sleep(5 * time.Second)
		}
		time.Sleep(40 * time.Second)
		for _, b := range people {
			if heard, want := b.heard(), []string{"server: two", "server: one"}; !slices.Equal(heard, want) {
				t.Errorf("somebody heard %q, want %q", heard, want)
			}
		}
	})
}
