package main

import (
	"context"
	"embed"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/websocket"
)

// static holds the page. The compiler copies the directory into the program,
// so the program is one file that runs anywhere; the price is that a change to
// the page shows only after the next `go run .`.
//
//go:embed static
var static embed.FS

// routes is the map of the server: which request goes to which handler.
// A pattern that names a method answers other methods with 405 by itself, and
// "GET" includes HEAD. The handlers of /ws are counted in clients, and stop
// when ctx ends.
func routes(ctx context.Context, hub *Hub, clients *sync.WaitGroup, c *config) http.Handler {
	page, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // only a malformed path, and this one is a constant
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", secure(http.FileServerFS(page)))
	webSocket := websocket.Server{
		Handshake: func(config *websocket.Config, r *http.Request) error { return sameOrigin(hub, config, r) },
		Handler:   func(ws *websocket.Conn) { serveClient(ctx, hub, ws, c.rate) },
	}
	places := make(chan struct{}, c.maxClients) // a semaphore: who puts something in has a place
	mux.HandleFunc("GET /ws", func(w http.ResponseWriter, r *http.Request) {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		default:
			hub.stats.refuse(r, "the room is full")
			http.Error(w, "the room is full", http.StatusServiceUnavailable)
			return
		}
		clients.Add(1) // before the upgrade: until then Shutdown knows the connection, and from then on this does
		defer clients.Done()
		webSocket.ServeHTTP(w, r)
	})
	mux.Handle("GET /history", secure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serveHistory(hub.store, w, r)
	})))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := hub.health(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
	})
	return mux
}

// serveHistory answers GET /history?before=ID with up to historySize messages,
// as a frame would have them. The reader need not be in the room: anybody may
// join, so the history is no secret.
func serveHistory(store *Store, w http.ResponseWriter, r *http.Request) {
	if foreign(r) {
		http.Error(w, "only pages of this server may read the history", http.StatusForbidden)
		return
	}
	before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err != nil || before <= 0 {
		http.Error(w, "before must be the id of a message", http.StatusBadRequest)
		return
	}
	messages, err := store.HistoryBefore(r.Context(), before)
	switch {
	case errors.Is(err, errNotSaved):
		w.Header().Set("Retry-After", "1") // seconds
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	case err != nil:
		if r.Context().Err() == nil { // else nobody waits for the answer any more
			slog.Error("cannot answer", "path", r.URL.Path, "error", err)
		}
		http.Error(w, "cannot read the history at the moment", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(encode(messages...))
}

// secure has the browser help: should markup slip into the page in spite of
// all care, the Content-Security-Policy lets no script of it run and nothing
// load but what this server serves. It does not stop all that markup can do: a
// <meta http-equiv=refresh> still takes the page elsewhere. No other page may
// frame this one, and nosniff has JSON read as nothing else. /ws is not wrapped,
// because a WebSocket handshake needs the ResponseWriter as net/http made it.
func secure(next http.Handler) http.Handler {
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
		"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses the handshake, with 403, unless it comes from a page of
// this server. Browsers let any page open a WebSocket to any server; all they
// do is to say honestly, in the Origin header, where the page came from. The
// check is ours to make (RFC 6455, section 10.2): websocket.Handler wants an
// Origin, and takes any.
func sameOrigin(hub *Hub, config *websocket.Config, request *http.Request) error {
	origin, err := websocket.Origin(config, request)
	if err != nil || origin == nil || !strings.EqualFold(origin.Host, request.Host) {
		hub.stats.refuse(request, "not a page of this server")
		return errors.New("foreign or missing Origin")
	}
	config.Origin = origin
	return nil
}

// foreign reports whether a request comes from a page of another server. Newer
// browsers say so in Sec-Fetch-Site, if the connection is encrypted or does not
// leave the machine; others send the Origin of a foreign page. A request with
// neither comes from a page of ours, or from no browser, or from a foreign page
// that may ask, as it may for a picture, but may not read the answer.
//
// http.CrossOriginProtection would not do here. It protects a server's state
// from foreign requests, so it lets every GET through. These routes are GETs,
// and what they protect is the answer.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "":
		origin, err := url.Parse(r.Header.Get("Origin"))
		return r.Header.Get("Origin") != "" && (err != nil || !strings.EqualFold(origin.Host, r.Host))
	case "same-origin", "none": // none: somebody has typed the address
		return false
	default:
		return true
	}
}
