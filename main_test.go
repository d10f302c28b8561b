package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRoutes(t *testing.T) {
	hub := NewHub(&Store{}, nil)
	close(hub.done) // as when the server stops
	for _, test := range []struct {
		method, path string
		status       int
		body         string // a part of it
	}{
		{"GET", "/", http.StatusOK, "<h1>Go Real-Time Chat App</h1>"},
		{"HEAD", "/", http.StatusOK, ""},
		{"GET", "/nope", http.StatusNotFound, "404 page not found"},
		{"POST", "/", http.StatusMethodNotAllowed, "Method Not Allowed"},
		{"GET", "/history", http.StatusBadRequest, "before must be the id of a message"},
		{"POST", "/history?before=1", http.StatusMethodNotAllowed, ""},
		{"GET", "/healthz", http.StatusServiceUnavailable, "the server stops"},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			response := httptest.NewRecorder()
			routes(t.Context(), hub, new(sync.WaitGroup), &config{maxClients: 10}).ServeHTTP(response, httptest.NewRequest(test.method, test.path, nil))
			if response.Code != test.status {
				t.Errorf("status %d, want %d", response.Code, test.status)
			}
			if !strings.Contains(response.Body.String(), test.body) {
				t.Errorf("body %q, want it to contain %q", response.Body, test.body)
			}
		})
	}
}

// The page names its files. The policy in the header lets the browser load files of this
// server only.
func TestThePageMayLoadItsOwnFilesOnly(t *testing.T) {
	get := func(path string) *httptest.ResponseRecorder {
		response := httptest.NewRecorder()
		routes(t.Context(), NewHub(&Store{}, nil), new(sync.WaitGroup), &config{maxClients: 10}).ServeHTTP(response, httptest.NewRequest("GET", path, nil))
		return response
	}

	page := get("/")
	for header, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; ",
		"X-Content-Type-Options":  "nosniff",
		"Referrer-Policy":         "no-referrer",
	} {
		if got := page.Header().Get(header); !strings.HasPrefix(got, want) {
			t.Errorf("%s is %q, want it to begin with %q", header, got, want)
		}
	}

	files := regexp.MustCompile(`(?:href|src)="([^"]+)"`).FindAllStringSubmatch(page.Body.String(), -1)
	if len(files) != 4 {
		t.Errorf("the page names %d files, want its script, its two style sheets and its icon", len(files))
	}
	for _, file := range files {
		if status := get("/" + file[1]).Code; status != http.StatusOK {
			t.Errorf("GET /%s returned %d, want 200", file[1], status)
		}
	}
}

// What people write is text, never markup. No browser runs here, so the test searches
// the scripts for the ways to turn text into markup.
func TestNoScriptTurnsTextIntoMarkup(t *testing.T) {
	markup := regexp.MustCompile(`\.(innerHTML|outerHTML|insertAdjacentHTML|setHTML\w*|createContextualFragment|parseFromString|srcdoc|write(ln)?)\b`)
	scripts, err := fs.Glob(static, "static/*.js")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("the scripts of the page are %q (error: %v)", scripts, err)
	}
	for _, name := range scripts {
		script, err := fs.ReadFile(static, name)
		if err != nil {
			t.Fatal(err)
		}
		if found := markup.Find(script); found != nil {
			t.Errorf("%s uses %s: what people write is text, never markup; use textContent", name, found)
		}
	}
}

func TestThePageIsSmall(t *testing.T) {
	const limit = 40 << 10
	var size int64
	err := fs.WalkDir(static, ".", func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil || size >= limit {
		t.Errorf("the files of the page have %d bytes in total (error: %v), want less than %d", size, err, limit)
	}
}

func TestPortInUseIsAnError(t *testing.T) {
	other := listen(t)
	err := run(t.Context(), &config{
		addr:          other.Addr().String(),
		db:            filepath.Join(t.TempDir(), "chat.db"),
		maxClients:    10,
		announceEvery: time.Hour,
	})
	if err == nil || !strings.Contains(err.Error(), "listen tcp") {
		t.Errorf("run returned %v, want an error that contains \"listen tcp\"", err)
	}
}

func TestInvalidSettingsAreErrors(t *testing.T) {
	for want, change := range map[string]func(*config){
		"-addr":           func(c *config) { c.addr = "" },
		"-db":             func(c *config) { c.db = ":memory:" },
		"-max-clients":    func(c *config) { c.maxClients = 0 },
		"-rate":           func(c *config) { c.rate = math.NaN() },
		`"foo"`:           func(c *config) { c.rest = []string{"foo"} },
		"-announce-every": func(c *config) { c.announceEvery = 0 },
		"-nats-import":    func(c *config) { c.natsImport = "old.db" },
		"-nats-stream":    func(c *config) { c.nats, c.natsStream = []string{"nats://localhost"}, "a b" },
		"-nats-replicas":  func(c *config) { c.nats, c.natsStream = []string{"nats://localhost"}, "chat" },
	} {
		c := &config{addr: "127.0.0.1:0", db: filepath.Join(t.TempDir(), "chat.db"), maxClients: 10, announceEvery: time.Hour}
		change(c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // ends the server, should it start
		if err := run(ctx, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("run returned %v, want an error that names %s", err, want)
		}
		cancel()
	}
}

func TestPageURL(t *testing.T) {
	listener := listen(t)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	for addr, want := range map[string]string{
		"localhost:0": "http://localhost:" + port,
		":0":          "http://localhost:" + port,
		"[::1]:0":     "http://[::1]:" + port,
	} {
		if got := pageURL(addr, listener); got != want {
			t.Errorf("pageURL(%q) is %s, want %s", addr, got, want)
		}
	}
}

func TestDefaultAddr(t *testing.T) {
	for _, test := range []struct{ addr, port, want string }{
		{"", "", "localhost:8080"},
		{"", "10000", ":10000"},
		{"127.0.0.1:9000", "", "127.0.0.1:9000"},
		{"127.0.0.1:9000", "10000", "127.0.0.1:9000"},
	} {
		t.Setenv("ADDR", test.addr)
		t.Setenv("PORT", test.port)
		if got := defaultAddr(); got != test.want {
			t.Errorf("with ADDR=%q and PORT=%q, defaultAddr returned %s, want %s", test.addr, test.port, got, test.want)
		}
	}
}

func TestAFullRoomRefusesTheHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		pipes := newPipeListener()
		server := serveOn(t, &config{maxClients: 2}, pipes, pipes.dial)
		ann, bob := server.join("ann"), server.join("bob")
		if status := server.handshake("http://chat.localhost"); status != http.StatusServiceUnavailable {
			t.Errorf("the third handshake returned %d, want %d", status, http.StatusServiceUnavailable)
		}
		log.contains(t, `msg=refused why="the room is full"`)
		if n := server.debugVars().Refused["the room is full"]; n != 1 {
			t.Errorf("the server counted %d refusals, want 1", n)
		}
		ann.leave()
		synctest.Wait()
		server.join("eve").says("hello")
		bob.hears("eve: hello")
	})
}

func TestHealthReportsFailedSavesAndStoppedHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		if err := server.hub.health(); err != nil {
			t.Errorf("at the start: health returned %v, want no error", err)
		}
		server.store.setReadOnly(t, true)
		ann.says("hello")
		time.Sleep(unhealthy)
		if err := server.hub.health(); err != nil {
			t.Errorf("after %v: health returned %v, want no error", unhealthy, err)
		}
		time.Sleep(time.Second)
		if err := server.hub.health(); err == nil || !strings.Contains(err.Error(), "cannot save") {
			t.Errorf("while the store cannot save: health returned %v, want \"cannot save\"", err)
		}
		server.store.setReadOnly(t, false)
		time.Sleep(2 * retryWait)
		if err := server.hub.health(); err != nil {
			t.Errorf("when the store can save again: health returned %v, want no error", err)
		}
		server.stop()
		if err := server.hub.health(); err == nil {
			t.Error("after the stop: health returned no error")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		if err := NewHub(&Store{}, nil).health(); err == nil {
			t.Error("for a hub that does not run: health returned no error")
		}
	})
}

// For http.Server, a timeout of zero means that there is none.
func TestHTTPServerHasTimeouts(t *testing.T) {
	server := newServer(nil)
	if server.ReadHeaderTimeout <= 0 || server.ReadTimeout <= 0 || server.WriteTimeout <= 0 || server.IdleTimeout <= 0 {
		t.Errorf("a timeout is missing: %+v", server)
	}
}

// listen takes a free port, and holds it until the test ends.
func listen(t testing.TB) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// getPage sends GET for a path, with headers that are given as name, value, name, value, …
func getPage(path string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response := httptest.NewRecorder()
	servePage().ServeHTTP(response, request)
	return response
}

func TestUnchangedFilesAreNotLoadedAgain(t *testing.T) {
	first := getPage("/chat.js")
	tag := first.Header().Get("ETag")
	if first.Code != http.StatusOK || first.Header().Get("Cache-Control") != "no-cache" || tag == "" {
		t.Fatalf("status %d with the headers %v, want 200, no-cache and an ETag", first.Code, first.Header())
	}
	for _, encoding := range []string{"", "gzip"} {
		again := getPage("/chat.js", "If-None-Match", tag, "Accept-Encoding", encoding)
		if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("the second time, the status is %d with %d bytes, want 304 without any", again.Code, again.Body.Len())
		}
	}
	if changed := getPage("/chat.js", "If-None-Match", `W/"older"`); changed.Code != http.StatusOK {
		t.Errorf("with the tag of an older version, the status is %d, want 200", changed.Code)
	}
	if other := getPage("/list.js").Header().Get("ETag"); other == tag {
		t.Error("two files have the same tag")
	}
}

func TestPageIsCompressedIfTheBrowserTakesIt(t *testing.T) {
	for _, path := range []string{"/", "/index.html", "/chat.js", "/style.css", "/icon.svg"} {
		plain, compressed := getPage(path), getPage(path, "Accept-Encoding", "gzip, br")
		if plain.Header().Get("Content-Encoding") != "" || compressed.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: the encodings are %q and %q", path, plain.Header().Get("Content-Encoding"), compressed.Header().Get("Content-Encoding"))
		}
		if kind := compressed.Header().Get("Content-Type"); kind != plain.Header().Get("Content-Type") || !strings.ContainsAny(kind, "/") {
			t.Errorf("%s: compressed, the type is %q", path, kind)
		}
		unpacked, err := gzip.NewReader(compressed.Body)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(unpacked)
		if err != nil || string(content) != plain.Body.String() {
			t.Errorf("%s: unpacked, it is not the same file (error: %v)", path, err)
		}
	}
}

func TestOnlyPagesOfThisServerMayConnect(t *testing.T) {
	for _, test := range []struct {
		name, origin string
		status       int
	}{
		{"a page of this server", "http://chat.localhost", http.StatusSwitchingProtocols},
		{"the same page behind a TLS proxy", "https://chat.localhost", http.StatusSwitchingProtocols},
		{"the host in capitals", "http://CHAT.localhost", http.StatusSwitchingProtocols},
		{"a foreign page", "https://evil.test", http.StatusForbidden},
		{"another port", "http://chat.localhost:8081", http.StatusForbidden},
		{"a foreign host whose name begins with ours", "http://chat.localhost.evil.test", http.StatusForbidden},
		{"a page without an origin", "null", http.StatusForbidden},
		{"no Origin, so no browser", "", http.StatusForbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if status := startServer(t).handshake(test.origin); status != test.status {
					t.Errorf("the server answers the handshake with %d, want %d", status, test.status)
				}
			})
		})
	}
}

// handshake asks for a WebSocket and returns the status of the response. headers
// are names and values in turn.
func (s *testServer) handshake(origin string, headers ...string) int {
	s.t.Helper()
	conn := s.dials()
	request := handshakeRequest(origin)
	for pair := range slices.Chunk(headers, 2) {
		request.Header.Set(pair[0], pair[1])
	}
	if err := request.Write(conn); err != nil {
		s.t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode
}

// handshakeRequest is a browser's request for a WebSocket.
func handshakeRequest(origin string) *http.Request {
	request := httptest.NewRequest("GET", "http://chat.localhost/ws", nil)
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "websocket")
	request.Header.Set("Sec-WebSocket-Version", "13")
	request.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==") // RFC 6455, section 1.3
	if origin != "" {
		request.Header.Set("Origin", origin)
	}
	return request
}

func TestOnlyPagesOfThisServerMayReadTheHistory(t *testing.T) {
	store := storeWithMessages(t, 3)
	for _, test := range []struct {
		who     string
		headers []string
		status  int
	}{
		{"the page", []string{"Sec-Fetch-Site", "same-origin"}, http.StatusOK},
		{"the page, over a network without TLS", nil, http.StatusOK},
		{"a typed address", []string{"Sec-Fetch-Site", "none"}, http.StatusOK},
		{"a foreign page", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.test"}, http.StatusForbidden},
		{"a page from another port", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://chat.localhost:8081"}, http.StatusForbidden},
		{"an image on a foreign page", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{"a foreign page, over a network without TLS", []string{"Origin", "http://evil.test"}, http.StatusForbidden},
		{"a page without an origin", []string{"Origin", "null"}, http.StatusForbidden},
		{"the page, with an origin", []string{"Origin", "http://chat.localhost"}, http.StatusOK},
	} {
		if got := store.getHistory("before=3", test.headers...).Code; got != test.status {
			t.Errorf("%s: status %d, want %d", test.who, got, test.status)
		}
	}
}

func TestPagesOfOtherServersCannotStartProfiles(t *testing.T) {
	request := httptest.NewRequest("GET", "/debug/pprof/profile?seconds=30", nil)
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	response := httptest.NewRecorder()
	debugRoutes(NewHub(&Store{}, nil), nil).ServeHTTP(response, request)
	if response.Code != http.StatusForbidden {
		t.Errorf("status %d, want 403", response.Code)
	}
}

// A page of evil.example, whose name leads to this machine (DNS rebinding), has the
// same origin as the server. So there the Host counts.
func TestOnlyKnownHostsAreServed(t *testing.T) {
	for _, test := range []struct {
		host   string
		known  []string
		status int
	}{
		{"localhost:8080", nil, http.StatusOK},
		{"LOCALHOST.", nil, http.StatusOK},
		{"chat.localhost", nil, http.StatusOK},
		{"127.0.0.1:8080", nil, http.StatusOK},
		{"192.168.0.7", nil, http.StatusOK},
		{"[::1]:8080", nil, http.StatusOK},
		{"evil.example:8080", nil, http.StatusMisdirectedRequest},
		{"evillocalhost", nil, http.StatusMisdirectedRequest},
		{"localhost.evil.example", nil, http.StatusMisdirectedRequest},
		{"127.0.0.1.evil.example", nil, http.StatusMisdirectedRequest},
		{"", nil, http.StatusMisdirectedRequest},
		{"Chat.example:443", []string{"other.example", "chat.example"}, http.StatusOK},
		{"evil.example", []string{"chat.example"}, http.StatusMisdirectedRequest},
	} {
		request := httptest.NewRequest("GET", "/", nil)
		request.Host = test.host
		response := httptest.NewRecorder()
		knownHost(test.known, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(response, request)
		if response.Code != test.status {
			t.Errorf("host %q with -host %q: status %d, want %d", test.host, test.known, response.Code, test.status)
		}
	}
}

// publicListener says that all machines can reach it. They cannot, so no firewall asks.
type publicListener struct{ net.Listener }

func (l publicListener) Addr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4zero, Port: l.Listener.Addr().(*net.TCPAddr).Port}
}

func TestListenersCheckTheHost(t *testing.T) {
	get := func(listener net.Listener, c *config) int {
		port := listener.Addr().(*net.TCPAddr).Port
		server := serveOn(t, c, listener, nil)
		defer server.stop()
		return statusFor(t, "evil.example", fmt.Sprintf("http://127.0.0.1:%d/", port))
	}
	for _, test := range []struct {
		name     string
		listener net.Listener
		config   config
		status   int
	}{
		{"a listener for this machine", listen(t), config{maxClients: 1}, http.StatusMisdirectedRequest},
		{"a listener for everyone", publicListener{listen(t)}, config{maxClients: 1}, http.StatusOK},
	} {
		if status := get(test.listener, &test.config); status != test.status {
			t.Errorf("%s: status %d, want %d", test.name, status, test.status)
		}
	}
}

// statusFor asks for a document as if the server had this host name.
func statusFor(t *testing.T, host, url string) int {
	t.Helper()
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}
