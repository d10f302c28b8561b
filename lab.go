package main

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"runtime/metrics"
	"runtime/trace"
	"slices"
	"strings"
	"sync"
	"time"
)

const sampleEvery = 100 * time.Millisecond
const maxDrawn = 20 // clients in a sample

//go:embed lab
var labFiles embed.FS // the lab's page; not in static, which everybody may read

// lab shows viewers what the goroutines and queues of this process do, and starts processes that
// cause trouble. It samples, and records a trace, only while somebody looks.
type lab struct {
	ctx     context.Context // ends with the server, and with it all troubles
	hub     *Hub
	chatURL string
	running sync.WaitGroup // the troubles

	mu       sync.Mutex                    // guards what is below
	troubles map[string]context.CancelFunc // those that are going on
	viewers  int
	recorder *trace.FlightRecorder // keeps the last seconds of an execution trace
}

func newLab(ctx context.Context, hub *Hub, chatURL string) *lab {
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: 10 * time.Second, MaxBytes: 64 << 20})
	return &lab{ctx: ctx, hub: hub, chatURL: chatURL, troubles: make(map[string]context.CancelFunc), recorder: recorder}
}

func (l *lab) addRoutes(mux *http.ServeMux) {
	mux.Handle("GET /lab/", secure(http.FileServerFS(labFiles)))
	mux.HandleFunc("GET /lab/events", l.serveEvents)
	mux.HandleFunc("GET /lab/trace", l.serveTrace)
	mux.HandleFunc("POST /lab/trouble/{name}", l.startTrouble)
	mux.HandleFunc("POST /lab/stop", l.stopTroubles)
}

// serveEvents sends samples as server-sent events (HTML Standard, section 9.2): an HTTP response
// that does not end. The page sends nothing over this connection, so it needs no WebSocket.
func (l *lab) serveEvents(w http.ResponseWriter, r *http.Request) {
	l.watch(1)
	defer l.watch(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for r.Context().Err() == nil {
		sample, err := l.sample()
		if err != nil {
			return // the server stops, or the hub hangs: the page says that the server is gone
		}
		out.SetWriteDeadline(time.Now().Add(endWait)) // for a browser that reads no more
		fmt.Fprintf(w, "data: %s\n\n", sample)
		if out.Flush() != nil {
			return
		}
		time.Sleep(sampleEvery)
	}
}

// watch counts viewers: change is 1 or -1. The recorder runs while there are any.
func (l *lab) watch(change int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.viewers += change
	switch {
	case l.viewers == 0:
		l.recorder.Stop()
	case !l.recorder.Enabled():
		l.recorder.Start() // if it fails, serveTrace reports it
	}
}

// serveTrace sends what the recorder has kept, so you can look at a moment that is over.
func (l *lab) serveTrace(w http.ResponseWriter, _ *http.Request) {
	var recorded bytes.Buffer
	l.mu.Lock()
	_, err := l.recorder.WriteTo(&recorded)
	l.mu.Unlock()
	if err != nil { // nobody looks at the lab
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime(recorded.Len())))
	w.Header().Set("Content-Disposition", `attachment; filename="trace.out"`)
	w.Write(recorded.Bytes())
}

// sample looks at the program once, and returns JSON. It asks the hub for what the hub owns. It reads the
// rest from outside, mostly atomics and lengths of channels: each value was right at its own moment.
func (l *lab) sample() ([]byte, error) {
	var clients []*Client
	var pending, saving int
	var savingFor time.Duration
	var nodes []node
	latency, err := l.hub.latency(50, 99)
	if err == nil {
		err = l.hub.look(func() {
			clients = slices.Collect(maps.Keys(l.hub.clients))
			nodes = slices.SortedFunc(maps.Values(l.hub.nodes), func(a, b node) int { return cmp.Compare(a.ID, b.ID) })
			if pending, saving = len(l.hub.pending), len(l.hub.saving); saving > 0 {
				savingFor = time.Since(l.hub.lastBatch)
			}
		})
	}
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	troubles := slices.AppendSeq([]string{}, maps.Keys(l.troubles)) // not nil, which would become null in JSON
	l.mu.Unlock()
	drawn, blocked := draw(clients)
	numbers := []metrics.Sample{{Name: "/sched/goroutines:goroutines"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(numbers) // runtime.ReadMemStats would stop all goroutines meanwhile
	stats, store := &l.hub.stats, l.hub.store
	sample := map[string]any{
		"at": time.Now().UnixMilli(), "chat": l.chatURL, "troubles": troubles,
		"clients": len(clients), "drawn": drawn, "queueSize": sendQueue,
		"pending": pending, "pendingSize": maxPending, "blocked": blocked,
		"saving": saving, "savingFor": savingFor.Milliseconds(),
		"failing": store.failure.Load() != nil, "failure": store.lastError().Error(),
		"messages": stats.messages.Value(), "deliveries": stats.deliveries.Value(), "batches": store.savedBatches.Value(),
		"p50": latency[0], "p99": latency[1],
		"goroutines": numbers[0].Value.Uint64(), "heap": numbers[1].Value.Uint64(),
		"ended": json.RawMessage(stats.ended.String()), "refused": json.RawMessage(stats.refused.String()),
	}
	if stream, _ := l.hub.log.(*Stream); stream != nil {
		sample["stream"] = stream.sample(nodes)
	}
	return json.Marshal(sample)
}

// sample is what the lab shows of the stream and of the other machines.
func (s *Stream) sample(nodes []node) map[string]any {
	lost := time.Since(*s.current.Load()).Milliseconds()
	if lost < 3*askLeader.Milliseconds() { // current is the time of the leader's answer before the last one
		lost = 0
	}
	machines := []map[string]any{}
	for _, n := range nodes {
		machines = append(machines, map[string]any{"id": n.ID, "people": n.Count, "silent": time.Since(n.heard).Milliseconds()})
	}
	return map[string]any{
		"name": s.name, "self": s.self, "machines": machines,
		"lost": lost, "why": s.lastError().Error(), // milliseconds without the stream; 0: this machine follows it
		"behind": s.behind.Value(), "reconnects": s.reconnects.Value(),
	}
}

// clientSample is what can be seen of a client from outside.
type clientSample struct {
	ID      int64  `json:"id,string"` // the time of its start in nanoseconds, too large for a number in JavaScript
	Name    string `json:"name"`
	Reader  any    `json:"reader"` // a string: waits, slowed or blocked
	Queue   int    `json:"queue"`
	Writing int64  `json:"writing"` // milliseconds since the write began; 0: the writer waits for a frame
	Silent  int64  `json:"silent"`  // milliseconds since the last frame from the browser
	trouble int64  // how interesting the client is; small differences do not count
}

// draw samples all clients and returns the maxDrawn with the most trouble. It also counts the readers that
// wait for the hub.
func draw(clients []*Client) (drawn []clientSample, blocked int) {
	order := func(a, b clientSample) int { return cmp.Or(cmp.Compare(b.trouble, a.trouble), cmp.Compare(a.ID, b.ID)) }
	drawn = []clientSample{}
	for _, c := range clients {
		now := int64(time.Since(c.start))
		s := clientSample{ID: c.start.UnixNano(), Name: c.name, Reader: c.reader.Load(), Queue: len(c.send), Silent: (now - c.lastFrame.Load()) / 1e6}
		if began := c.writeFrom.Load(); began > 0 {
			s.Writing = (now-began)/1e6 + 1
		}
		s.trouble = int64(s.Queue)/16 + s.Writing/250 + s.Silent/(2*heartbeat.Milliseconds())
		switch s.Reader {
		case "slowed":
			s.trouble += 2
		case "blocked":
			blocked++
		}
		if i, _ := slices.BinarySearchFunc(drawn, s, order); i < maxDrawn { // most are not among the first
			drawn = slices.Insert(drawn, i, s)[:min(len(drawn)+1, maxDrawn)]
		}
	}
	return drawn, blocked
}

// startTrouble starts this program once more, with -trouble, or causes the trouble from inside. The
// trouble ends by itself.
func (l *lab) startTrouble(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	stream, _ := l.hub.log.(*Stream)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.troubles[name] != nil || troubleTime(name) == 0 || stream == nil && (name == "cutoff" || name == "leader") {
		http.Error(w, "there is no such trouble, or it is going on already", http.StatusConflict)
		return
	}
	ctx, cancel := context.WithTimeout(l.ctx, troubleTime(name))
	l.troubles[name] = cancel
	self, _ := os.Executable() // without, Run returns an error
	process := exec.CommandContext(ctx, self, "-addr", strings.TrimPrefix(l.chatURL, "http://"), "-db", l.hub.store.path, "-trouble", name)
	process.Stderr = os.Stderr
	cause := process.Run
	switch name { // these have to come from inside
	case "hang":
		cause = func() error { return l.hangSave(ctx) }
	case "cutoff":
		cause = func() error { return stream.cutOff(ctx) }
	case "leader":
		cause = func() error { return stream.stepDown(ctx) }
	case "stop":
		cause = func() error { return endThisProcess(ctx, os.Interrupt) }
	case "kill":
		cause = func() error { return endThisProcess(ctx, os.Kill) }
	}
	l.running.Go(func() {
		if err := cause(); err != nil && ctx.Err() == nil {
			slog.Error("cannot cause trouble", "name", name, "error", err)
		}
		cancel()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.troubles, name)
	})
	w.WriteHeader(http.StatusNoContent)
}

func (l *lab) stopTroubles(w http.ResponseWriter, _ *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, stop := range l.troubles {
		stop()
	}
	w.WriteHeader(http.StatusNoContent)
}
