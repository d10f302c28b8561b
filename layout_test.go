//go:build unix

package main

import (
	"fmt"
	"strings"
	"testing"
)

// The two ends of the log, each true in a page that shows it.
const (
	oldestIsInView = `document.querySelector("#messages li").getBoundingClientRect().top >=
		document.getElementById("log").getBoundingClientRect().top`
	newestIsInView = `document.querySelector("#messages li:last-child").getBoundingClientRect().bottom <=
		document.getElementById("log").getBoundingClientRect().bottom`
)

func TestTheLogFollowsTheNewest(t *testing.T) {
	s := openSite(t)
	ann, bob := s.visitor("ann"), s.visitor("bob")
	ann.resize(1000, 300, 1)
	for n := range 10 {
		bob.says(fmt.Sprintf("message %d", n))
	}
	ann.sees("bob: message 8", "bob: message 9")
	ann.waitFor(newestIsInView)

	// But whoever reads further up is left alone.
	ann.press("Shift+Tab")
	ann.isOn("#log")
	ann.press("Home")
	ann.waitFor(oldestIsInView)
	bob.says("too early?")
	ann.sees("bob: too early?")
	ann.waitFor(oldestIsInView)

	ann.press("End")
	ann.waitFor(newestIsInView)
	bob.says("now")
	ann.sees("bob: too early?", "bob: now")
	ann.waitFor(newestIsInView)

	// A window that becomes smaller, as when a phone shows its keyboard, is no
	// reason to stop, and who speaks wants to see it arrive.
	ann.resize(1000, 250, 1)
	ann.waitFor(newestIsInView)
	ann.press("Home")
	ann.waitFor(oldestIsInView)
	ann.says("here I am")
	ann.sees("bob: now", "ann: here I am")
	ann.waitFor(newestIsInView)
}

func TestNoTextBreaksTheLayout(t *testing.T) {
	ann := openSite(t).visitor("ann")
	for _, text := range []string{
		strings.Repeat("a", 2000),
		"https://chat.test/" + strings.Repeat("path-without-end/", 50) + "?query=" + strings.Repeat("%20", 50),
		strings.Repeat("👩‍👩‍👧‍👦🏳️‍🌈👍🏽", 60),
		"مرحبا بالجميع، هذا نص من اليمين إلى اليسار (123).",
		"\u202eturned around, and never turned back",
		strings.Repeat("a\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308", 20),
		strings.Repeat("漢字", 300),
	} {
		ann.says(text)
		ann.sees("ann: " + text)
		for _, width := range []int{1000, 320} {
			ann.resize(width, 568, 1)
			ann.fits()
		}
	}
	ann.screenshot("hard-texts")
}

func TestSmallWindowsAndZoomAreEnough(t *testing.T) {
	s := openSite(t)
	ann := s.visitor("ann")
	for _, window := range []struct {
		name          string
		width, height int
		scale         float64
	}{
		{"a small phone", 320, 568, 2},
		{"1280 × 800 at 200 %", 640, 400, 2},
		{"1280 × 1024 at 400 %", 320, 256, 4},
	} {
		ann.resize(window.width, window.height, window.scale)
		ann.fits()
		ann.types(window.name)
		ann.click("#compose button")
		ann.sees("ann: " + window.name)
		ann.waitFor(newestIsInView)
		ann.click("#text")
	}
}

// fits fails the test unless everything has its place in the window: no part of
// the page sticks out, and only the log scrolls, and only up and down.
func (p *person) fits() {
	p.t.Helper()
	var problems []string
	p.eval(`[...document.querySelectorAll("body *")].filter((part) => {
		const box = part.getBoundingClientRect();
		const inList = part.parentElement.closest("#log, #here ul");
		return box.left < 0 || box.right > innerWidth || !inList && (box.top < 0 || box.bottom > innerHeight);
	}).map((part) => part.tagName + " sticks out").concat(
		[document.documentElement, document.getElementById("log")]
			.filter((part) => part.scrollWidth > part.clientWidth)
			.map((part) => part.tagName + " scrolls sideways"))`, &problems)
	for _, problem := range problems {
		p.t.Errorf("the page does not fit: %s", problem)
	}
}
