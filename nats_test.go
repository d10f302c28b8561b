package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeNATS plays the server at the other end of a connection. It always reads, and never waits
// for the client.
type fakeNATS struct {
	t     testing.TB
	conn  net.Conn
	heard chan string // lines from the client; closed when the connection has ended
	out   chan string // to the client
	mute  atomic.Bool // answers no PING
}

const natsHello = "INFO {\"server_id\":\"X\",\"headers\":true}\r\n"

func newFakeNATS(t testing.TB, conn net.Conn) *fakeNATS {
	f := &fakeNATS{t: t, conn: conn, heard: make(chan string, 1000), out: make(chan string, 1000)}
	go func() {
		defer close(f.heard)
		for in := bufio.NewReader(conn); ; {
			line, err := in.ReadString('\n')
			if err != nil {
				close(f.out)
				return
			}
			if line != "PING\r\n" {
				f.heard <- line
			} else if !f.mute.Load() {
				f.says("PONG\r\n")
			}
		}
	}()
	go func() {
		for text := range f.out {
			io.WriteString(conn, text)
		}
	}()
	return f
}

// dialFakeNATS connects to a fake server.
func dialFakeNATS(t testing.TB, address string) (*natsConn, *fakeNATS) {
	t.Helper()
	server, err := parseNATS(address)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	fake := newFakeNATS(t, theirs)
	fake.says(natsHello)
	c, err := startNATS(ours, server)
	if err != nil {
		t.Fatal(err)
	}
	fake.hears("CONNECT {")
	return c, fake
}

func (f *fakeNATS) says(text string) {
	defer func() { recover() }() // the client has ended the connection
	f.out <- text
}

// hears waits for the next line, which must begin like this.
func (f *fakeNATS) hears(begin string) (line string) {
	f.t.Helper()
	line, open := <-f.heard
	if !open || !strings.HasPrefix(line, begin) {
		f.t.Errorf("the client said %q, want %q", line, begin)
	}
	return strings.TrimSpace(line)
}

func TestNATSMessageArrivesHoweverItIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, fake := dialFakeNATS(t, "nats://x")
		defer c.close()
		messages, _, err := c.subscribe("chat.main", 1)
		if err != nil {
			t.Fatal(err)
		}
		fake.hears("SUB chat.main 1")
		for _, piece := range strings.SplitAfter("+OK\r\n"+natsHello+"MSG chat.main 1 5\r\nhello\r\n"+
			"MSG elsewhere 7 2\r\nno\r\n"+
			"HMSG chat.main 1 back.here 25 30\r\nNATS/1.0\r\nName: value\r\n\r\nworld\r\n", "") {
			fake.says(piece)
		}
		if m := <-messages; m.subject != "chat.main" || m.reply != "" || string(m.data) != "hello" {
			t.Errorf("received %+v", m)
		}
		if m := <-messages; m.reply != "back.here" || m.header["Name"] != "value" || m.header["name"] != "" || string(m.data) != "world" {
			t.Errorf("received %+v", m)
		}
	})
}

func TestNATSPublishFormat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, fake := dialFakeNATS(t, "nats://x")
		defer c.close()
		c.publish(
			natsMessage{subject: "a", data: []byte("1\r\n2")},
			natsMessage{subject: "b", reply: "c", header: map[string]string{"Nats-Msg-Id": "k3"}, data: []byte("ü")})
		for line := range strings.Lines("PUB a  4\r\n1\r\n2\r\nHPUB b c 29 31\r\nNATS/1.0\r\nNats-Msg-Id: k3\r\n\r\nü\r\n") {
			fake.hears(line)
		}
	})
}

func TestNATSRequestHasOneAnswerOrAnError(t *testing.T) {
	for _, test := range []struct{ answer, want string }{
		{"MSG %[1]s 1 2\r\nhi\r\n", "hi"},
		{"HMSG %[1]s 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n", "error: api: status 503"},
		{"", "error: api: no answer within 2s"},
		{"-ERR 'Permissions Violation'\r\n", "error: 'Permissions Violation'"},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, fake := dialFakeNATS(t, "nats://x")
			defer c.close()
			go func() {
				reply := strings.Fields(fake.hears("SUB _INBOX."))[1]
				fake.hears("PUB api " + reply)
				fake.hears("question")
				fake.says(strings.Replace(test.answer, "%[1]s", reply, 1))
			}()
			start := time.Now()
			answer, err := c.request(t.Context(), "api", []byte("question"))
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("after %q: it took %v", test.answer, took)
			}
			got := string(answer.data)
			if err != nil {
				got = "error: " + err.Error()
			}
			if got != test.want {
				t.Errorf("after %q: %q, want %q", test.answer, got, test.want)
			}
		})
	}
}

func TestNATSServerThatIsSilentIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, fake := dialFakeNATS(t, "nats://x")
		start := time.Now()
		fake.mute.Store(true)
		<-c.ended
		if took := time.Since(start); took != natsSilence || !errors.Is(c.err, os.ErrDeadlineExceeded) {
			t.Errorf("after %v: %v, want %v and a timeout", took, c.err, natsSilence)
		}
		c.close()
	})
}

func TestNATSPingIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, fake := dialFakeNATS(t, "nats://x")
		defer c.close()
		fake.says("PING\r\n")
		fake.hears("PONG")
	})
}

func TestNATSServerThatIsAboutToStopIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, fake := dialFakeNATS(t, "nats://x")
		fake.says("INFO {\"ldm\":true}\r\n")
		<-c.ended
		if c.err == nil {
			t.Error("no error")
		}
		c.close()
	})
}

// What cannot be written at once waits in the channel, and then nothing more is read. Nevertheless close must not wait.
func TestNATSSubscriberThatReadsNothingCanClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, fake := dialFakeNATS(t, "nats://x")
		c.subscribe("a", 1)
		for range 2 {
			fake.says("MSG a 1 0\r\n\r\n")
		}
		synctest.Wait()
		c.close()
	})
}

// The server has what was published before close returns.
func TestNATSCloseWaitsForTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, fake := dialFakeNATS(t, "nats://x")
		fake.mute.Store(true)
		closed := false
		go func() {
			c.publish(natsMessage{subject: "a"})
			c.close()
			closed = true
		}()
		fake.hears("PUB a  0")
		synctest.Wait()
		if closed {
			t.Error("the connection is closed before the server has answered")
		}
		fake.says("PONG\r\n")
		synctest.Wait()
		if !closed {
			t.Error("the connection is still open")
		}
	})
}

func TestNATSHandshakeFails(t *testing.T) {
	for _, test := range []struct{ says, want string }{
		{"HTTP/1.1 400 Bad Request\r\n", "protocol"},
		{"PING\r\n", "no NATS server"},
		{"INFO {\r\n", "JSON"},
		{"INFO {}\r\n-ERR 'Authorization Violation'\r\n", "Authorization Violation"},
		{"", "timeout"},
		{strings.Repeat("x", natsLine+1), bufio.ErrBufferFull.Error()},
	} {
		synctest.Test(t, func(t *testing.T) {
			server, _ := parseNATS("nats://x")
			ours, theirs := net.Pipe()
			newFakeNATS(t, theirs).says(test.says)
			start := time.Now()
			c, err := startNATS(ours, server)
			if took := time.Since(start); took > natsWait {
				t.Errorf("after %.50q: it took %v", test.says, took)
			}
			if err == nil {
				c.close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "x:4222") {
				t.Errorf("after %.50q: %v, want %q and the address", test.says, err, test.want)
			}
		})
	}
}

func TestNATSAddressesMayHavePasswords(t *testing.T) {
	for address, want := range map[string]string{
		"nats://ada:se%20cret@x":  `"pass":"se cret"`,
		"nats://ada:secret@x:999": `"user":"ada"`,
		"nats://t0ken@x":          `"auth_token":"t0ken"`,
	} {
		synctest.Test(t, func(t *testing.T) {
			server, err := parseNATS(address)
			if err != nil {
				t.Fatal(err)
			}
			ours, theirs := net.Pipe()
			fake := newFakeNATS(t, theirs)
			fake.says(natsHello)
			c, err := startNATS(ours, server)
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			if line := fake.hears("CONNECT "); !strings.Contains(line, want) {
				t.Errorf("%s: %s, want %s", address, line, want)
			}
		})
	}
	for _, address := range []string{"localhost:4222", "http://localhost", "nats://", "nats://a b"} {
		if _, err := parseNATS(address); err == nil {
			t.Errorf("%q is no error", address)
		}
	}
}

// The connection becomes an encrypted one after INFO. (That a certificate is checked is the
// business of crypto/tls.)
func TestNATSConnectionIsEncrypted(t *testing.T) {
	for address, hello := range map[string]string{"tls://x": natsHello, "nats://x": "INFO {\"tls_required\":true}\r\n"} {
		server, _ := parseNATS(address)
		ours, theirs := net.Pipe()
		first := make(chan byte, 1)
		go func() {
			io.WriteString(theirs, hello)
			record := make([]byte, 1)
			theirs.Read(record)
			first <- record[0]
			theirs.Close()
		}()
		if _, err := startNATS(ours, server); err == nil {
			t.Errorf("%s: no error", address)
		}
		if got := <-first; got != 22 { // a TLS record that holds a handshake: RFC 8446, section 5.1
			t.Errorf("%s: the client began with %q", address, got)
		}
	}
}

func TestNATSConnectionIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captureLog(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		start, dialed := time.Now(), 0
		dial := func(context.Context) (*natsConn, error) {
			dialed++
			if dialed < 20 {
				return nil, errors.New("nobody is there")
			}
			c, _ := dialFakeNATS(t, "nats://x")
			return c, nil
		}
		used := 0
		use := func(*natsConn) error {
			if used++; used == 2 {
				return permanentError{errors.New("not this stream")}
			}
			return errors.New("a gap")
		}
		if err := keepConnected(ctx, dial, use); err == nil || err.Error() != "not this stream" {
			t.Errorf("the error is %v", err)
		}
		if took := time.Since(start); dialed != 21 || took < 20*time.Second || took > time.Minute {
			t.Errorf("dialed %d times within %v", dialed, took)
		}
		cancel()
		if err := keepConnected(ctx, dial, use); err != nil {
			t.Errorf("at the end of the context: %v", err)
		}
	})
}

// A server may send anything, and so may a program that pretends to be one.
func FuzzReadNATS(f *testing.F) {
	for _, line := range []string{natsHello, "PING\r\n", "-ERR 'x'\r\n", "MSG a 1 2\r\nhi\r\n", "msg a 1 b 2\nhi\r\n",
		"HMSG a 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n", "HMSG a 1 b 12 12\r\nNATS/1.0\r\n\r\n\r\n",
		"MSG a 1 -1\r\n", "MSG a 1 99999999999\r\n", "HMSG a 1 9 2\r\nhi\r\n", "MSG\r\n", "\r\n"} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		in := bufio.NewReaderSize(bytes.NewReader(sent), natsLine)
		for {
			op, err := readNATS(in)
			if err != nil {
				return
			}
			if size := len(op.message.data); size > natsPayload || size > len(sent) {
				t.Fatalf("a payload of %d bytes, out of %d", size, len(sent))
			}
		}
	})
}

// natsServer is the real server, in a process of its own.
type natsServer struct {
	t       testing.TB
	path    string // of the program
	address string
	config  string // a file
	process *exec.Cmd
}

// startNATSServer starts the real server, if it is installed, with these lines of configuration.
func startNATSServer(t testing.TB, config string) *natsServer {
	t.Helper()
	path, err := exec.LookPath("nats-server")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("README says how to install nats-server: ", err)
	}
	s := &natsServer{t: t, path: path, address: freeAddress(t), config: filepath.Join(t.TempDir(), "nats.conf")}
	writeFile(t, s.config, fmt.Sprintf("listen: %q\n%s", s.address, config))
	s.start()
	t.Cleanup(s.kill)
	return s
}

// freeAddress returns an address on which nothing listens.
func freeAddress(t testing.TB) string {
	listener := listen(t)
	defer listener.Close()
	return listener.Addr().String()
}

func (s *natsServer) url() string { return "nats://" + s.address }

// start starts the server, again if it has been killed, and waits until it accepts connections.
func (s *natsServer) start() {
	s.t.Helper()
	s.process = exec.Command(s.path, "-c", s.config)
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	for start := time.Now(); time.Since(start) < testTimeout; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", s.address); err == nil {
			conn.Close()
			return
		}
	}
	s.t.Fatal("nats-server does not listen")
}

// kill is kill -9.
func (s *natsServer) kill() {
	s.process.Process.Kill()
	s.process.Wait()
}

func TestRealNATSServerIsUnderstood(t *testing.T) {
	server := startNATSServer(t, fmt.Sprintf("authorization { user: ada, password: secret }\njetstream { store_dir: %q }", t.TempDir()))
	c, err := dialNATS(t.Context(), "nats://ada:secret@"+server.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if _, err := dialNATS(t.Context(), "nats://ada:wrong@"+server.address); err == nil || !strings.Contains(err.Error(), "Authorization") {
		t.Errorf("with a wrong password: %v", err)
	}
	questions, _, err := c.subscribe("questions.*", 1)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		q := <-questions
		c.publish(natsMessage{subject: q.reply, header: map[string]string{"From": "bob"}, data: append(q.data, '!')})
	}()
	answer, err := c.request(t.Context(), "questions.one", []byte("hello"))
	if err != nil || string(answer.data) != "hello!" || answer.header["From"] != "bob" {
		t.Errorf("the answer is %+v, %v", answer, err)
	}
	var info struct{ Streams int }
	if err := c.api(t.Context(), "INFO", nil, &info); err != nil || info.Streams != 0 {
		t.Errorf("JetStream has %d streams, %v", info.Streams, err)
	}
	err = c.api(t.Context(), "STREAM.INFO.x", nil, &info)
	if missing, found := errors.AsType[*apiError](err); !found || missing.Number != 10059 {
		t.Errorf("a stream that does not exist: %v", err)
	}
	if _, err := c.request(t.Context(), "nobody", nil); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a request that nobody answers: %v", err)
	}
}

// The reason of an outage may change while it lasts. Then the log needs the new one.
func TestReasonOfALongOutageIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		ctx, cancel := context.WithTimeout(t.Context(), 5*natsTell)
		defer cancel()
		start := time.Now()
		dial := func(context.Context) (*natsConn, error) {
			if time.Since(start) < natsTell/2 {
				return nil, errors.New("nobody is there")
			}
			return nil, errors.New("no leader")
		}
		if err := keepConnected(ctx, dial, nil); err != nil {
			t.Error(err)
		}
		first, later := strings.Count(log.String(), "nobody is there"), strings.Count(log.String(), "no leader")
		if first != 1 || later < 3 || later > 5 {
			t.Errorf("the log has the first reason %d times, want once, and the other one %d times, want once a minute", first, later)
		}
	})
}
