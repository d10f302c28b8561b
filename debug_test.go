package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// variables holds the values in /debug/vars that the tests check.
type variables struct {
	Clients     int
	Messages    int
	Deliveries  int
	Latency     struct{ P50, P99 float64 } `json:"latency_ms"`
	Batches     int
	Goroutines  int
	BatchSizes  map[string]int `json:"batch_sizes"`
	Ended       map[string]int `json:"connections_ended"`
	Refused     map[string]int `json:"connections_refused"`
	ClientQueue int            `json:"client_queue_max"`
	Pending     *int
	Memstats    struct{ Alloc int }
}

// debugVars returns what the server answers to GET /debug/vars.
func (s *testServer) debugVars() (v variables) {
	s.t.Helper()
	response := httptest.NewRecorder()
	debugRoutes(s.hub, nil).ServeHTTP(response, httptest.NewRequest("GET", "/debug/vars", nil))
	if err := json.Unmarshal(response.Body.Bytes(), &v); err != nil {
		s.t.Fatalf("%s: %v", response.Body, err)
	}
	return v
}

func TestDebugVarsCountClientsMessagesAndBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		startServer(t).join("eve") // a second server in this process, which has its own counters
		ann, bob := server.join("ann"), server.join("bob")
		ann.says("first")
		bob.hears("ann: first")
		for n := range 20 {
			ann.says(fmt.Sprint(n))
		}
		time.Sleep(2 * batchWait)
		bob.leave()
		synctest.Wait()

		got := server.debugVars()
		if got.Clients != 1 || got.Messages != 21 || got.Batches != 2 {
			t.Errorf("%d clients, %d messages, %d batches; want 1, 21, 2", got.Clients, got.Messages, got.Batches)
		}
		if got.Deliveries != 42 {
			t.Errorf("%d deliveries, want 21 messages for each of two clients", got.Deliveries)
		}
		if got.BatchSizes["1"] != 1 || got.BatchSizes["20"] != 1 || len(got.BatchSizes) != 2 {
			t.Errorf("the batch sizes are %v, want one batch of 1 and one of 20", got.BatchSizes)
		}
		if got.Goroutines == 0 || got.Memstats.Alloc == 0 || got.Pending == nil || *got.Pending != 0 {
			t.Errorf("goroutines, memstats or pending is missing, or something is pending: %+v", got)
		}
	})
}

// A message that comes soon after another one waits until the next batch is due. The clock
// is virtual, so nothing else takes time.
func TestDebugVarsReportLatencies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		if got := server.debugVars().Latency; got.P50 != 0 || got.P99 != 0 {
			t.Errorf("without messages, the latencies are %+v, want 0", got)
		}
		ann := server.join("ann")
		for n := range maxLatencies + 5 {
			ann.says(fmt.Sprint(n))
			ann.hears(fmt.Sprint("ann: ", n))
			if n > 0 && n%10 != 0 {
				time.Sleep(batchWait)
			}
		}
		want := float64(batchWait.Milliseconds())
		if got := server.debugVars().Latency; got.P50 != 0 || got.P99 != want {
			t.Errorf("the latencies are %+v, want a median of 0 and a p99 of %v", got, want)
		}
		if kept := len(server.hub.latencies); kept != maxLatencies {
			t.Errorf("%d latencies are kept, want %d", kept, maxLatencies)
		}
	})
}

func TestDebugVarsReportQueueLengths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		server.joinStalled() // the write of its welcome blocks, so all later frames stay in its queue
		synctest.Wait()
		server.store.setReadOnly(t, true)
		for range 30 {
			ann.says("hello")
		}
		server.fillQueues(30)
		time.Sleep(2 * batchWait)
		got := server.debugVars()
		if got.ClientQueue != 31 { // with the history
			t.Errorf("the longest client queue has %d frames, want 31", got.ClientQueue)
		}
		if *got.Pending != 30 {
			t.Errorf("%d messages are pending, want 30", *got.Pending)
		}
		server.store.setReadOnly(t, false)
	})
}

func TestDebugVarsCountDisconnectReasons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		server.join("ann").leave()
		server.join("bob").leave()
		server.join("eve").crash()
		server.join("big").send(strings.Repeat("x", maxMessage+1))
		server.open() // sends no name
		server.joinStalled()
		server.join("silent")
		time.Sleep(inactiveAfter + heartbeat + endWait + closeWait)
		want := map[string]int{"left": 3, "frame too big": 1, "no name": 1, "inactive": 2}
		if got := server.debugVars().Ended; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the reasons for disconnects are %v, want %v", got, want)
		}
	})
}

// Counters and profiles have an address of their own. At the address of the page there
// are none.
func TestDebugRoutesExistOnlyAtDebugAddr(t *testing.T) {
	log := captureLog(t)
	hub := NewHub(&Store{}, nil)
	stop, err := serveDebug(&config{debugAddr: "127.0.0.1:0"}, hub, nil)
	if err != nil {
		t.Fatal(err)
	}
	addr := regexp.MustCompile(`url=(\S+)/debug/vars`).FindStringSubmatch(log.String())[1]
	for _, path := range []string{"/debug/vars", "/debug/pprof/", "/debug/pprof/goroutine?debug=1", "/debug/pprof/cmdline"} {
		response, err := http.Get(addr + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("GET %s returned %d, want 200", path, response.StatusCode)
		}

		public := httptest.NewRecorder()
		routes(t.Context(), hub, new(sync.WaitGroup), &config{maxClients: 10}).ServeHTTP(public, httptest.NewRequest("GET", path, nil))
		if public.Code != http.StatusNotFound {
			t.Errorf("GET %s at the page's address returned %d, want 404", path, public.Code)
		}
	}
	stop()
	if _, err := http.Get(addr); err == nil {
		t.Error("the debug server still answers after its stop")
	}
}

func TestDebugPortInUseIsAnError(t *testing.T) {
	dir := t.TempDir()
	err := run(t.Context(), &config{
		addr:          "127.0.0.1:0",
		debugAddr:     listen(t).Addr().String(),
		db:            filepath.Join(dir, "chat.db"),
		maxClients:    10,
		announceEvery: time.Hour,
	})
	if err == nil || !strings.Contains(err.Error(), "-debug-addr: listen tcp") {
		t.Errorf("run returned %v, want an error that names -debug-addr", err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("the directory has %v, want the database file alone: was the database closed?", files)
	}
}

// A profile takes as long as the request asks for. The page's server has a write timeout
// of ten seconds; with that, pprof would refuse a profile of thirty.
func TestDebugServerAllowsLongProfiles(t *testing.T) {
	log := captureLog(t)
	stop, err := serveDebug(&config{debugAddr: "127.0.0.1:0"}, NewHub(&Store{}, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	addr := regexp.MustCompile(`url=(\S+)/debug/vars`).FindStringSubmatch(log.String())[1]
	client := http.Client{Timeout: time.Second} // a refusal comes at once
	response, err := client.Get(addr + "/debug/pprof/profile?seconds=30")
	if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
		t.Errorf("the server answered at once (%v, error: %v), want it to make a profile for 30 seconds", response, err)
	}
}

// The debug server may listen on any address, and must be no less careful than the
// chat on this machine.
func TestDebugServerServesKnownHostsOnly(t *testing.T) {
	log := captureLog(t)
	stop, err := serveDebug(&config{debugAddr: "127.0.0.1:0"}, NewHub(&Store{}, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	addr := regexp.MustCompile(`http://(127[^/]*)`).FindString(log.String())
	if status := statusFor(t, "evil.example", addr+"/debug/vars"); status != http.StatusMisdirectedRequest {
		t.Errorf("status %d, want 421", status)
	}
}
