//go:build unix

package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"testing"
)

// site is the real server on a real port, and the browser its visitors use.
// It starts and stops the program in this file only, and this file only knows
// how one comes into the room and what a message looks like on the page.
type site struct {
	t       *testing.T
	browser *chromium
	addr    string
	db      string // the file of the database, which outlives a stop
	rate    float64
	stop    func() // returns when everything has ended
}

func openSite(t *testing.T) *site {
	t.Helper()
	t.Parallel() // every site has a server and a browser of its own
	s := &site{t: t, browser: startChromium(t), db: filepath.Join(t.TempDir(), "chat.db")}
	s.start("127.0.0.1:0")
	t.Cleanup(func() { s.stop() })
	return s
}

// start starts the server, after a stop with s.addr as it was: a page does not
// know another address to come back to.
func (s *site) start(addr string) {
	s.t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	store, err := OpenStore(s.db) // serve closes it
	if err != nil {
		s.t.Fatal(err)
	}
	recent, err := store.History()
	if err != nil {
		s.t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := serve(ctx, NewHub(store, recent), &config{maxClients: 1000, rate: s.rate}, listener); err != nil {
			s.t.Errorf("serve returned %v", err)
		}
	})
	s.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
}

// person is someone with the page open.
type person struct{ *tab }

// newcomer is one more person with the page open, who has given no name yet.
func (s *site) newcomer() *person {
	s.t.Helper()
	p := &person{s.browser.newTab(s.addr)}
	p.open("http://" + s.addr)
	p.isOn("#name")
	return p
}

// visitor is a person who is in the room.
func (s *site) visitor(name string) *person {
	s.t.Helper()
	p := s.newcomer()
	p.types(name)
	p.press("Enter")
	p.isConnected()
	return p
}

func (p *person) isConnected() {
	p.t.Helper()
	p.waitFor(`document.querySelector("#status.connected") && !document.querySelector("#compose button").disabled`)
}

func (p *person) isDisconnected() {
	p.t.Helper()
	p.waitFor(`!document.querySelector("#status.connected")`)
}

// says sends a message, once the one before it has come back: until then, the
// page sends no other.
func (p *person) says(text string) {
	p.t.Helper()
	p.waitFor(`document.querySelector("#compose button").ariaBusy !== "true"`)
	p.click("#text")
	p.pastes(text)
	p.press("Enter")
}

// sees waits until these are the last messages on the page, as "name: text".
func (p *person) sees(want ...string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf(`JSON.stringify(
		[...document.querySelectorAll("#messages li:has(span)")].slice(-%d).map((item) =>
			item.querySelector("b").textContent + ": " + item.querySelector("span").textContent)
	) === JSON.stringify(%s)`, len(want), quote(want)))
}

// hasWritten waits until this stands in the box, not yet sent.
func (p *person) hasWritten(text string) {
	p.t.Helper()
	p.waitFor(`document.getElementById("text").value === ` + quote(text))
}

// isOn waits until the keyboard's focus is on an element, and visible.
func (p *person) isOn(selector string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf(`document.activeElement === document.querySelector(%s) &&
		getComputedStyle(document.activeElement).outlineStyle !== "none"`, quote(selector)))
}
