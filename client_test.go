package main

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// A bubble of testing/synctest does not end before its goroutines have: one
// that is left behind fails the test. So the end of this test is its check.
func TestWhenTheBrowserLeavesBothGoroutinesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann, bob := server.open(), server.open()
		ann.leave()
		bob.crash()
		bob.isGone()
	})
}

func TestADisconnectIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		startServer(t).open().leave()
		synctest.Wait() // until every goroutine of this test waits: now it is logged
		if want := "msg=disconnected because=EOF"; !strings.Contains(log.String(), want) {
			t.Errorf("the log is\n%s\nwant a line with\n%s", log, want)
		}
	})
}

func TestOnlyPagesOfThisServerMayConnect(t *testing.T) {
	for _, test := range []struct {
		name, origin string
		status       int
	}{
		{"a page of this server", "http://chat.test", http.StatusSwitchingProtocols},
		{"the same page behind a TLS proxy", "https://chat.test", http.StatusSwitchingProtocols},
		{"the host in capitals", "http://CHAT.test", http.StatusSwitchingProtocols},
		{"a foreign page", "https://evil.test", http.StatusForbidden},
		{"another port", "http://chat.test:8081", http.StatusForbidden},
		{"a name that only begins alike", "http://chat.test.evil.test", http.StatusForbidden},
		{"a page without an origin", "null", http.StatusForbidden},
		{"no browser at all", "", http.StatusForbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if status := startServer(t).handshake(test.origin); status != test.status {
					t.Errorf("the handshake is answered with %d, want %d", status, test.status)
				}
			})
		})
	}
}

// handshake asks for a WebSocket and returns the status of the answer.
func (s *testServer) handshake(origin string) int {
	s.t.Helper()
	conn := s.pipes.dial()
	defer conn.Close()
	request, err := http.NewRequest("GET", "http://chat.test/ws", nil)
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
	if err := request.Write(conn); err != nil {
		s.t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode
}
