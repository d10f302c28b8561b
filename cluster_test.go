//go:build unix

package main

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var outages = flag.Duration("outages", 0, "let TestManyMachinesLoseNothing cause outages for this `time`, and not only one of each kind")

// Three NATS servers keep the stream, three machines share the room, and people talk. Again and
// again something breaks: a machine is killed, the leader of the stream is killed, or frozen,
// so that its connections stay open but nothing comes, a NATS server is cut off from the others
// but not from the machines, or people's connections are cut. People come back, to any machine,
// and repeat what has no answer. In the end, every machine must have everything that anybody has
// said or seen, once, with the same ids in the same order:
//
//	go test -run ManyMachinesLoseNothing -v -timeout 20m . -outages 10m
//
// A kill does not stop the operating system, so this test cannot show that the servers wait for
// their disks. That is what sync_interval is for.
func TestManyMachinesLoseNothing(t *testing.T) {
	routes := make(links)
	cluster := startCluster(t, routes.add)
	machines := []*machine{cluster.startMachine(), cluster.startMachine(), cluster.startMachine()}
	for _, m := range machines {
		m.becomesHealthy()
	}
	crowd := gather(t, machines, 40, 6)
	outageKinds := map[string]func(){
		"a machine is killed": func() {
			m := machines[rand.N(len(machines))]
			m.signal(syscall.SIGKILL)
			m.exit()
			m.start()
		},
		"the leader is killed": func() {
			leader := cluster.leader()
			leader.kill()
			time.Sleep(rand.N(3 * time.Second))
			leader.start()
		},
		"the leader is frozen": func() {
			leader := cluster.leader()
			leader.process.Process.Signal(syscall.SIGSTOP)
			time.Sleep(natsSilence + rand.N(15*time.Second))
			leader.process.Process.Signal(syscall.SIGCONT)
		},
		"a NATS server is cut off": func() {
			routes.cut(rand.N(3))
			time.Sleep(rand.N(15 * time.Second))
			routes.mend()
		},
		"connections are cut": func() { crowd.isCut(0.5) },
	}
	count := make(map[string]int)
	for start := time.Now(); len(count) < len(outageKinds) || time.Since(start) < *outages; {
		for kind, cause := range outageKinds { // in random order
			cause()
			count[kind]++
			for _, m := range machines {
				m.becomesHealthy()
			}
			crowd.talksFor(time.Second)
		}
	}
	crowd.leaves()
	for _, m := range machines {
		m.hasEverything(machines[0])
	}
	for _, m := range machines {
		m.signal(syscall.SIGTERM)
		if code := m.exit().ExitStatus(); code != 0 {
			t.Errorf("a machine ended with exit code %d, want 0", code)
		}
		everythingIsSavedOnce(t, crowd.people, m.db)
	}
	t.Logf("%d answers, the longest pause between two of them was %v; outages: %v", crowd.answers.Load(), crowd.longestPause, count)
}

// cluster is three NATS servers that keep the stream together.
type cluster struct {
	t       testing.TB
	servers []*natsServer
}

// startCluster starts the servers. They reach each other at the addresses that way returns.
func startCluster(t testing.TB, way func(t testing.TB, from, to int, address string) string) *cluster {
	t.Helper()
	addresses := []string{freeAddress(t), freeAddress(t), freeAddress(t)}
	c := &cluster{t: t}
	for i, address := range addresses {
		next := (i + 1) % len(addresses) // three servers in a ring are all connected: a route has both directions
		route := way(t, i, next, addresses[next])
		// Servers tell each other what they advertise, and connect to it. At port 9 there is nobody, so the ring is all there is.
		c.servers = append(c.servers, startNATSServer(t, fmt.Sprintf(
			"server_name: n%d\njetstream { store_dir: %q, sync_interval: always }\ncluster { name: c, listen: %q, advertise: \"127.0.0.1:9\", routes: [nats://%s] }",
			i, t.TempDir(), address, route)))
	}
	return c
}

// direct is the way between two servers when nothing is to be cut.
func direct(t testing.TB, from, to int, address string) string { return address }

// links are the ways between servers, each under the numbers of its two ends.
type links map[[2]int]*link

// add makes a link to the server at this address, and returns the address of its other end.
func (l links) add(t testing.TB, from, to int, address string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	way := &link{to: address}
	l[[2]int{from, to}] = way
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			go way.carry(conn)
		}
	}()
	return listener.Addr().String()
}

// cut cuts one server off from the others, not from the machines.
func (l links) cut(server int) {
	for ends, way := range l {
		if slices.Contains(ends[:], server) {
			way.set(true)
		}
	}
}

func (l links) mend() {
	for _, way := range l {
		way.set(false)
	}
}

// link passes on what comes, until it is cut. Then it ends every connection.
type link struct {
	to    string
	mu    sync.Mutex // guards the rest
	isCut bool
	conns []net.Conn
}

func (l *link) set(isCut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = isCut
	if isCut {
		for _, conn := range l.conns {
			conn.Close()
		}
		l.conns = nil
	}
}

func (l *link) carry(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer to.Close()
	l.mu.Lock()
	if l.isCut {
		l.mu.Unlock()
		return
	}
	l.conns = append(l.conns, from, to)
	l.mu.Unlock()
	go func() {
		io.Copy(from, to)
		from.Close()
	}()
	io.Copy(to, from)
}

// leader returns the server that leads the stream.
func (c *cluster) leader() *natsServer {
	c.t.Helper()
	for start := time.Now(); time.Since(start) < testTimeout; time.Sleep(100 * time.Millisecond) {
		conn, err := dialNATS(c.t.Context(), c.servers[rand.N(len(c.servers))].url())
		if err != nil {
			continue
		}
		var info struct {
			Cluster struct{ Leader string }
		}
		err = conn.api(c.t.Context(), "STREAM.INFO.chat", nil, &info)
		conn.close()
		if leader := info.Cluster.Leader; err == nil && leader != "" {
			return c.servers[leader[1]-'0']
		}
	}
	c.t.Fatal("the stream has no leader")
	return nil
}

// machine is a server of the chat, in a process of its own.
type machine struct {
	*program
	cluster *cluster
	db      string
	logged  sync.WaitGroup
	mu      sync.Mutex // guards program, which start changes
}

func (c *cluster) startMachine() *machine {
	m := &machine{cluster: c, db: filepath.Join(c.t.TempDir(), "chat.db")}
	m.start()
	return m
}

func (m *machine) start() {
	var servers []string
	for _, s := range m.cluster.servers {
		servers = append(servers, s.url())
	}
	p := startProgram(m.cluster.t, m.db, "-nats", strings.Join(servers, ","), "-nats-replicas", "3")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.program = p
	m.readsLog()
}

// readsLog reads the program's log, which would fill its pipe otherwise.
func (m *machine) readsLog() {
	p := m.program
	m.logged.Go(func() {
		for p.log.Scan() {
		}
	})
}

func (m *machine) exit() syscall.WaitStatus {
	m.t.Helper()
	m.logged.Wait()
	return m.program.exit()
}

func (m *machine) dial() (net.Conn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.program.dial()
}

func (m *machine) becomesHealthy() {
	m.t.Helper()
	for start := time.Now(); time.Since(start) < 10*testTimeout; time.Sleep(50 * time.Millisecond) {
		if response, err := http.Get("http://" + m.addr + "/healthz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
	}
	m.t.Fatal("a machine does not become healthy")
}

// hasEverything waits until this machine has the newest message of another one.
func (m *machine) hasEverything(other *machine) {
	m.t.Helper()
	for start := time.Now(); m.newest() != other.newest(); time.Sleep(50 * time.Millisecond) {
		if time.Since(start) > testTimeout {
			m.t.Fatal("two machines have different newest messages")
		}
	}
}

// newest returns the id of the newest message in the machine's database.
func (m *machine) newest() (id int64) {
	m.t.Helper()
	db, err := sql.Open("sqlite", m.db)
	if err != nil {
		m.t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(newestID).Scan(&id); err != nil {
		m.t.Fatal(err)
	}
	return id
}

// crowd is people who talk and people who read, each on any machine.
type crowd struct {
	t            testing.TB
	people       []*person
	answers      atomic.Int64
	longestPause time.Duration

	mu      sync.Mutex // guards conns and gone
	conns   map[net.Conn]bool
	gone    bool // nobody connects any more
	ending  atomic.Bool
	talking sync.WaitGroup
	reading sync.WaitGroup
}

func gather(t *testing.T, machines []*machine, senders, readers int) *crowd {
	c := &crowd{t: t, conns: make(map[net.Conn]bool)}
	dial := func() (net.Conn, error) {
		conn, err := machines[rand.N(len(machines))].dial()
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil || c.gone {
			return nil, net.ErrClosed
		}
		c.conns[conn] = true
		return conn, nil
	}
	for n := range senders {
		p := &person{t: t, name: fmt.Sprint("sender", n)}
		c.people = append(c.people, p)
		c.talking.Go(func() {
			for !c.ending.Load() || p.waiting && !t.Failed() {
				texts := math.MaxInt
				if c.ending.Load() {
					texts = p.said
				}
				p.talks(dial, texts, func() {
					c.answers.Add(1)
					time.Sleep(rand.N(100 * time.Millisecond))
					if c.ending.Load() {
						p.ws.Close()
					}
				})
				time.Sleep(rand.N(200 * time.Millisecond))
			}
		})
	}
	for n := range readers {
		p := &person{t: t, name: fmt.Sprint("reader", n)}
		c.people = append(c.people, p)
		c.reading.Go(func() {
			for !c.ending.Load() {
				p.reads(dial)
				time.Sleep(rand.N(200 * time.Millisecond))
			}
		})
	}
	c.reading.Go(c.measuresPauses)
	t.Cleanup(c.leaves)
	return c
}

func (c *crowd) measuresPauses() {
	for last, since := c.answers.Load(), time.Now(); !c.ending.Load(); time.Sleep(10 * time.Millisecond) {
		if now := c.answers.Load(); now != last {
			last, since = now, time.Now()
		}
		c.longestPause = max(c.longestPause, time.Since(since))
	}
}

// isCut cuts a share of the connections.
func (c *crowd) isCut(share float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		if rand.Float64() < share {
			conn.Close()
			delete(c.conns, conn)
		}
	}
}

// talksFor waits until people have had answers for this time.
func (c *crowd) talksFor(d time.Duration) {
	c.t.Helper()
	before := c.answers.Load()
	time.Sleep(d)
	for start := time.Now(); c.answers.Load() < before+10; time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > testTimeout {
			c.t.Fatal("nobody gets answers")
		}
	}
}

// leaves lets people repeat what has no answer, and then go.
func (c *crowd) leaves() {
	c.ending.Store(true)
	c.talking.Wait()
	c.mu.Lock()
	c.gone = true
	c.mu.Unlock()
	c.isCut(1)
	c.reading.Wait()
}

// BenchmarkLogs compares the two logs, and streams that are kept by one and by three servers.
// All of them wait for the disk. "300 a second" shows the latency, the other the throughput:
//
//	go test -run - -bench Logs -benchtime 3000x .
func BenchmarkLogs(b *testing.B) {
	logs := map[string]func() []string{ // flags
		"SQLite": func() []string { return nil },
		"stream=1": func() []string {
			s := startNATSServer(b, fmt.Sprintf("jetstream { store_dir: %q, sync_interval: always }", b.TempDir()))
			return []string{"-nats", s.url()}
		},
		"stream=3": func() []string {
			c := startCluster(b, direct)
			return []string{"-nats", c.servers[rand.N(3)].url(), "-nats-replicas", "3"}
		},
	}
	for name, start := range logs {
		b.Run(name, func(b *testing.B) {
			m := &machine{program: startProgram(b, filepath.Join(b.TempDir(), "chat.db"), append(start(), "-debug-addr", "127.0.0.1:0")...)}
			m.readsLog()
			m.becomesHealthy()
			b.Run("300 a second", func(b *testing.B) { m.measures(b, 30, 100*time.Millisecond) })
			b.Run("as fast as 100 can", func(b *testing.B) { m.measures(b, 100, 0) })
		})
	}
}

// measures lets people send b.N messages, each person one after the other with pauses. It reports
// how many a second they were, and how long their answers took.
func (m *machine) measures(b *testing.B, people int, pause time.Duration) {
	var talking sync.WaitGroup
	took := make(chan time.Duration, 2*b.N+people)
	start := time.Now()
	for n := range people {
		p := &person{t: b, name: fmt.Sprintf("p%x-%d", rand.Uint32(), n)}
		talking.Go(func() {
			sent := time.Now()
			p.talks(m.dial, max(1, b.N/people), func() {
				took <- time.Since(sent)
				if pause > 0 {
					time.Sleep(pause/2 + rand.N(pause))
				}
				sent = time.Now()
			})
		})
	}
	talking.Wait()
	b.ReportMetric(float64(len(took))/time.Since(start).Seconds(), "messages/s")
	close(took)
	all := slices.Sorted(func(yield func(time.Duration) bool) {
		for d := range took {
			yield(d)
		}
	})
	b.ReportMetric(all[len(all)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(all[len(all)*99/100].Seconds()*1000, "p99-ms")
}

// BenchmarkCatchUp measures how fast a machine with an empty database reads a stream:
//
//	go test -run - -bench CatchUp -benchtime 1000000x .
func BenchmarkCatchUp(b *testing.B) {
	server := startNATSServer(b, fmt.Sprintf("jetstream { store_dir: %q }", b.TempDir()))
	first := &machine{program: startProgram(b, filepath.Join(b.TempDir(), "chat.db"), "-nats", server.url())}
	first.readsLog()
	first.becomesHealthy() // it has made the stream
	first.signal(syscall.SIGKILL)
	conn, err := dialNATS(b.Context(), server.url())
	if err != nil {
		b.Fatal(err)
	}
	acks, _, err := conn.subscribe(conn.inbox+".ack", 1000)
	if err != nil {
		b.Fatal(err)
	}
	const atOnce = 1000
	for n := 0; n < b.N; n += atOnce {
		var messages []natsMessage
		for range min(atOnce, b.N-n) {
			m := Message{Kind: "chat", Name: "ann", Text: strings.Repeat("hello ", 10), At: time.Now().UTC(), Ref: newRef()}
			messages = append(messages, natsMessage{subject: "chat.main", reply: conn.inbox + ".ack", header: map[string]string{messageID: m.Ref}, data: encode(m)})
		}
		if err := conn.publish(messages...); err != nil {
			b.Fatal(err)
		}
		for range messages {
			<-acks
		}
	}
	conn.close()
	b.ResetTimer()
	m := &machine{program: startProgram(b, filepath.Join(b.TempDir(), "chat.db"), "-nats", server.url())}
	m.readsLog()
	m.becomesHealthy()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// The room moves from one machine to several, and takes its messages with it.
func TestOlderMessagesMoveIntoTheStream(t *testing.T) {
	const messages = 100
	old := openStore(t, filepath.Join(t.TempDir(), "old.db"))
	var texts []string
	for n := range messages {
		texts = append(texts, fmt.Sprint(n))
	}
	saved := old.saveTexts(t, texts...)
	if _, err := old.db.Exec("UPDATE messages SET ref = NULL WHERE text = '7'"); err != nil { // as before milestone 10
		t.Fatal(err)
	}
	if _, err := old.db.Exec("UPDATE messages SET text = 'bell' || char(7) WHERE text = '8'"); err != nil { // as older programs allowed
		t.Fatal(err)
	}
	nats := startNATSServer(t, fmt.Sprintf("jetstream { store_dir: %q }", t.TempDir()))
	c := &config{addr: "127.0.0.1:0", db: "unused.db", maxClients: 10, announceEvery: time.Hour,
		nats: []string{nats.url()}, natsStream: "chat", natsReplicas: 1, natsImport: old.path}
	for range 2 { // the second time, everything is there
		if err := run(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	server := startOnNATS(t, nats)
	history := server.texts(t)
	if len(history) != messages || history[0] != "0" || history[messages-1] != fmt.Sprint(messages-1) {
		t.Errorf("the database has %q", history)
	}
	newest, err := server.History()
	if err != nil || newest[len(newest)-1].At != saved[messages-1].At.UTC().Truncate(time.Millisecond) {
		t.Errorf("the newest message is %+v, want the time %v (error: %v)", newest[len(newest)-1], saved[messages-1].At, err)
	}

	old.saveTexts(t, "later") // an import that goes on
	if err := run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	other := openStore(t, filepath.Join(t.TempDir(), "other.db"))
	other.saveTexts(t, texts...)
	c.natsImport = other.path
	if err := run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "other messages") {
		t.Errorf("into a stream that is used: %v", err)
	}
	c.natsImport = filepath.Join(t.TempDir(), "typo.db")
	if err := run(t.Context(), c); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a file that is not there: %v", err)
	}
	empty := openStore(t, filepath.Join(t.TempDir(), "empty.db"))
	c.natsImport = empty.path
	if err := run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "other messages") {
		t.Errorf("an empty database into a stream that is used: %v", err)
	}
}

// A machine's copy is all that is left. Imported into a new stream, it is the room again.
func TestCopyOfALostStreamBeginsANewOne(t *testing.T) {
	texts := []string{"one", "two", "three"}
	old := openStore(t, filepath.Join(t.TempDir(), "old.db"))
	saved := old.saveTexts(t, texts...)
	c := &config{addr: "127.0.0.1:0", db: "unused.db", maxClients: 10, announceEvery: time.Hour, natsStream: "chat", natsReplicas: 1}
	copied := old
	for range 2 { // the second stream begins with the first one's copy
		nats := startNATSServer(t, fmt.Sprintf("jetstream { store_dir: %q }", t.TempDir()))
		c.nats, c.natsImport = []string{nats.url()}, copied.path
		if err := run(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		copied = startOnNATS(t, nats)
		if got := copied.texts(t); !slices.Equal(got, texts) {
			t.Fatalf("the machine has %q", got)
		}
	}
	history, err := copied.History()
	if err != nil || history[0].Ref != saved[0].Ref {
		t.Errorf("the first message is %+v, want the ref %s (error: %v)", history[0], saved[0].Ref, err)
	}
}

// startOnNATS lets a machine read the stream, and returns its database.
func startOnNATS(t *testing.T, nats *natsServer) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chat.db")
	p := startProgram(t, path, "-nats", nats.url())
	(&machine{program: p}).becomesHealthy()
	return openStore(t, path)
}
