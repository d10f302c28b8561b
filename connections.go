package main

import (
	"bufio"
	"container/list"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// This file limits what comes in: how many connections there are, how many of them come
// from one address, how many new ones begin in a second, and how fast each may send
// frames. And it takes a connection over from net/http when it becomes a WebSocket.

// kernelBuffer is the size of each connection's send buffer, in which the operating system
// keeps bytes for a client that reads more slowly than we write. (Linux doubles the number.)
// Without a limit of ours, the buffer grows to four megabytes: a thousand clients that read
// nothing would pin four gigabytes. And the queue of such a client would begin to fill only
// minutes later, so the hub would notice late that the client is too slow.
const kernelBuffer = 128 << 10

// connectionMargin is how many connections may be open in addition to maxClients:
// for pages that load, for older messages, and for /healthz.
const connectionMargin = 128

// A new client may say several things at once. A program that reconnects again and again
// could do so without end. So new connections to /ws have a rate limit, too.
const (
	joinRate  = 100 // a second
	joinBurst = 200 // at once, after a pause: a room that comes back after a restart
)

// limitedListener limits the number of open connections, whatever they do. Accept
// does not wait for one to end, because then nobody could ask /healthz any more. If
// there are too many, the connection that has been in its state for the longest time
// makes room: it is new and sends nothing, or sends its request slowly, or reads its
// answer slowly, or is idle. WebSockets stay: -max-clients limits their number,
// so there is always another connection that can go.
type limitedListener struct {
	net.Listener
	most int

	mu    sync.Mutex
	open  int
	other *list.List // of *limitedConn that are no WebSockets, longest in its state first
}

func limitListener(listener net.Listener, most int) *limitedListener {
	return &limitedListener{Listener: listener, most: most, other: list.New()}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if oldest := l.count(); oldest != nil {
		oldest.Close()
	}
	if tcp, ok := conn.(*net.TCPConn); ok { // in tests, it may be a pipe
		tcp.SetWriteBuffer(kernelBuffer)
	}
	return &limitedConn{Conn: conn, listener: l}, nil
}

// count counts a new connection, and returns the one that has to make room for it.
func (l *limitedListener) count() *limitedConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open++
	if l.open <= l.most || l.other.Len() == 0 {
		return nil
	}
	return l.other.Front().Value.(*limitedConn)
}

// connState is for http.Server.ConnState. The server calls it for a new connection
// before it accepts the next one.
func (l *limitedListener) connState(conn net.Conn, state http.ConnState) {
	c := conn.(*limitedConn)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(c)
	if !c.closed && state != http.StateHijacked { // a hijacked connection is a WebSocket
		c.element = l.other.PushBack(c)
	}
}

// forget takes a connection out of the list. Call it with mu locked.
func (l *limitedListener) forget(c *limitedConn) {
	if c.element != nil {
		l.other.Remove(c.element)
		c.element = nil
	}
}

// limitedConn is a connection that the listener counts.
type limitedConn struct {
	net.Conn
	listener *limitedListener

	// The listener's mu guards these.
	element *list.Element // of the list; nil for a WebSocket
	closed  bool
}

// Close may be called more than once, by net/http, by package websocket, and by the
// listener. It counts once.
func (c *limitedConn) Close() error {
	c.listener.mu.Lock()
	c.listener.forget(c)
	if !c.closed {
		c.closed = true
		c.listener.open--
	}
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite is for net/http, which ends some answers with it: a client that is
// still sending can then read the answer before the connection is closed.
func (c *limitedConn) CloseWrite() error {
	if conn, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return conn.CloseWrite()
	}
	return nil // a connection of a test
}

// clientAddress replaces the address of the platform's proxy in each request with
// that of the browser, which the proxy sends in a header. Use
// only a header that the proxy sets itself, and only behind that proxy: anybody
// else can send any header.
func clientAddress(header string, next http.Handler) http.Handler {
	if header == "" {
		return next
	}
	var warn sync.Once
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addr, err := netip.ParseAddr(r.Header.Get(header))
		switch {
		case err != nil && r.URL.Path == "/healthz": // the platform's own checks have no such header
		case err != nil:
			warn.Do(func() { slog.Warn("a request has no address in the header", "header", header, "path", r.URL.Path) })
		default:
			r = r.WithContext(r.Context())            // a copy: a handler may not change the request that it was given
			r.RemoteAddr = addr.WithZone("").String() // a zone may have any length
		}
		next.ServeHTTP(w, r)
	})
}

// door decides who may open a WebSocket. Each connection that it lets in takes a place,
// until somebody calls leave.
type door struct {
	open      <-chan struct{} // closed when clients may join
	places    chan struct{}   // a semaphore: each client keeps one value in it
	addresses *addressLimit
	joins     limiter
}

func newDoor(open <-chan struct{}, c *config) *door {
	d := &door{
		open:      open,
		places:    make(chan struct{}, c.maxClients),
		addresses: &addressLimit{most: c.maxPerAddress, open: make(map[netip.Prefix]int)},
		joins:     limiter{rate: joinRate, size: joinBurst},
	}
	if c.rate == 0 {
		d.joins.rate = 0
	}
	return d
}

// notNow says why the door does not let somebody in. All these reasons are temporary.
type notNow struct {
	status int
	reason string // for the log and the counters
	text   string // for a person
}

// enter lets somebody in, or says why not.
func (d *door) enter(remoteAddr string) *notNow {
	select {
	case <-d.open:
	default:
		return &notNow{http.StatusServiceUnavailable, "catching up", "the server is catching up with the others"}
	}
	if !d.addresses.enter(remoteAddr) {
		return &notNow{http.StatusTooManyRequests, "too many from one address", "too many connections from this address"}
	}
	select {
	case d.places <- struct{}{}:
	default:
		d.addresses.leave(remoteAddr)
		return &notNow{http.StatusServiceUnavailable, "the room is full", "the room is full"}
	}
	if !d.joins.allow(time.Now()) { // last: somebody who is refused for another reason must not take a token
		d.leave(remoteAddr)
		return &notNow{http.StatusServiceUnavailable, "too many people at once", "too many people at once"}
	}
	return nil
}

func (d *door) leave(remoteAddr string) {
	<-d.places
	d.addresses.leave(remoteAddr)
}

// addressLimit counts connections by address.
type addressLimit struct {
	most int // connections from one address; 0 means any number

	mu   sync.Mutex
	open map[netip.Prefix]int
}

// enter counts one more connection from this address, and reports whether it is
// allowed. If so, call leave when the connection ends.
func (l *addressLimit) enter(remoteAddr string) bool {
	network := networkOf(remoteAddr)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most > 0 && l.open[network] >= l.most {
		return false
	}
	l.open[network]++
	return true
}

func (l *addressLimit) leave(remoteAddr string) {
	network := networkOf(remoteAddr)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[network]--
	if l.open[network] == 0 {
		delete(l.open, network)
	}
}

// networkOf returns the network that one person is likely to have: a single IPv4
// address, or the first 64 bits of an IPv6 address, which a provider gives to a customer.
func networkOf(remoteAddr string) netip.Prefix {
	addr, err := netip.ParseAddr(remoteAddr) // from a header
	if err != nil {
		withPort, _ := netip.ParseAddrPort(remoteAddr) // from net/http
		addr = withPort.Addr()
	}
	addr = addr.Unmap()
	network, _ := addr.Prefix(min(64, addr.BitLen())) // no error: the length fits
	return network
}

const burst = 10 // frames that a client may send at once, after a pause

var errTooFast = errors.New("not sent yet: this was too fast, please wait a moment")

// limiter is a token bucket. Every frame takes a token out, rate tokens a second
// come in, and the bucket holds at most size tokens. So a person can say several
// things in a row, but cannot go on at that speed.
//
// A new limiter has a full bucket: it was last filled at the zero time, which is
// long ago. Several goroutines may use a limiter.
type limiter struct {
	rate float64 // tokens a second; 0 means no limit
	size float64 // tokens in a full bucket

	mu     sync.Mutex
	tokens float64 // a fraction is possible: at 5 a second, half a token comes in within 100 ms
	filled time.Time
}

func (l *limiter) allow(now time.Time) bool {
	if l.rate == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens = min(l.size, l.tokens+now.Sub(l.filled).Seconds()*l.rate)
	l.filled = now
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}

// giveBack puts a token back that was not needed.
func (l *limiter) giveBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens = min(l.size, l.tokens+1)
}

const (
	readBuffer  = 512 // bytes; larger payloads do not pass through the buffer
	writeBuffer = 256 // bytes, for the handshake, pongs and close frames
)

// takenOver is a connection that takeOver has taken from net/http. Package websocket takes
// connections only from a ResponseWriter that it can hijack, so takenOver is one.
type takenOver struct {
	http.ResponseWriter // nil: of its methods, only Hijack works
	conn                net.Conn
	buffers             *bufio.ReadWriter
}

// takeOver takes the connection of a request from net/http. Otherwise package websocket
// would do so, and keep using net/http's two buffers of 4 KB, and net/http's goroutine
// would stay in the handler. A WebSocket is open for hours, and needs less. So the handler
// takes the connection over and returns; a goroutine of our own goes on, with smaller
// buffers.
func takeOver(w http.ResponseWriter) (takenOver, error) {
	conn, buffers, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return takenOver{}, err
	}
	// This deadline is for the handshake: Hijack has cleared those of net/http, and
	// serveClient sets its own only afterwards.
	conn.SetDeadline(time.Now().Add(nameWait))
	if buffers.Reader.Buffered() == 0 { // else frames came right behind the request, and are in the old buffer
		buffers.Reader = bufio.NewReaderSize(conn, readBuffer)
	}
	buffers.Writer = bufio.NewWriterSize(conn, writeBuffer)
	return takenOver{conn: conn, buffers: buffers}, nil
}

func (t takenOver) Hijack() (net.Conn, *bufio.ReadWriter, error) { return t.conn, t.buffers, nil }
