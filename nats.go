package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// This file speaks the client protocol of NATS, a server that passes messages between programs:
// lines of text over TCP (docs.nats.io, "Client Protocol"; headers are those of its ADR-4). A
// program subscribes to a subject, such as chat.main, and then receives what others publish to it.
//
// The official client is github.com/nats-io/nats.go, and a program that may have one more
// dependency should use that. This one does only what a chat needs. It does not learn of other
// servers from the ones that it knows, and knows no NKeys, no compression and no queue groups.

const (
	natsLine    = 32 << 10        // bytes in a line, at most; a server's INFO is the longest
	natsPayload = 1 << 20         // bytes in the headers and the payload of a message, at most: the default of servers. Larger messages arrive empty
	natsPing    = time.Second     // between two PINGs
	natsSilence = 5 * time.Second // a server that sends nothing for so long, not even a PONG, is gone
	natsWait    = 2 * time.Second // for a connection, a write, or the answer to a request
	natsRetry   = 2 * time.Second // between two attempts to connect, at most
	natsTell    = time.Minute     // between two lines in the log while none succeeds
)

// natsMessage is a message from a server, or for one.
type natsMessage struct {
	subject string
	reply   string            // the subject for an answer; "" means that nobody waits for one
	status  string            // from a server itself: 503 means that nobody answers, 100 that the server is alive
	header  map[string]string // names are case-sensitive
	data    []byte
}

// natsConn is a connection to one server. When it has ended, it stays so: keepConnected makes
// another one.
type natsConn struct {
	conn    net.Conn // tcp, or TLS over it
	tcp     net.Conn
	inbox   string        // the beginning of the subjects that belong to this connection alone
	ended   chan struct{} // closed when the connection has ended; err then says why
	err     error
	closing chan struct{} // closed by close
	pongs   chan struct{} // one place: a PONG has come
	running sync.WaitGroup

	mu            sync.Mutex // guards subscriptions, and keeps writes apart
	subscriptions map[string]chan natsMessage
	lastSID       int // the last id of a subscription
}

// dialNATS connects to the server at an address such as nats://user:password@host:4222,
// nats://token@host or tls://host.
func dialNATS(ctx context.Context, address string) (*natsConn, error) {
	server, err := parseNATS(address)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: natsWait}
	conn, err := dialer.DialContext(ctx, "tcp", server.Host)
	if err != nil {
		return nil, err
	}
	return startNATS(conn, server)
}

// startNATS does the handshake, and starts the goroutines of the connection.
func startNATS(tcp net.Conn, server *url.URL) (*natsConn, error) {
	tcp.SetDeadline(time.Now().Add(natsWait)) // a server that hangs still accepts connections
	conn, in, err := greetNATS(tcp, server)
	if err != nil {
		tcp.Close()
		return nil, fmt.Errorf("connect to NATS at %s: %w", server.Host, err)
	}
	conn.SetDeadline(time.Time{})
	c := &natsConn{
		conn:          conn,
		tcp:           tcp,
		inbox:         "_INBOX." + rand.Text(),
		ended:         make(chan struct{}),
		closing:       make(chan struct{}),
		pongs:         make(chan struct{}, 1),
		subscriptions: make(map[string]chan natsMessage),
	}
	c.running.Go(func() {
		c.err = c.read(in)
		close(c.ended)
	})
	c.running.Go(c.ping)
	return c, nil
}

// parseNATS checks the address of a server. The port is 4222 if the address has none.
func parseNATS(address string) (*url.URL, error) {
	server, err := url.Parse(address)
	if err != nil || server.Scheme != "nats" && server.Scheme != "tls" || server.Hostname() == "" {
		return nil, errors.New("the address of a NATS server must look like nats://host:4222 or tls://host:4222")
	}
	if server.Port() == "" {
		server.Host = net.JoinHostPort(server.Hostname(), "4222")
	}
	return server, nil
}

// natsInfo is what a server says of itself.
type natsInfo struct {
	TLSRequired bool `json:"tls_required"`
	Leaving     bool `json:"ldm"` // "lame duck mode": the server is about to stop
}

// greetNATS does the handshake: the server's INFO, which is plain text even if TLS follows, our
// CONNECT, and a PING whose PONG means that the server has accepted both. It returns the
// connection to use from now on.
func greetNATS(conn net.Conn, server *url.URL) (net.Conn, *bufio.Reader, error) {
	in := bufio.NewReaderSize(conn, natsLine)
	op, err := readNATS(in)
	if err != nil {
		return conn, nil, err
	}
	if op.verb != "INFO" {
		return conn, nil, errors.New("this is no NATS server")
	}
	if op.info.TLSRequired || server.Scheme == "tls" {
		conn = tls.Client(conn, &tls.Config{ServerName: server.Hostname()})
		in = bufio.NewReaderSize(conn, natsLine)
	}
	connect := map[string]any{"verbose": false, "pedantic": false, "headers": true, "no_responders": true,
		"protocol": 1, "echo": true, "lang": "go", "version": "0", "name": "chat"}
	if password, found := server.User.Password(); found {
		connect["user"], connect["pass"] = server.User.Username(), password
	} else if server.User != nil {
		connect["auth_token"] = server.User.Username()
	}
	options, err := json.Marshal(connect)
	if err != nil {
		return conn, nil, err
	}
	if _, err := fmt.Fprintf(conn, "CONNECT %s\r\nPING\r\n", options); err != nil {
		return conn, nil, err
	}
	for {
		op, err := readNATS(in)
		switch {
		case err != nil:
			return conn, nil, err
		case op.verb == "-ERR":
			return conn, nil, errors.New(op.text)
		case op.verb == "PONG":
			return conn, in, nil
		}
	}
}

// read passes messages on to their subscriptions. It ends with the connection.
func (c *natsConn) read(in *bufio.Reader) error {
	defer c.conn.Close()
	for {
		c.conn.SetReadDeadline(time.Now().Add(natsSilence))
		op, err := readNATS(in)
		if err != nil {
			return err
		}
		switch op.verb {
		case "PING":
			err = c.write([]byte("PONG\r\n"))
		case "PONG":
			select {
			case c.pongs <- struct{}{}:
			default: // nobody waits for it
			}
		case "-ERR":
			err = errors.New(op.text)
		case "INFO": // a server may send it at any time
			if op.info.Leaving {
				err = errors.New("the server is about to stop")
			}
		case "MSG", "HMSG":
			c.mu.Lock()
			to := c.subscriptions[op.sid]
			c.mu.Unlock()
			if to != nil {
				select {
				case to <- op.message: // while the subscriber does not take it, we read nothing; flow control limits what the stream still sends
				case <-c.closing:
				}
			}
		}
		if err != nil {
			return err
		}
	}
}

// ping asks the server for a sign of life again and again.
func (c *natsConn) ping() {
	ticker := time.NewTicker(natsPing)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.write([]byte("PING\r\n")) // if this fails, read fails too
		case <-c.ended:
			return
		}
	}
}

func (c *natsConn) write(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn.SetWriteDeadline(time.Now().Add(natsWait))
	_, err := c.conn.Write(b)
	if err != nil { // perhaps in the middle of a message, so nothing may follow it
		c.conn.Close()
	}
	return err
}

// subscribe asks for the messages to a subject. A word of it may be *, which stands for any word.
// The channel has room for size messages. If it is full, nothing more is read from the
// server.
func (c *natsConn) subscribe(subject string, size int) (messages <-chan natsMessage, unsubscribe func(), err error) {
	to := make(chan natsMessage, size)
	c.mu.Lock()
	c.lastSID++
	sid := strconv.Itoa(c.lastSID)
	c.subscriptions[sid] = to
	c.mu.Unlock()
	unsubscribe = func() {
		c.mu.Lock()
		delete(c.subscriptions, sid)
		c.mu.Unlock()
		c.write([]byte("UNSUB " + sid + "\r\n"))
	}
	return to, unsubscribe, c.write([]byte("SUB " + subject + " " + sid + "\r\n"))
}

// publish sends messages, all with one write. That the write succeeds does not mean that a
// server has them.
func (c *natsConn) publish(messages ...natsMessage) error {
	var out bytes.Buffer
	for _, m := range messages {
		if m.header == nil {
			fmt.Fprintf(&out, "PUB %s %s %d\r\n", m.subject, m.reply, len(m.data))
		} else {
			var header bytes.Buffer
			header.WriteString("NATS/1.0\r\n")
			for name, value := range m.header {
				fmt.Fprintf(&header, "%s: %s\r\n", name, value)
			}
			header.WriteString("\r\n")
			fmt.Fprintf(&out, "HPUB %s %s %d %d\r\n%s", m.subject, m.reply, header.Len(), header.Len()+len(m.data), header.Bytes())
		}
		out.Write(m.data)
		out.WriteString("\r\n")
	}
	return c.write(out.Bytes())
}

// request publishes data and waits for one answer, for at most natsWait.
func (c *natsConn) request(ctx context.Context, subject string, data []byte) (natsMessage, error) {
	reply := c.inbox + "." + rand.Text()
	answers, unsubscribe, err := c.subscribe(reply, 1)
	if err == nil {
		defer unsubscribe()
		err = c.publish(natsMessage{subject: subject, reply: reply, data: data})
	}
	if err != nil {
		return natsMessage{}, err
	}
	select {
	case answer := <-answers:
		if answer.status != "" {
			return natsMessage{}, fmt.Errorf("%s: status %s", subject, answer.status) // 503: nobody is there who could answer
		}
		return answer, nil
	case <-time.After(natsWait):
		return natsMessage{}, fmt.Errorf("%s: no answer within %v", subject, natsWait)
	case <-c.ended:
		return natsMessage{}, c.err
	case <-ctx.Done():
		return natsMessage{}, ctx.Err()
	}
}

// apiError is an error of JetStream.
type apiError struct {
	Number int    `json:"err_code"`
	Text   string `json:"description"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%s (JetStream error %d)", e.Text, e.Number) }

// api asks JetStream, the part of NATS that keeps messages in streams: JSON in, JSON out.
func (c *natsConn) api(ctx context.Context, subject string, request, response any) error {
	data, err := json.Marshal(request)
	if err != nil {
		return err
	}
	answer, err := c.request(ctx, "$JS.API."+subject, data)
	if err != nil {
		return err
	}
	var failed struct {
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(answer.data, &failed); err != nil {
		return err
	}
	if failed.Error != nil {
		return failed.Error
	}
	return json.Unmarshal(answer.data, response)
}

// close ends the connection. Before that, it waits a moment until the server has received what
// was published: if unread bytes lie in a socket that is closed, what it has sent may be lost.
func (c *natsConn) close() {
	close(c.closing)
	time.AfterFunc(natsPing/2, func() { c.tcp.Close() }) // also ends a write that waits
	select {
	case <-c.pongs:
	default:
	}
	if c.write([]byte("PING\r\n")) == nil {
		select {
		case <-c.pongs:
		case <-c.ended:
		}
	}
	c.tcp.Close()
	c.running.Wait()
}

// keepConnected connects and calls use; when use returns, it begins anew. It returns when ctx
// ends, or with an error of use that is a permanentError.
func keepConnected(ctx context.Context, dial func(context.Context) (*natsConn, error), use func(*natsConn) error) error {
	var told time.Time
	for attempt := 0; ; attempt++ {
		began := time.Now()
		conn, err := dial(ctx)
		if err == nil {
			err = use(conn)
			conn.close()
		}
		if permanent, found := errors.AsType[permanentError](err); found {
			return permanent
		}
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > natsSilence {
			attempt = 0
		}
		if attempt == 0 || time.Since(told) > natsTell { // the reason may be another one by now
			slog.Warn("disconnected from NATS; trying again", "error", err)
			told = time.Now()
		}
		pause := min(natsRetry, 50*time.Millisecond<<min(attempt, 10))
		select {
		case <-time.After(pause/2 + mathrand.N(pause)): // not all programs at the same time
		case <-ctx.Done():
			return nil
		}
	}
}

// permanentError is an error that does not go away by trying again.
type permanentError struct{ error }

// natsOp is one operation of the protocol: a line, and for a message what follows it.
type natsOp struct {
	verb    string
	text    string // the rest of the line
	info    natsInfo
	sid     string // which subscription the message is for
	message natsMessage
}

var errNotNATS = errors.New("the server does not speak the protocol of NATS")

// readNATS reads one operation.
func readNATS(in *bufio.Reader) (op natsOp, err error) {
	line, err := in.ReadSlice('\n') // bufio.ErrBufferFull if it is longer than natsLine
	if err != nil {
		return op, err
	}
	op.verb, op.text, _ = strings.Cut(strings.TrimSuffix(string(line[:len(line)-1]), "\r"), " ")
	op.verb = strings.ToUpper(op.verb)
	switch op.verb {
	case "PING", "PONG", "+OK", "-ERR":
		return op, nil
	case "INFO":
		return op, json.Unmarshal([]byte(op.text), &op.info)
	case "MSG", "HMSG":
		return op, op.readMessage(in)
	}
	return op, errNotNATS
}

// readMessage reads the rest of these:
//
//	MSG subject sid [reply] size, and then the payload
//	HMSG subject sid [reply] size-of-headers size, and then headers and payload
func (op *natsOp) readMessage(in *bufio.Reader) error {
	words := strings.Fields(op.text)
	sizes := 1
	if op.verb == "HMSG" {
		sizes = 2
	}
	names := len(words) - sizes
	if names != 2 && names != 3 {
		return errNotNATS
	}
	op.message.subject, op.sid = words[0], words[1]
	if names == 3 {
		op.message.reply = words[2]
	}
	size, err := strconv.Atoi(words[len(words)-1])
	if err != nil || size < 0 {
		return errNotNATS
	}
	if size > natsPayload { // a server may allow more, but nobody here sends so much
		_, err := in.Discard(size + 2)
		return err
	}
	headers := 0
	if op.verb == "HMSG" {
		if headers, err = strconv.Atoi(words[names]); err != nil || headers < 0 || headers > size {
			return errNotNATS
		}
	}
	content := make([]byte, size+2)
	if _, err := io.ReadFull(in, content); err != nil {
		return err
	}
	content, found := bytes.CutSuffix(content, []byte("\r\n"))
	if !found {
		return errNotNATS
	}
	op.message.data = content[headers:]
	if headers > 0 {
		op.message.parseHeader(string(content[:headers]))
	}
	return nil
}

// parseHeader reads headers: a line "NATS/1.0", perhaps with a status, and then "name: value".
func (m *natsMessage) parseHeader(text string) {
	first, rest, _ := strings.Cut(text, "\r\n")
	status, found := strings.CutPrefix(first, "NATS/1.0")
	if !found {
		return // servers pass on whatever a client has called a header
	}
	m.status, _, _ = strings.Cut(strings.TrimSpace(status), " ")
	m.header = make(map[string]string)
	for line := range strings.SplitSeq(rest, "\r\n") {
		if name, value, found := strings.Cut(line, ":"); found {
			m.header[name] = strings.TrimSpace(value)
		}
	}
}
