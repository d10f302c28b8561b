package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/websocket"
)

// maxAnswers is how many answers to /history may be on their way at a time. Each
// keeps a few hundred KB in memory.
const maxAnswers = 64

// routes maps each request to its handler. ServeMux answers other methods than
// the pattern's with 405, and "GET" includes HEAD. clients counts the connections
// to /ws, which end when ctx ends.
func routes(ctx context.Context, hub *Hub, clients *sync.WaitGroup, c *config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /", secure(servePage()))
	mux.Handle("GET /ws", serveWebSocket(ctx, hub, clients, c))
	mux.Handle("GET /history", secure(limitAnswers(func(w http.ResponseWriter, r *http.Request) {
		serveHistory(hub, w, r)
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

// serveWebSocket answers GET /ws: it refuses foreign pages, starts a goroutine for each client
// that the door lets in, and returns. To a plain request it says why the door is closed.
func serveWebSocket(ctx context.Context, hub *Hub, clients *sync.WaitGroup, c *config) http.HandlerFunc {
	d := newDoor(hub.open, c)
	return func(w http.ResponseWriter, r *http.Request) {
		question := !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") // a page whose WebSocket was refused asks for the reason
		if !question && !sameOrigin(r) {
			hub.stats.refuse(r, "not a page of this server")
			http.Error(w, "only pages of this server may connect", http.StatusForbidden)
			return
		}
		if no := d.enter(r.RemoteAddr); no != nil {
			hub.stats.refuse(r, no.reason)
			w.Header().Set("Retry-After", "1")
			http.Error(w, no.text, no.status)
			return
		}
		if question {
			d.leave(r.RemoteAddr)
			d.joins.giveBack()
			http.Error(w, "this address is for WebSockets", http.StatusBadRequest)
			return
		}
		clients.Add(1) // before takeOver: Shutdown tracks the connection until then, this WaitGroup afterwards
		leave := func() {
			d.leave(r.RemoteAddr)
			clients.Done()
		}
		taken, err := takeOver(w)
		if err != nil {
			leave()
			slog.Error("cannot take over a connection", "peer", r.RemoteAddr, "error", err)
			http.Error(w, "cannot open a WebSocket", http.StatusInternalServerError)
			return
		}
		go func() { // net/http would recover from a panic; here, as in the hub, a panic ends the program
			defer leave()
			webSocket := websocket.Server{Handler: func(ws *websocket.Conn) {
				// Package websocket keeps the request and its own configuration for as long as the
				// connection. Thousands of tiny headers take a quarter of a megabyte.
				*ws.Request(), *ws.Config() = http.Request{RemoteAddr: r.RemoteAddr}, websocket.Config{}
				serveClient(ctx, hub, taken.conn, ws, c.rate)
			}}
			webSocket.ServeHTTP(taken, r)
		}()
	}
}

// limitAnswers refuses requests with 503 while maxAnswers answers are on their way: many
// pages ask at once, or some do not read what they asked for.
func limitAnswers(next http.HandlerFunc) http.Handler {
	answering := make(chan struct{}, maxAnswers) // a semaphore: each answer keeps one value in it
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case answering <- struct{}{}:
			defer func() { <-answering }()
			next(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests at the moment", http.StatusServiceUnavailable)
		}
	})
}

// serveHistory answers GET /history?before=ID with up to historySize messages,
// as a frame would have them. The reader need not be in the room: anybody may
// join, so the history is no secret.
func serveHistory(hub *Hub, w http.ResponseWriter, r *http.Request) {
	if foreign(r) {
		http.Error(w, "only pages of this server may read the history", http.StatusForbidden)
		return
	}
	before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err != nil || before <= 0 {
		http.Error(w, "before must be the id of a message", http.StatusBadRequest)
		return
	}
	if !hub.log.hasAllBefore(before) { // the page has this message from another machine, which is ahead
		w.Header().Set("Retry-After", "1")
		http.Error(w, "this machine does not have all older messages yet", http.StatusServiceUnavailable)
		return
	}
	messages, err := hub.store.HistoryBefore(r.Context(), before)
	if err != nil {
		if r.Context().Err() == nil { // else nobody waits for the answer any more
			slog.Error("cannot answer", "path", r.URL.Path, "error", err)
		}
		http.Error(w, "cannot read the history at the moment", http.StatusInternalServerError)
		return
	}
	answer := array(newestFitting(encodeAll(messages))...)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime(len(answer))))
	w.Write(answer)
}

// answerTime returns how long it may take to write an answer of this size. A browser with a
// slow connection gets more time for a large one.
func answerTime(size int) time.Duration {
	const least, bytesPerSecond = 3 * time.Second, 16 << 10
	return least + time.Duration(size)*time.Second/bytesPerSecond
}

// secure sets the headers with which browsers protect the page. If markup gets
// into the page by a mistake, the Content-Security-Policy lets none of its scripts
// run, and lets it load nothing from other servers. It does not stop everything:
// <meta http-equiv=refresh> can still send the browser elsewhere. Other pages may
// not frame this one, and nosniff makes browsers read JSON as nothing but JSON.
// /ws is not wrapped: it serves no pages.
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

// The next functions decide which pages may use the server. A browser sends the requests
// of any page to any server. It tells the server where the page came from, and the server
// has to refuse what foreign pages send.

// sameOrigin reports whether a handshake comes from a page of this server. Browsers let
// any page open a WebSocket to any server. They only tell the server, in the Origin
// header, where the page came from. The server must check it (RFC 6455, section 10.2),
// and websocket.Handler would accept any Origin.
func sameOrigin(r *http.Request) bool {
	origin, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && origin.Host != "" && strings.EqualFold(origin.Host, r.Host)
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

// knownHost refuses requests for host names that are not this server's, with 421.
// The name evil.example may lead to this machine (DNS rebinding). Then a page of
// http://evil.example:8080 and this server have the same origin. But the page cannot
// change the name in the Host header.
func knownHost(hosts []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isKnown(r.Host, hosts) {
			http.Error(w, "this server does not have this host name: give it to the server with -host", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLoopback reports whether only this machine can reach the listener.
func isLoopback(listener net.Listener) bool {
	addr, ok := listener.Addr().(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

// isKnown reports whether host, with or without a port, is an IP address,
// localhost or a name below it (RFC 6761, section 6.3), or one of these hosts.
func isKnown(host string, hosts []string) bool {
	name := strings.ToLower((&url.URL{Host: host}).Hostname())
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	name = strings.TrimSuffix(name, ".")
	return name == "localhost" || strings.HasSuffix(name, ".localhost") ||
		slices.ContainsFunc(hosts, func(known string) bool { return strings.EqualFold(known, name) })
}

// static holds the page. The compiler copies the directory into the program, so
// the program is one file that runs anywhere. The price: after a change to the
// page, you have to start the program again.
//
//go:embed static
var static embed.FS

// pageFile is a file of the page. Both forms are made once, at the start.
type pageFile struct {
	name           string
	plain, gzipped []byte
	tag            string // the ETag
}

// servePage serves the page's files. http.FileServerFS would be shorter. But embedded
// files have no time of modification, so a browser would load all of them again at each
// visit. With an ETag, a hash of the content, it learns that it has the file already.
// ("no-cache" lets it keep the file, and makes it ask each time.)
func servePage() http.Handler {
	files, err := pageFiles()
	if err != nil {
		panic(err) // cannot happen: the files are in memory
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, found := files[strings.TrimSuffix(r.URL.Path, "index.html")]
		if !found {
			http.NotFound(w, r)
			return
		}
		content := file.plain
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			content = file.gzipped
			w.Header().Set("Content-Encoding", "gzip")
		}
		w.Header().Set("Vary", "Accept-Encoding")
		w.Header().Set("ETag", file.tag)
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, file.name, time.Time{}, bytes.NewReader(content)) // 304 if the browser has this tag
	})
}

// pageFiles returns the files of the page, by the path of their address.
func pageFiles() (map[string]pageFile, error) {
	files := make(map[string]pageFile)
	err := fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		plain, err := fs.ReadFile(static, name)
		if err != nil {
			return err
		}
		var gzipped bytes.Buffer
		w := gzip.NewWriter(&gzipped)
		w.Write(plain)
		w.Close() // no error: it writes to memory
		path := strings.TrimPrefix(name, "static")
		path = strings.TrimSuffix(path, "index.html")
		// W/ makes the tag weak: it says the same of both forms.
		files[path] = pageFile{name, plain, gzipped.Bytes(), fmt.Sprintf(`W/"%x"`, sha256.Sum256(plain))}
		return nil
	})
	return files, err
}
