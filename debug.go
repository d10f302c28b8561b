package main

import (
	"errors"
	"expvar"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"strings"
	"sync"
	"time"
)

// stats counts what happens in the room, and which connections are refused. It
// belongs to one hub. expvar.NewInt would be shorter, but it publishes a name for
// the whole process, and panics when a second server publishes the same name.
type stats struct {
	clients      expvar.Int // in the room
	messages     expvar.Int // published since the start
	deliveries   expvar.Int // the same, but each once for each client in the room
	longestQueue expvar.Int // frames in the fullest queue of a client, at the last delivery
	ended        expvar.Map // connections that have ended, by reason
	refused      expvar.Map // connections that were refused, by reason
	logged       limiter    // limits the lines about them in the log: strangers could fill the disk
}

// refuse counts a refused connection, and logs it unless there are many.
func (s *stats) refuse(r *http.Request, reason string) {
	s.refused.Add(reason, 1)
	if s.logged.allow(time.Now()) {
		slog.Warn("refused", "why", reason, "peer", r.RemoteAddr, "origin", shorten(r.Header.Get("Origin")))
	}
}

// shorten cuts what a stranger sent, so that strangers cannot fill the log.
func shorten(text string) string {
	const most = 200 // bytes
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// serveDebug serves counters and profiles at c.debugAddr until its caller calls stop.
// Anybody who can connect there sees all of it, and can keep the processor busy.
// So it has an address of its own, for this machine or a private network.
func serveDebug(c *config, hub *Hub, l *lab) (stop func(), err error) {
	listener, err := net.Listen("tcp", c.debugAddr)
	if err != nil {
		return nil, fmt.Errorf("-debug-addr: %w", err)
	}
	if l != nil && !isLoopback(listener) {
		listener.Close()
		return nil, errors.New("-lab: -debug-addr must be on localhost, or strangers could cause trouble")
	}
	server := newServer(knownHost(c.hosts, debugRoutes(hub, l)))
	server.WriteTimeout = 0 // a profile takes as long as the request says
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Serve(listener); err != http.ErrServerClosed {
			slog.Error("the debug server stopped", "error", err)
		}
	})
	slog.Info("debug server is running", "url", pageURL(c.debugAddr, listener)+"/debug/vars")
	if l != nil {
		slog.Info("lab is running", "url", pageURL(c.debugAddr, listener)+"/lab")
	}
	return func() {
		server.Close()
		running.Wait()
	}, nil
}

// debugRoutes serves the variables and the profiles. (Both packages also register
// their handlers with http.DefaultServeMux, which this program does not serve.)
func debugRoutes(hub *Hub, l *lab) http.Handler {
	var vars expvar.Map
	expvar.Do(func(v expvar.KeyValue) { vars.Set(v.Key, v.Value) }) // the variables of every program: cmdline, memstats
	vars.Set("clients", &hub.stats.clients)
	vars.Set("messages", &hub.stats.messages)
	vars.Set("deliveries", &hub.stats.deliveries)
	vars.Set("client_queue_max", &hub.stats.longestQueue)
	vars.Set("connections_ended", &hub.stats.ended)
	vars.Set("connections_refused", &hub.stats.refused)
	vars.Set("batches", &hub.store.savedBatches)
	vars.Set("batch_sizes", &hub.store.batchSizes)
	vars.Set("pending", expvar.Func(func() any { // messages that are not saved yet
		var pending int
		if hub.look(func() { pending = len(hub.pending) + len(hub.saving) }) != nil {
			return nil // null: unknown
		}
		return pending
	}))
	vars.Set("latency_ms", expvar.Func(func() any {
		latency, err := hub.latency(50, 99)
		if err != nil {
			return nil // null: unknown
		}
		return map[string]float64{"p50": latency[0], "p99": latency[1]}
	}))
	if stream, found := hub.log.(*Stream); found {
		vars.Set("behind", &stream.behind)
		vars.Set("reconnects", &stream.reconnects)
	}
	vars.Set("goroutines", expvar.Func(func() any { return runtime.NumGoroutine() }))

	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/vars", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, vars.String()+"\n")
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	if l != nil {
		l.addRoutes(mux)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if foreign(r) { // it could not read a profile, but start one
			http.Error(w, "not for pages of other servers", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}
