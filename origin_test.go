package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
)

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
	request, err := http.NewRequest("GET", "http://chat.localhost/ws", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "websocket")
	request.Header.Set("Sec-WebSocket-Version", "13")
	request.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==") // RFC 6455, section 1.3
	if origin != "" {
		request.Header.Set("Origin", origin)
	}
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
