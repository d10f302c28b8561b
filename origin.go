package main

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/websocket"
)

// This file decides which pages may use the server. A browser sends the requests of
// any page to any server. It tells the server which page that was, and the server has
// to refuse.

// sameOrigin refuses the handshake with 403 unless it comes from a page of this
// server. Browsers let any page open a WebSocket to any server. They only tell the
// server, in the Origin header, where the page came from. The server must check it
// (RFC 6455, section 10.2), and websocket.Handler would accept any Origin.
func sameOrigin(hub *Hub, config *websocket.Config, request *http.Request) error {
	origin, err := websocket.Origin(config, request)
	if err != nil || origin == nil || !strings.EqualFold(origin.Host, request.Host) {
		hub.stats.refuse(request, "not a page of this server")
		return errors.New("foreign or missing Origin")
	}
	config.Origin = origin
	return nil
}

// foreign reports whether a request comes from a page of another server. Newer
// browsers say so in Sec-Fetch-Site, if the connection is encrypted or does not
// leave the machine; others send the Origin of a foreign page. A request with
// neither comes from a page of ours, or from no browser, or from a foreign page
// that may ask, as it may for a picture, but may not read the answer.
//
// http.CrossOriginProtection would not do here. It protects a server's state
// from foreign requests, so it lets every GET through. These routes are GETs,
// and what they protect is the answer.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "":
		origin, err := url.Parse(r.Header.Get("Origin"))
		return r.Header.Get("Origin") != "" && (err != nil || !strings.EqualFold(origin.Host, r.Host))
	case "same-origin", "none": // none: somebody has typed the address
		return false
	default:
		return true
	}
}

// knownHost refuses requests for host names that are not this server's, with 421.
// Without it, the name evil.example could lead to this machine (DNS rebinding). A
// page of http://evil.example:8080 and this server would then have the same origin.
// But the page cannot change the name in the Host header.
func knownHost(hosts []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isKnown(r.Host, hosts) {
			http.Error(w, "this server does not have this host name: give it to the server with -host", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLoopback reports whether only this machine can reach the listener.
func isLoopback(listener net.Listener) bool {
	addr, ok := listener.Addr().(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

// isKnown reports whether host, with or without a port, is an IP address,
// localhost or a name below it (RFC 6761, section 6.3), or one of these hosts.
func isKnown(host string, hosts []string) bool {
	name := strings.ToLower((&url.URL{Host: host}).Hostname())
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	name = strings.TrimSuffix(name, ".")
	return name == "localhost" || strings.HasSuffix(name, ".localhost") ||
		slices.ContainsFunc(hosts, func(known string) bool { return strings.EqualFold(known, name) })
}
