package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRoutes(t *testing.T) {
	for _, test := range []struct {
		method, path string
		status       int
		body         string // a part of it
	}{
		{"GET", "/", http.StatusOK, "<h1>Go Real-Time Chat App</h1>"},
		{"HEAD", "/", http.StatusOK, ""},
		{"GET", "/nope", http.StatusNotFound, "404 page not found"},
		{"POST", "/", http.StatusMethodNotAllowed, "Method Not Allowed"},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			response := httptest.NewRecorder()
			routes(NewHub()).ServeHTTP(response, httptest.NewRequest(test.method, test.path, nil))
			if response.Code != test.status {
				t.Errorf("status %d, want %d", response.Code, test.status)
			}
			if !strings.Contains(response.Body.String(), test.body) {
				t.Errorf("body %q, want it to contain %q", response.Body, test.body)
			}
		})
	}
}

func TestATakenPortIsAnError(t *testing.T) {
	other := listen(t)
	err := run(t.Context(), other.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "listen tcp") {
		t.Errorf("run returned %v, want an error that says what could not be listened on", err)
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

// A limit of zero means none.
func TestEveryConnectionHasATimeLimit(t *testing.T) {
	server := newServer(nil)
	if server.ReadHeaderTimeout <= 0 || server.ReadTimeout <= 0 || server.WriteTimeout <= 0 || server.IdleTimeout <= 0 {
		t.Errorf("a limit is missing: %+v", server)
	}
}

// listen takes a free port for as long as the test runs.
func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}
