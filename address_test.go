package main

import (
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// The platform's proxy has one address, and names the browser's in a header.
func TestConnectionsFromOneAddressAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		pipes := newPipeListener()
		server := serveOn(t, &config{maxClients: 10, maxPerAddress: 2, clientIPHeader: "Fly-Client-IP"}, pipes, pipes.dial)
		from := func(address string) int { return server.handshake("http://chat.localhost", "Fly-Client-IP", address) }
		for _, test := range []struct {
			address string
			status  int
		}{
			{"203.0.113.7", http.StatusSwitchingProtocols},
			{"203.0.113.7", http.StatusSwitchingProtocols},
			{"203.0.113.7", http.StatusTooManyRequests},
			{"::ffff:203.0.113.7", http.StatusTooManyRequests}, // the same address
			{"203.0.113.8", http.StatusSwitchingProtocols},
			{"2001:db8:0:1::1", http.StatusSwitchingProtocols},
			{"2001:db8:0:1::2", http.StatusSwitchingProtocols},
			{"2001:db8:0:1:ffff::3", http.StatusTooManyRequests}, // the same /64 network
			{"2001:db8:0:2::1", http.StatusSwitchingProtocols},
		} {
			if status := from(test.address); status != test.status {
				t.Errorf("%s: status %d, want %d", test.address, status, test.status)
			}
		}
		time.Sleep(nameWait + 2*writeWait) // the connections end, because nobody sends a name
		if status := from("203.0.113.7"); status != http.StatusSwitchingProtocols {
			t.Errorf("after the connections have ended: status %d, want %d", status, http.StatusSwitchingProtocols)
		}
		log.contains(t, `msg=refused why="too many from one address" peer=203.0.113.7`)
	})
}

func TestAddressGetsItsPlaceBack(t *testing.T) {
	limit := &addressLimit{most: 1, open: make(map[netip.Prefix]int)}
	const ann = "203.0.113.7:50001"
	if !limit.enter(ann) || limit.enter("203.0.113.7:50002") {
		t.Error("the limit is not 1")
	}
	limit.leave(ann)
	if !limit.enter(ann) {
		t.Error("the address did not get its place back")
	}
	limit.leave(ann)
	if len(limit.open) != 0 {
		t.Errorf("the limit remembers %v, and nobody is connected", limit.open)
	}
}
