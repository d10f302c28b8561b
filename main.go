// Chat is a real-time chat server. Its git history is a course;
// milestones/README.md is the index.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// config holds the settings from the command line and the environment.
type config struct {
	addr, db       string
	debugAddr      string   // "" means no debug server
	lab            bool     // add the lab to it
	hosts          []string // host names of this server, besides localhost
	clientIPHeader string   // the platform's header with the browser's address; "" means none
	maxClients     int
	maxPerAddress  int      // 0 means no limit
	rate           float64  // frames a second from each client; 0 means no limit
	nats           []string // addresses of NATS servers; none means that SQLite is the log
	natsStream     string
	natsReplicas   int
	natsImport     string // a database to import into the stream, instead of starting a server; "" means none
	announce       []string
	announceFile   string // "" means none
	announceEvery  time.Duration
	trouble        string   // what trouble to cause for a server, instead of being one; "" means none
	rest           []string // arguments after the flags; there should be none
}

// main only reads the flags, and turns an error into a log line and exit code 1.
// os.Exit would end a test too, so testable code is in run.
func main() {
	var c config
	flag.StringVar(&c.addr, "addr", defaultAddr(), "listen on this `host:port`; without a host, on every network interface")
	flag.StringVar(&c.db, "db", "chat.db", "keep the messages in this SQLite `file`")
	flag.IntVar(&c.maxClients, "max-clients", 1000, "the largest `number` of clients; the server refuses more")
	flag.IntVar(&c.maxPerAddress, "max-per-address", 0, "the largest `number` of clients from one address (IPv6: from one /64 network); 0 means no limit")
	flag.StringVar(&c.clientIPHeader, "client-ip-header", "", "read a browser's address in this `header` of the platform's proxy; without such a proxy, anybody can send the header")
	flag.Func("host", "a host `name` of this server, if a proxy or tunnel passes requests for it to localhost; repeat the flag for several names", c.addHost)
	flag.StringVar(&c.debugAddr, "debug-addr", "", "serve counters and profiles at this `host:port`, under /debug/vars and /debug/pprof/ (default: no debug server)")
	flag.BoolVar(&c.lab, "lab", false, "add a page to the debug server, /lab, that shows what happens inside, and causes trouble; -debug-addr is then localhost:6060 by default")
	flag.Func("nats", "share the room with other machines, through the NATS servers at these `addresses`, such as nats://localhost:4222; put commas between several (default: one machine)", c.setNATS)
	flag.StringVar(&c.natsStream, "nats-stream", "chat", "the `name` of the stream that has the messages, with -nats")
	flag.IntVar(&c.natsReplicas, "nats-replicas", 1, "the `number` of NATS servers that keep each message, 1, 3 or 5, for a new stream")
	flag.StringVar(&c.natsImport, "nats-import", "", "append the messages of this SQLite `file` to a new stream, and end; start the machines afterwards, with new databases")
	flag.Float64Var(&c.rate, "rate", 5, "the rate limit: how many frames a second each client may send, after a burst of ten; 0 means no limit, for new connections neither")
	flag.Func("log", "write the log as `text` or json (default text)", setLog)
	flag.Func("announce", "a `text` that the server announces periodically; repeat the flag to rotate several texts", c.addAnnouncement)
	flag.StringVar(&c.announceFile, "announce-file", "", "also announce the lines of this `file`; the server reads it again before each announcement")
	flag.DurationVar(&c.announceEvery, "announce-every", 30*time.Minute, "the `interval` between two announcements")
	flag.StringVar(&c.trouble, "trouble", "", "cause this `trouble` for the server at -addr, from a second terminal, instead of starting a server: talk, crowd, stall, flood, delay, cut or lock (its -db)")
	flag.Parse()
	c.rest = flag.Args()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal begins a shutdown; a second one ends the program at once

	if err := run(ctx, &c); err != nil {
		slog.Error("chat stopped", "error", err)
		os.Exit(1)
	}
}

// defaultAddr is the address to listen on without -addr. Platforms set it with a
// variable: ADDR, or PORT, which means that port on every network interface.
// Without either, only this machine can connect.
func defaultAddr() string {
	port := os.Getenv("PORT")
	if port != "" {
		port = ":" + port
	}
	return cmp.Or(os.Getenv("ADDR"), port, "localhost:8080")
}

// addHost is called for each -host.
func (c *config) addHost(name string) error {
	name = strings.TrimSuffix(name, ".")
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r == ':' || r == '/' || r > unicode.MaxASCII }) {
		return errors.New("it must be a name in ASCII, without port and scheme")
	}
	c.hosts = append(c.hosts, name)
	return nil
}

func (c *config) setNATS(addresses string) error {
	c.nats = strings.Split(addresses, ",")
	for _, address := range c.nats {
		if _, err := parseNATS(address); err != nil {
			return err
		}
	}
	return nil
}

// addAnnouncement is called for each -announce.
func (c *config) addAnnouncement(text string) error {
	text, err := checkText(text)
	if err == nil {
		c.announce = append(c.announce, text)
	}
	return err
}

func setLog(format string) error {
	switch format {
	case "text": // slog's default
	case "json":
		slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	default:
		return errors.New("it must be text or json")
	}
	return nil
}

// check returns an error for a setting that package flag cannot refuse by itself.
func (c *config) check() error {
	switch {
	case len(c.rest) > 0:
		return fmt.Errorf("unknown argument %q", c.rest[0])
	case c.addr == "": // net.Listen would choose any free port, on every network interface
		return errors.New("-addr must be a host:port")
	case c.db == "" || c.db == ":memory:": // for SQLite, a database that ends with its connection
		return errors.New("-db must be a file")
	case c.maxClients <= 0 || c.maxClients > 1_000_000:
		return errors.New("-max-clients must be between 1 and 1000000")
	case c.maxPerAddress < 0:
		return errors.New("-max-per-address must be 0 or more")
	case !(c.rate >= 0): // c.rate < 0 would let NaN through
		return errors.New("-rate must be 0 or more")
	case len(c.nats) > 0 && !isRef(c.natsStream): // it becomes a part of subjects
		return errors.New("-nats-stream must have 1 to 64 letters, digits, _ and -")
	case len(c.nats) > 0 && (c.natsReplicas != 1 && c.natsReplicas != 3 && c.natsReplicas != 5):
		return errors.New("-nats-replicas must be 1, 3 or 5")
	case len(c.nats) == 0 && c.natsImport != "":
		return errors.New("-nats-import needs -nats")
	case c.announceEvery <= 0:
		return errors.New("-announce-every must be more than 0")
	}
	return nil
}

// run serves until ctx ends or something fails. It listens first and serves
// later, so that it logs the URL only when it really has the port.
func run(ctx context.Context, c *config) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.trouble != "" {
		return causeTrouble(ctx, c)
	}
	if c.natsImport != "" {
		return importMessages(ctx, c)
	}
	if c.lab {
		if os.Getenv(labServer) == "" {
			return keepRunning(ctx)
		}
		ctx = endsWithInput(ctx)
	}
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		return err // it needs no more words: "listen tcp 127.0.0.1:8080: bind: address already in use"
	}
	defer listener.Close()
	store, err := OpenStore(c.db)
	if err != nil {
		return err
	}
	history, err := store.History()
	if err != nil {
		return errors.Join(err, store.Close())
	}
	hub := NewHub(store, history)
	if len(c.nats) > 0 {
		hub.follow(newStream(c, store))
	}
	var l *lab
	if c.lab {
		c.debugAddr = cmp.Or(c.debugAddr, "localhost:6060")
		labCtx, stopTroubles := context.WithCancel(ctx)
		l = newLab(labCtx, hub, pageURL(c.addr, listener))
		defer l.running.Wait()
		defer stopTroubles()
	}
	if c.debugAddr != "" {
		stop, err := serveDebug(c, hub, l)
		if err != nil {
			return errors.Join(err, store.Close())
		}
		defer stop() // last, so that the profiles show where a shutdown hangs
	}
	slog.Info("chat is running", "url", pageURL(c.addr, listener))
	return serve(ctx, hub, c, listener)
}

// pageURL is the address to open in a browser. The host comes from addr. The port
// comes from the listener: for port 0 the operating system has chosen one.
func pageURL(addr string, listener net.Listener) string {
	host, _, _ := net.SplitHostPort(addr) // no error: net.Listen accepted it
	if host == "" {
		host = "localhost"
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return "http://" + net.JoinHostPort(host, strconv.Itoa(port))
}
