package main

import (
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
)

// clientAddress lets the rest of the program see the address of the browser where
// net/http has that of the platform's proxy. The proxy sends it in a header. Use
// only a header that the proxy sets itself, and only behind that proxy: anybody
// else can send any header.
func clientAddress(header string, next http.Handler) http.Handler {
	if header == "" {
		return next
	}
	var warn sync.Once
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addr, err := netip.ParseAddr(r.Header.Get(header))
		if err != nil { // the platform's own health checks have no such header
			warn.Do(func() { slog.Warn("a request has no address in the header", "header", header, "path", r.URL.Path) })
		} else {
			r = r.WithContext(r.Context())            // a copy: a handler may not change the request that it was given
			r.RemoteAddr = addr.WithZone("").String() // a zone may have any length
		}
		next.ServeHTTP(w, r)
	})
}

// addressLimit counts connections by address.
type addressLimit struct {
	most int // connections from one address; 0 means any number

	mu   sync.Mutex
	open map[netip.Prefix]int
}

// enter counts one more connection from this address, and reports whether it is
// allowed. If so, call leave when the connection ends.
func (l *addressLimit) enter(remoteAddr string) bool {
	network := networkOf(remoteAddr)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most > 0 && l.open[network] >= l.most {
		return false
	}
	l.open[network]++
	return true
}

func (l *addressLimit) leave(remoteAddr string) {
	network := networkOf(remoteAddr)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[network]--
	if l.open[network] == 0 {
		delete(l.open, network)
	}
}

// networkOf returns what one person is likely to have: a single IPv4 address, or
// the 64 bits of an IPv6 address that a provider gives to a customer.
func networkOf(remoteAddr string) netip.Prefix {
	addr, err := netip.ParseAddr(remoteAddr) // from a header
	if err != nil {
		withPort, _ := netip.ParseAddrPort(remoteAddr) // from net/http
		addr = withPort.Addr()
	}
	addr = addr.Unmap()
	network, _ := addr.Prefix(min(64, addr.BitLen())) // no error: the length fits
	return network
}
