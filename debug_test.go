package main

import (
	"encoding/json"
	"fmt"
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

// variables is what /debug/vars says, as far as it is ours.
type variables struct {
	Clients     int
	Messages    int
	Batches     int
	Goroutines  int
	BatchSizes  map[string]int `json:"batch_sizes"`
	Ended       map[string]int `json:"connections_ended"`
	Refused     map[string]int `json:"connections_refused"`
	ClientQueue int            `json:"client_queue_max"`
	StoreQueue  *int           `json:"store_queue"`
	Memstats    struct{ Alloc int }
}

// inside asks the server for its variables.
func (s *testServer) inside() (v variables) {
	s.t.Helper()
	response := httptest.NewRecorder()
	debugRoutes(s.hub).ServeHTTP(response, httptest.NewRequest("GET", "/debug/vars", nil))
	if err := json.Unmarshal(response.Body.Bytes(), &v); err != nil {
		s.t.Fatalf("%s: %v", response.Body, err)
	}
	return v
}

func TestTheInsideCanBeSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		startServer(t).join("eve") // another server in this process, whose figures are its own
		ann, bob := server.join("ann"), server.join("bob")
		time.Sleep(2 * batchWait) // in which there is nothing to save
		for n := range maxBatch + 20 {
			ann.says(fmt.Sprint(n))
		}
		time.Sleep(2 * batchWait)
		bob.leave()
		synctest.Wait()

		got := server.inside()
		if got.Clients != 1 || got.Messages != maxBatch+20 || got.Batches != 2 {
			t.Errorf("%d clients, %d messages, %d batches; want 1, %d, 2", got.Clients, got.Messages, got.Batches, maxBatch+20)
		}
		if got.BatchSizes["100"] != 1 || got.BatchSizes["20"] != 1 || len(got.BatchSizes) != 2 {
			t.Errorf("the batches are %v, want one of 100 and one of 20", got.BatchSizes)
		}
		if got.Goroutines == 0 || got.Memstats.Alloc == 0 || got.StoreQueue == nil || *got.StoreQueue != 0 {
			t.Errorf("something is missing: %+v", got)
		}
	})
}

func TestTheQueuesCanBeSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		server.joinDeaf() // whose welcome is on its way for ever, and what follows waits
		synctest.Wait()
		server.store.setReadOnly(t, true)
		for n := range maxBatch + 30 {
			ann.says(fmt.Sprint(n))
		}
		time.Sleep(2 * batchWait)
		got := server.inside()
		if got.ClientQueue != maxBatch+30 {
			t.Errorf("the longest queue of a client is %d, want %d", got.ClientQueue, maxBatch+30)
		}
		if *got.StoreQueue != 30 { // a batch is full, and cannot be saved
			t.Errorf("the queue of the store is %d, want 30", *got.StoreQueue)
		}
		server.store.setReadOnly(t, false)
	})
}

func TestWhyConnectionsEndedCanBeSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		server.join("ann").leave()
		server.join("bob").leave()
		server.join("eve").crash()
		server.join("big").send(strings.Repeat("x", maxFrame+1))
		server.open() // gives no name
		server.joinDeaf()
		server.join("silent")
		time.Sleep(inactiveAfter + heartbeat + writeWait)
		want := map[string]int{"left": 3, "frame too big": 1, "no name": 1, "cannot write": 1, "inactive": 1}
		if got := server.inside().Ended; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the connections ended like this: %v, want %v", got, want)
		}
	})
}

// The inside has an address of its own, and cannot be seen at that of the page.
func TestTheInsideIsNotForEverybody(t *testing.T) {
	log := captureLog(t)
	hub := NewHub(&Store{}, nil)
	stop, err := serveDebug("127.0.0.1:0", hub)
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
			t.Errorf("GET %s is answered with %d, want 200", path, response.StatusCode)
		}

		public := httptest.NewRecorder()
		routes(t.Context(), hub, new(sync.WaitGroup), &config{maxClients: 10}).ServeHTTP(public, httptest.NewRequest("GET", path, nil))
		if public.Code != http.StatusNotFound {
			t.Errorf("GET %s at the page's address is answered with %d, want 404", path, public.Code)
		}
	}
	stop()
	if _, err := http.Get(addr); err == nil {
		t.Error("after the stop the inside can still be seen")
	}
}

func TestATakenDebugPortIsAnError(t *testing.T) {
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
		t.Errorf("the database was not closed: its directory has %v", files)
	}
}

// The page's server has ten seconds for an answer, and a profile takes thirty.
func TestAProfileMayTakeItsTime(t *testing.T) {
	log := captureLog(t)
	stop, err := serveDebug("127.0.0.1:0", NewHub(&Store{}, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	addr := regexp.MustCompile(`url=(\S+)/debug/vars`).FindStringSubmatch(log.String())[1]
	client := http.Client{Timeout: 200 * time.Millisecond} // what is refused, is refused at once
	response, err := client.Get(addr + "/debug/pprof/profile?seconds=30")
	if err == nil {
		t.Errorf("a profile of 30 seconds is answered with %s within a moment", response.Status)
	}
}

func TestPagesOfOtherServersCannotStartProfiles(t *testing.T) {
	request := httptest.NewRequest("GET", "/debug/pprof/profile?seconds=30", nil)
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	response := httptest.NewRecorder()
	debugRoutes(NewHub(&Store{}, nil)).ServeHTTP(response, request)
	if response.Code != http.StatusForbidden {
		t.Errorf("status %d, want 403", response.Code)
	}
}
