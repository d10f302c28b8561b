// Chat is a real-time chat server. Its git history is a course in nine
// milestones; milestones/README.md is the index.
package main

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/websocket"
)

// stopTimeout is how long a stop may take; some platforms kill after that.
const stopTimeout = 5 * time.Second

// static holds the page. The compiler copies the directory into the program,
// so the program is one file that runs anywhere; the price is that a change to
// the page shows only after the next `go run .`.
//
//go:embed static
var static embed.FS

// config is what the command line and the environment say.
type config struct {
	addr, db   string
	maxClients int
	announcer  Announcer
}

// main only reads the flags and turns an error into a message and exit code 1.
// The work is in run, which can return errors and so can be tested.
func main() {
	var c config
	flag.StringVar(&c.addr, "addr", defaultAddr(), "listen on this `host:port`; without a host, on every network interface")
	flag.StringVar(&c.db, "db", "chat.db", "keep the messages in this SQLite `file`")
	flag.IntVar(&c.maxClients, "max-clients", 1000, "refuse connections beyond this `number`")
	flag.Func("log", "write the log as `text` or json (default text)", setLog)
	flag.Func("announce", "have the server say this `text` now and then; texts given with several of these take turns", c.announcer.add)
	flag.DurationVar(&c.announcer.every, "announce-every", 30*time.Minute, "the `time` between two announcements")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal begins an orderly stop; a second one ends the program at once

	if err := run(ctx, &c); err != nil {
		slog.Error("chat stopped", "error", err)
		os.Exit(1)
	}
}

// defaultAddr is where to listen without -addr. Platforms say it with a
// variable: ADDR, or PORT, which means that port on every network interface.
// Without those, nothing outside this machine can connect.
func defaultAddr() string {
	port := os.Getenv("PORT")
	if port != "" {
		port = ":" + port
	}
	return cmp.Or(os.Getenv("ADDR"), port, "localhost:8080")
}

func setLog(format string) error {
	switch format {
	case "text": // as it is
	case "json":
		slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	default:
		return errors.New("it must be text or json")
	}
	return nil
}

// run serves until ctx ends or something fails. Listening and serving are two
// steps, so that the URL is printed only once the port is really ours.
func run(ctx context.Context, c *config) error {
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("unknown argument %q", flag.Arg(0))
	case c.maxClients <= 0:
		return errors.New("-max-clients must be more than nothing")
	case c.announcer.every <= 0:
		return errors.New("-announce-every must be more than nothing")
	}
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		return err // it says all there is to say: "listen tcp 127.0.0.1:8080: bind: address already in use"
	}
	defer listener.Close()
	store, err := OpenStore(c.db)
	if err != nil {
		return err
	}
	recent, err := store.History()
	if err != nil {
		return err
	}
	slog.Info("chat is running", "url", pageURL(c.addr, listener))
	return serve(ctx, NewHub(store, recent), c, listener)
}

// serve starts all that runs beside main, waits for the end of ctx, and then for
// the end of all that. It is an error if something does not end, or is lost.
func serve(ctx context.Context, hub *Hub, c *config, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	var running, saving, clients sync.WaitGroup
	var lost error
	server := newServer(routes(ctx, hub, &clients, c.maxClients))
	failed := make(chan error, 1)
	saving.Go(func() { lost = hub.store.Run(ctx) })
	running.Go(func() { hub.Run(ctx) })
	running.Go(func() { sweep(ctx, hub) })
	running.Go(func() { c.announcer.Run(ctx, hub) })
	running.Go(func() { failed <- server.Serve(listener) })

	var err error
	select {
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
		cancel()
	case <-ctx.Done():
		slog.Info("chat is stopping")
	}

	deadline := time.Now().Add(stopTimeout)
	shutdown(server)
	err = errors.Join(err,
		waitFor(deadline, "the clients", &clients),
		waitFor(deadline, "the hub", &running))
	if late := waitFor(deadline, "the store", &saving); late != nil {
		return errors.Join(err, late)
	}
	return errors.Join(err, lost)
}

// shutdown has the server accept nothing more and finish what it is answering.
// Browsers open connections in advance, and Shutdown would wait five seconds
// for a first request on those; so after a second the rest is closed. Of
// WebSockets the server knows nothing: the hub ends them.
func shutdown(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
}

// waitFor waits for a group of goroutines, but not for ever.
func waitFor(deadline time.Time, who string, group *sync.WaitGroup) error {
	ended := make(chan struct{})
	go func() {
		group.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(max(time.Until(deadline), 100*time.Millisecond)): // enough to see what ended long ago
		return fmt.Errorf("%s did not end within %v", who, stopTimeout)
	}
}

// newServer sets the time limits that http.Server leaves off by default.
// Without them, clients that connect and then dawdle, by accident or on
// purpose, hold a connection and a goroutine each for as long as they like.
func newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
	}
}

// routes is the map of the server: which request goes to which handler.
// A pattern that names a method answers other methods with 405 by itself, and
// "GET" includes HEAD. The handlers of /ws are counted in clients, and stop
// when ctx ends.
func routes(ctx context.Context, hub *Hub, clients *sync.WaitGroup, maxClients int) http.Handler {
	page, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // only a malformed path, and this one is a constant
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", secure(http.FileServerFS(page)))
	webSocket := websocket.Server{
		Handshake: sameOrigin,
		Handler:   func(ws *websocket.Conn) { serveClient(ctx, hub, ws) },
	}
	places := make(chan struct{}, maxClients) // a semaphore: who puts something in has a place
	mux.HandleFunc("GET /ws", func(w http.ResponseWriter, r *http.Request) {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		default:
			http.Error(w, "the room is full", http.StatusServiceUnavailable)
			return
		}
		clients.Add(1) // before the upgrade: until then Shutdown knows the connection, and from then on this does
		defer clients.Done()
		webSocket.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := hub.health(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
	})
	return mux
}

// secure has the browser help: should markup slip into the page in spite of
// all care, the Content-Security-Policy lets no script of it run and nothing
// load but what this server serves. It does not stop all that markup can do: a
// <meta http-equiv=refresh> still takes the page elsewhere. No other page may
// frame this one. It is for the page's files; /ws is not wrapped, because a
// WebSocket handshake needs the ResponseWriter as net/http made it.
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

// pageURL is the address to open in a browser. The host is the one that was
// asked for; the port is the listener's, because with port 0 the operating
// system chooses one.
func pageURL(addr string, listener net.Listener) string {
	host, _, _ := net.SplitHostPort(addr) // net.Listen has accepted it already
	if host == "" {
		host = "localhost"
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return "http://" + net.JoinHostPort(host, strconv.Itoa(port))
}
