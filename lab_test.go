package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// labSample is a sample, as the page gets it.
type labSample struct {
	At                                       int64
	Chat                                     string
	Clients, Pending, Blocked, Saving        int
	SavingFor                                int64
	Failing                                  bool
	Failure                                  string
	Messages, Deliveries, Batches            int
	P50, P99                                 float64
	QueueSize, PendingSize, Goroutines, Heap int
	Ended, Refused                           map[string]int
	Troubles                                 []string
	Drawn                                    []struct {
		ID, Name, Reader       string
		Queue, Writing, Silent int
	}
	Stream *struct {
		Name, Self, Why          string
		Lost, Behind, Reconnects int
		Machines                 []struct {
			ID             string
			People, Silent int
		}
	}
}

func (s *testServer) lab() *lab { return newLab(s.t.Context(), s.hub, "http://localhost:8080") }

// sample looks at the server as the lab does.
func (s *testServer) sample() (sample labSample) {
	s.t.Helper()
	encoded, err := s.lab().sample()
	if err == nil {
		err = json.Unmarshal(encoded, &sample)
	}
	if err != nil {
		s.t.Fatalf("%v: %s", err, encoded)
	}
	return sample
}

func TestSampleOfAnEmptyRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		encoded, err := server.lab().sample()
		if err != nil || !bytes.Contains(encoded, []byte(`"drawn":[]`)) || !bytes.Contains(encoded, []byte(`"troubles":[]`)) {
			t.Errorf("the sample is %s, want lists that are empty, and not null: %v", encoded, err)
		}
		got := server.sample()
		if got.Saving != 0 || got.SavingFor != 0 {
			t.Errorf("the store saves %d messages for %d ms, want nothing", got.Saving, got.SavingFor)
		}
		if got.Stream != nil {
			t.Errorf("without -nats, the sample has the stream %+v", got.Stream)
		}
	})
}

func TestSampleShowsTheStreamAndOtherMachines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := openStore(t, filepath.Join(t.TempDir(), "chat.db"))
		hub := NewHub(store, nil)
		stream := newStream(&config{natsStream: "chat"}, store)
		hub.follow(stream)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { hub.Run(ctx) })
		defer running.Wait()
		defer stop()
		server := &testServer{t: t, hub: hub}

		time.Sleep(3 * time.Second) // nobody connects to NATS
		got := server.sample().Stream
		if got == nil || got.Name != "chat" || got.Self != stream.self || got.Lost != 3000 || len(got.Machines) != 0 {
			t.Fatalf("the stream is %+v, want chat, lost for three seconds, and no other machine", got)
		}
		stream.behind.Set(7)
		stream.reconnects.Set(2)
		stream.fails(errors.New("EOF"))
		hub.elsewhere <- node{ID: "C", heard: time.Now()}
		hub.elsewhere <- node{ID: "B", presence: newPresence([]string{"bob", "bob"}, 2), heard: time.Now()}
		time.Sleep(2 * time.Second)
		stream.current.Store(new(time.Now()))
		got = server.sample().Stream
		if got.Lost != 0 || got.Behind != 7 || got.Reconnects != 2 || got.Why != "EOF" {
			t.Errorf("the stream is %+v, want one that is followed, 7 messages behind, after two reconnects", got)
		}
		if m := got.Machines; len(m) != 2 || m[0].ID != "B" || m[0].People != 2 || m[0].Silent != 2000 || m[1].People != 0 {
			t.Errorf("the machines are %+v, want B with two people, heard two seconds ago, and C with nobody", m)
		}
	})
}

func TestSampleShowsWhoReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		server.joinStalled() // the write of its welcome blocks
		synctest.Wait()
		for n := range 20 {
			ann.says(fmt.Sprint(n))
			ann.hears(fmt.Sprint("ann: ", n))
		}
		time.Sleep(3 * time.Second)
		got := server.sample()
		if got.Heap == 0 || got.Goroutines == 0 || got.Chat != "http://localhost:8080" || got.QueueSize != sendQueue || got.PendingSize != maxPending {
			t.Errorf("the sample is %+v, want the heap, the goroutines, the address and the sizes of the queues", got)
		}
		if got.Clients != 2 || got.Messages != 20 || got.Deliveries != 40 || len(got.Drawn) != 2 {
			t.Errorf("the sample is %+v, want 2 clients, 20 messages and 40 deliveries", got)
		}
		first, reading := got.Drawn[0], got.Drawn[1] // the one in trouble comes first
		if first.Name != "stalled" || first.Queue < 20 || first.Writing < 3000 {
			t.Errorf("the first client is %+v, want the stalled one, with 20 frames in its queue, and a write that takes three seconds", first)
		}
		if reading.Name != "ann" || reading.Reader != "waits" || reading.Queue != 0 || reading.Writing != 0 || reading.Silent < 3000 {
			t.Errorf("the other client is %+v, want one that waits, silent for three seconds", reading)
		}
	})
}

// While nothing can be saved, messages wait in the hub. When it has no room for more, the
// readers wait for the hub.
func TestSampleShowsAStoreThatCannotSave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		server := startServer(t)
		ann, bob := server.join("ann"), server.join("bob")
		server.store.setReadOnly(t, true)
		ann.says("with the store")
		time.Sleep(2 * time.Second)
		for n := range maxPending + 1 {
			ann.says(fmt.Sprint(n))
		}
		bob.says("no room")
		synctest.Wait()
		got := server.sample()
		if got.Saving != 1 || got.SavingFor != 2000 || got.Pending != maxPending || got.Blocked != 2 || !got.Failing || !strings.Contains(got.Failure, "readonly") {
			t.Errorf("the sample is %+v, want one message with the store for two seconds, %d pending, and two readers that are blocked", got, maxPending)
		}
		server.store.setReadOnly(t, false)
		time.Sleep(time.Second)
		if got := server.sample(); got.Failing || got.Pending != 0 || got.Blocked != 0 {
			t.Errorf("afterwards, the sample is %+v, want nothing that waits", got)
		}
	})
}

func TestSampleShowsWhoIsTooFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipeListener()
		server := serveOn(t, &config{maxClients: 10, rate: 1}, pipes, pipes.dial)
		server.join("ann")
		bob := server.join("bob")
		for range burst {
			bob.send("{}")
		}
		synctest.Wait() // the reader now waits for floodWait
		if got := server.sample().Drawn[0]; got.Name != "bob" || got.Reader != "slowed" {
			t.Errorf("the first client is %+v, want bob, who is slowed", got)
		}
	})
}

// In a large room, those in trouble are drawn, and the rest is a number.
func TestTroubleIsDrawnFirst(t *testing.T) {
	var clients []*Client
	for n := range 1000 {
		c := &Client{name: fmt.Sprint(n), send: make(chan *outFrame, sendQueue), start: time.Now().Add(time.Duration(n))}
		clients = append(clients, c)
	}
	for range 40 {
		clients[700].send <- frameOf()
	}
	clients[800].reader.Store("slowed")
	clients[900].reader.Store("blocked") // only for a moment, mostly
	drawn, blocked := draw(clients)
	var names []string
	for _, c := range drawn[:4] {
		names = append(names, c.Name)
	}
	if len(drawn) != maxDrawn || blocked != 1 || !slices.Equal(names, []string{"700", "800", "0", "1"}) {
		t.Errorf("%d are drawn, %v first, and %d are blocked; want %d, 700 and 800 before 0 and 1, and 1", len(drawn), names, blocked, maxDrawn)
	}
}

// A trace costs time, so it is recorded only while somebody looks.
func TestTheLabRecordsWhileSomebodyLooks(t *testing.T) {
	server := startRealServer(t)
	page := httptest.NewServer(debugRoutes(server.hub, server.lab()))
	defer page.Close()
	trace := func() (status int, recorded string) {
		response, err := http.Get(page.URL + "/lab/trace")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(body)
	}
	if status, _ := trace(); status != http.StatusConflict {
		t.Errorf("without viewers, the trace has status %d, want 409", status)
	}
	leaveFirst := seeSamples(t, page.URL)
	leaveLast := seeSamples(t, page.URL)
	ann := server.join("ann")
	ann.says("hello")
	ann.hears("ann: hello")
	leaveFirst()
	time.Sleep(2 * sampleEvery)
	status, recorded := trace()
	if status != http.StatusOK || !strings.HasPrefix(recorded, "go 1.") {
		t.Errorf("with a viewer, the trace has status %d and begins with %.6q, want 200 and the version of its format", status, recorded)
	}
	for _, region := range []string{"hand over", "save", "publish"} {
		if !strings.Contains(recorded, region) {
			t.Errorf("the trace has no region %q", region)
		}
	}
	leaveLast()
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if status, _ := trace(); status == http.StatusConflict {
			return
		}
	}
	t.Error("the recorder still runs, although nobody looks any more")
}

// seeSamples opens the stream of samples, reads two of them, and keeps it open until leave is
// called. On a busy machine the stream may end, because the hub did not answer for a second:
// then it opens another one, as an EventSource does.
func seeSamples(t *testing.T, url string) (leave func()) {
	t.Helper()
	for end := time.Now().Add(testTimeout); time.Now().Before(end); {
		response, err := http.Get(url + "/lab/events")
		if err != nil {
			t.Fatal(err)
		}
		if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
			t.Errorf("the stream has the type %q", kind)
		}
		var times []int64
		for lines := bufio.NewScanner(response.Body); len(times) < 2 && lines.Scan(); {
			if data, found := strings.CutPrefix(lines.Text(), "data: "); found {
				var sample labSample
				if err := json.Unmarshal([]byte(data), &sample); err != nil {
					t.Fatal(err)
				}
				times = append(times, sample.At)
			}
		}
		if len(times) == 2 {
			if wait := times[1] - times[0]; wait < sampleEvery.Milliseconds()-1 {
				t.Errorf("two samples are %d ms apart, want at least %v", wait, sampleEvery)
			}
			return func() { response.Body.Close() }
		}
		response.Body.Close()
	}
	t.Fatal("no stream has two samples")
	return nil
}

// The hub goes on adding and removing clients while samples are taken.
func TestSamplesAreTakenWhilePeopleCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		lab := server.lab()
		var sampling sync.WaitGroup
		sampling.Go(func() {
			for range 100 {
				if _, err := lab.sample(); err != nil {
					t.Error(err)
				}
			}
		})
		for n := range 20 {
			server.join(fmt.Sprint(n)).leave()
		}
		sampling.Wait()
	})
}

// A viewer who reads nothing holds up nobody, and is soon none any more. (The pipe has no
// buffer, so the first write to it blocks.)
func TestViewerWhoReadsNothingDisturbsNobody(t *testing.T) {
	server := startRealServer(t)
	lab := server.lab()
	pipes := newPipeListener()
	debug := newServer(debugRoutes(server.hub, lab))
	debug.WriteTimeout = 0
	var running sync.WaitGroup
	running.Go(func() { debug.Serve(pipes) })
	defer running.Wait()
	defer debug.Close()
	viewer, _ := pipes.dial()
	fmt.Fprint(viewer, "GET /lab/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	viewers := func() int {
		lab.mu.Lock()
		defer lab.mu.Unlock()
		return lab.viewers
	}
	for viewers() == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(2 * sampleEvery)
	if err := server.hub.health(); err != nil {
		t.Errorf("while a viewer reads nothing: %v", err)
	}
	for end := time.Now().Add(5 * time.Second); viewers() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the lab still counts a viewer who reads nothing")
		}
	}
}

// A dump of the goroutines says whose they are.
func TestGoroutinesAreLabelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		server.join("ann")
		synctest.Wait()
		var dump bytes.Buffer
		pprof.Lookup("goroutine").WriteTo(&dump, 1)
		if found := strings.Count(dump.String(), `labels: {"client":"ann"}`); found != 2 {
			t.Errorf("%d goroutines have ann's label, want her reader and her writer:\n%s", found, &dump)
		}
	})
}

func TestTheLabIsForThisMachineOnly(t *testing.T) {
	t.Setenv(labServer, "1")
	err := run(t.Context(), &config{addr: "127.0.0.1:0", debugAddr: ":0", lab: true, db: filepath.Join(t.TempDir(), "chat.db"),
		maxClients: 10, announceEvery: time.Hour})
	if err == nil || !strings.Contains(err.Error(), "-lab: -debug-addr must be on localhost") {
		t.Errorf("run returned %v, want an error that names -lab and -debug-addr", err)
	}
}

func TestTheLabExistsOnlyOnRequest(t *testing.T) {
	server := startRealServer(t)
	for _, row := range []struct {
		what           string
		lab            *lab
		method, path   string
		site           string // Sec-Fetch-Site
		want           int
		wantContent    string
		contentTypeHas string
	}{
		{"without -lab", nil, "GET", "/lab/", "", 404, "", ""},
		{"the page", server.lab(), "GET", "/lab/", "none", 200, "<title>The lab", "html"},
		{"a script", server.lab(), "GET", "/lab/lab.js", "same-origin", 200, "EventSource", "javascript"},
		{"a page of another server", server.lab(), "POST", "/lab/trouble/talk", "cross-site", 403, "", ""},
		{"an unknown trouble", server.lab(), "POST", "/lab/trouble/peace", "same-origin", 409, "no such trouble", ""},
		{"a trouble of a stream that is not there", server.lab(), "POST", "/lab/trouble/cutoff", "same-origin", 409, "no such trouble", ""},
		{"another one", server.lab(), "POST", "/lab/trouble/leader", "same-origin", 409, "no such trouble", ""},
		{"a trouble by GET", server.lab(), "GET", "/lab/trouble/talk", "same-origin", 404, "", ""},
	} {
		t.Run(row.what, func(t *testing.T) {
			request := httptest.NewRequest(row.method, row.path, nil)
			request.Header.Set("Sec-Fetch-Site", row.site)
			response := httptest.NewRecorder()
			debugRoutes(server.hub, row.lab).ServeHTTP(response, request)
			if response.Code != row.want || !strings.Contains(response.Body.String(), row.wantContent) ||
				!strings.Contains(response.Header().Get("Content-Type"), row.contentTypeHas) {
				t.Errorf("status %d: %.80s; want %d: %s", response.Code, response.Body, row.want, row.wantContent)
			}
			if response.Code == 200 && !strings.Contains(response.Header().Get("Content-Security-Policy"), "script-src 'self'") {
				t.Errorf("the policy is %q, want that of the chat", response.Header().Get("Content-Security-Policy"))
			}
		})
	}
}
