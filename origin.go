package main

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/websocket"
)

// This file decides which pages may use the server. A browser sends any request
// that any page asks for; only the server can tell which page it was.

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
