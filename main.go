// Chat is a real-time chat server. Its git history is a course in nine
// milestones; milestones/README.md is the index.
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
	"syscall"
	"time"
)

// config holds what the command line and the environment say, and nothing else.
type config struct {
	addr, db      string
	debugAddr     string // "" for none
	maxClients    int
	rate          float64 // frames a second from each client; 0 for no limit
	announce      []string
	announceFile  string // "" for none
	announceEvery time.Duration
	rest          []string // what stands behind the flags
}

// main only reads the flags and turns an error into a message and exit code 1.
// The work is in run, which can return errors and so can be tested.
func main() {
	var c config
	flag.StringVar(&c.addr, "addr", defaultAddr(), "listen on this `host:port`; without a host, on every network interface")
	flag.StringVar(&c.db, "db", "chat.db", "keep the messages in this SQLite `file`")
	flag.IntVar(&c.maxClients, "max-clients", 1000, "refuse connections beyond this `number`")
	flag.StringVar(&c.debugAddr, "debug-addr", "", "serve counters and profiles at this `host:port`, under /debug/vars and /debug/pprof/; without it, nowhere")
	flag.Float64Var(&c.rate, "rate", 5, "let each client send this `number` of frames a second, ten at once after a rest, names included; 0 for no limit")
	flag.Func("log", "write the log as `text` or json (default text)", setLog)
	flag.Func("announce", "have the server say this `text` now and then; texts given with several of these take turns", c.addAnnouncement)
	flag.StringVar(&c.announceFile, "announce-file", "", "announce the lines of this `file`, too; it is read again for each announcement")
	flag.DurationVar(&c.announceEvery, "announce-every", 30*time.Minute, "the `time` between two announcements")
	flag.Parse()
	c.rest = flag.Args()

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
	case "text": // as it is
	case "json":
		slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	default:
		return errors.New("it must be text or json")
	}
	return nil
}

// check is for what package flag cannot know.
func (c *config) check() error {
	switch {
	case len(c.rest) > 0:
		return fmt.Errorf("unknown argument %q", c.rest[0])
	case c.addr == "": // net.Listen would take any port, on every network interface
		return errors.New("-addr must be a host:port")
	case c.db == "" || c.db == ":memory:": // for SQLite, a database that is gone with its connection
		return errors.New("-db must be a file")
	case c.maxClients <= 0:
		return errors.New("-max-clients must be more than 0")
	case !(c.rate >= 0): // NaN is neither less nor more
		return errors.New("-rate must be 0 or more")
	case c.announceEvery <= 0:
		return errors.New("-announce-every must be more than 0")
	}
	return nil
}

// run serves until ctx ends or something fails. Listening and serving are two
// steps, so that the URL is printed only once the port is really ours.
func run(ctx context.Context, c *config) error {
	if err := c.check(); err != nil {
		return err
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
	history, err := store.History()
	if err != nil {
		return errors.Join(err, store.Close())
	}
	hub := NewHub(store, history)
	if c.debugAddr != "" {
		stop, err := serveDebug(c.debugAddr, hub)
		if err != nil {
			return errors.Join(err, store.Close())
		}
		defer stop() // last, because a stop that hangs is worth looking at
	}
	slog.Info("chat is running", "url", pageURL(c.addr, listener))
	return serve(ctx, hub, c, listener)
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
