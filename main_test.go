package main

import (
	"compress/gzip"
	"context"
	"io"
	"io/fs"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
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
	const limit = 40_000
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
