//go:build unix

package main

import (
	"fmt"
	"math"
	"testing"
)

func TestTheReaderIsToldWhatIsNew(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	ann.resize(1000, 300, 1)
	ann.tellsOfNew("")
	for id := range 20 {
		server.says(chatAt(int64(id+1), "bob", "message"))
	}
	ann.shows(20)
	ann.tellsOfNew("") // at the end there is nothing to tell

	ann.scrollsTo(-200)
	server.says(chatAt(21, "bob", "new"))
	ann.tellsOfNew("1 new message")
	server.says(chatAt(21, "bob", "the same again"))
	server.says(chatAt(22, "bob", "newer"))
	server.says(chatAt(23, "bob", "newest"))
	ann.tellsOfNew("3 new messages")
	ann.fits()
	ann.screenshot("news")
	ann.resize(320, 568, 1)
	ann.scrollsTo(-200)
	ann.fits()
	ann.screenshot("news-phone")

	ann.click("#news")
	ann.waitFor(newestIsInView)
	ann.tellsOfNew("")

	// The end can be reached without the button, too.
	for n, reach := range []func(){
		func() { ann.press("Shift+Tab"); ann.press("Shift+Tab"); ann.isOn("#log"); ann.press("End") },
		func() { ann.scrollsTo(0) },
		func() { ann.says("here I am") },
		func() { ann.resize(1000, 3000, 1) },
	} {
		ann.resize(1000, 300, 1)
		ann.click("#text")
		ann.scrollsTo(-200)
		server.says(chatAt(int64(24+n), "bob", "one more"))
		ann.tellsOfNew("1 new message")
		reach()
		ann.tellsOfNew("")
	}
}

func TestTheButtonDoesNotTakeTheFocusAway(t *testing.T) {
	s := openStage(t)
	ann, server := s.reader(20)
	server.says(chatAt(21, "bob", "new"))
	ann.tellsOfNew("1 new message")
	ann.isOn("#text")
	ann.press("Shift+Tab")
	ann.isOn("#news")
	ann.press("Enter")
	ann.waitFor(newestIsInView)
	ann.tellsOfNew("")
	ann.isOn("#log")
	ann.press("Home")
	ann.waitFor(oldestIsInView)
}

func TestWhatIsReadStaysInPlace(t *testing.T) {
	s := openStage(t)
	ann, server := s.reader(30)
	var before, after float64
	const place = `messages.children[20].getBoundingClientRect().top`
	ann.eval(place, &before)
	server.says(chatAt(31, "cleo", "a text of several lines\n\n\nlike this"))
	server.says(chatAt(32, "bob", "and one more"))
	ann.tellsOfNew("2 new messages")
	ann.eval(place, &after)
	if math.Abs(before-after) >= 1 { // heights have fractions, the log scrolls by whole pixels
		t.Errorf("what is read moves from %v to %v", before, after)
	}
}

func TestAxeFindsNothingInTheButton(t *testing.T) {
	axe := axeSource(t)
	s := openStage(t)
	ann, server := s.reader(20)
	server.says(chatAt(21, "bob", "new"))
	ann.tellsOfNew("1 new message")
	ann.passes(axe, "the button for new messages")
	// The message itself is read out already.
	ann.waitFor(`document.getElementById("news").closest("[aria-live], [role=log], [role=status]") === null`)
}

// reader is ann, who reads further up in a log with so many messages.
func (s *stage) reader(messages int) (*person, *serverEnd) {
	s.t.Helper()
	ann, server := s.visitor("ann")
	ann.resize(1000, 300, 1)
	for id := range messages {
		server.says(chatAt(int64(id+1), "bob", "message"))
	}
	ann.shows(messages)
	ann.scrollsTo(-200)
	return ann, server
}

// scrollsTo scrolls the log to so many pixels from its end, a negative number.
func (p *person) scrollsTo(pixels int) {
	p.t.Helper()
	p.eval(fmt.Sprintf(`new Promise((scrolled) => {
		document.getElementById("log").scrollTop = %d;
		requestAnimationFrame(() => requestAnimationFrame(scrolled));
	})`, pixels), nil)
}

// tellsOfNew waits until the button for new messages says this, or is not there.
func (p *person) tellsOfNew(words string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf(`document.getElementById("news").checkVisibility() === %t &&
		(%[1]t === false || document.getElementById("news").textContent === %s)`, words != "", quote(words)))
}
