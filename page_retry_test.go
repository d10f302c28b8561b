//go:build unix

package main

import (
	"fmt"
	"testing"
	"time"
)

// Each failure makes the next wait longer; an event ends it at once. Two events
// make one connection.
func TestTheNetworkComesBack(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	ann.eval(`Math.random = () => 1`, nil) // the longest waits
	for _, wait := range []string{"", "", "2 s", "4 s", "8 s", "16 s", "30 s", "30 s"} {
		server.ws.Close()
		if wait != "" {
			ann.tells("No connection. Next attempt in " + wait)
			s.nobodyComes()
			ann.eval(`dispatchEvent(new Event("online")); dispatchEvent(new Event("online"))`, nil)
		}
		server = s.comes("ann")
		ann.tells("No connection. Connecting …")
		s.nobodyComes()
	}
	server.says(Message{Kind: "welcome", Name: "ann"})
	ann.tells("Connected as ann")
	ann.eval(`dispatchEvent(new Event("online"))`, nil) // of no use to a page that is connected
	s.nobodyComes()
}

func TestTheSecondsAreCountedDown(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	ann.notesTheStatus()
	ann.eval(`Math.random = () => 1`, nil)
	for range 4 {
		server.ws.Close()
		server = s.comes("ann") // by itself
	}
	server.says(Message{Kind: "welcome", Name: "ann"})
	ann.isConnected()
	ann.waitFor(`seen.join("|") === "` +
		`No connection. Next attempt in 1 s|` +
		`No connection. Connecting …|No connection. Next attempt in 1 s|` +
		`No connection. Connecting …|No connection. Next attempt in 2 s|No connection. Next attempt in 1 s|` +
		`No connection. Connecting …|No connection. Next attempt in 4 s|No connection. Next attempt in 3 s|` +
		`No connection. Next attempt in 2 s|No connection. Next attempt in 1 s|` +
		`No connection. Connecting …|Connected as ann"`)
	// That is for the eye. What a screen reader says changes twice.
	ann.waitFor(`said.join("|") === "No connection.|Connected as ann"`)
	ann.hears("Connected as ann")
	ann.waitFor(`document.querySelector("#status :nth-child(2)").ariaHidden === "true"`)
}

func TestTheDeviceIsOffline(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	ann.expects("ERR_INTERNET_DISCONNECTED")
	s.failsFor(ann, server)
	ann.isOnline(false)
	ann.tells("This device is offline. Next attempt in 15 s")
	ann.fits()
	ann.screenshot("offline")
	ann.isOnline(true) // the browser's own event
	server = s.comesAtOnce("ann")
	server.says(Message{Kind: "welcome", Name: "ann"})
	ann.tells("Connected as ann")
}

func TestALookAtThePageIsEnough(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	s.failsFor(ann, server)
	s.hides(ann)
	s.nobodyComes()
	s.showsAgain(ann)
	server = s.comesAtOnce("ann")
	server.says(Message{Kind: "welcome", Name: "ann"})
	ann.tells("Connected as ann")
	s.hides(ann)
	s.showsAgain(ann)
	s.nobodyComes()
	server.sends(`[]`)
	server.gets(`{}`)
}

// A computer that sleeps stops the timers, not the time.
func TestAComputerThatSlept(t *testing.T) {
	for seconds, isGivenUp := range map[int]bool{59: false, 61: true} {
		t.Run(fmt.Sprint(seconds, " seconds"), func(t *testing.T) {
			s := openStage(t)
			ann, server := s.visitor("ann")
			s.hides(ann)
			ann.eval(fmt.Sprintf(`{
				const wake = Date.now() + %d * 1000 - 500;
				Date.now = () => wake;
			}`, seconds), nil)
			s.showsAgain(ann)
			if !isGivenUp {
				s.nobodyComes()
				server.sends(`[]`)
				server.gets(`{}`)
				return
			}
			server.isLeft()
			server = s.comesAtOnce("ann")
			server.says(Message{Kind: "welcome", Name: "ann"})
			ann.isConnected()
			s.nobodyComes()
		})
	}
}

func TestWithoutANameNobodyConnects(t *testing.T) {
	s := openStage(t)
	ann := s.newcomer()
	look := func() {
		t.Helper()
		ann.eval(`dispatchEvent(new Event("online"))`, nil)
		s.hides(ann)
		s.showsAgain(ann)
		s.nobodyComes()
		ann.tells("Not connected")
	}
	look()
	ann.types("server")
	ann.press("Enter")
	server := s.comes("server")
	server.says(Message{Kind: "error", Text: "not this one"})
	server.isLeft()
	look()
}

// comesAtOnce is comes for a page that would otherwise wait much longer.
func (s *stage) comesAtOnce(name string) *serverEnd {
	s.t.Helper()
	start := time.Now()
	server := s.comes(name)
	if wait := time.Since(start); wait > 5*time.Second {
		s.t.Errorf("the page connects after %v, want it to do so at once", wait)
	}
	return server
}

// nobodyComes fails the test if a page connects in the next moment.
func (s *stage) nobodyComes() {
	s.t.Helper()
	select {
	case <-s.entrances:
		s.t.Fatal("the page connects once more")
	case <-time.After(200 * time.Millisecond):
	}
}

// tells waits until the status is this.
func (p *person) tells(status string) {
	p.t.Helper()
	p.waitFor(`document.getElementById("status").textContent === ` + quote(status))
}

// notesTheStatus has the page note what the status is from now on: seen by the
// eye, and said by a screen reader.
func (p *person) notesTheStatus() {
	p.t.Helper()
	p.eval(`{
		window.seen = [], window.said = [];
		const status = document.getElementById("status"), words = status.firstElementChild;
		new MutationObserver(() => {
			if (seen.at(-1) !== status.textContent) seen.push(status.textContent);
		}).observe(status, {childList: true, subtree: true});
		new MutationObserver(() => said.push(words.textContent)).observe(words, {childList: true});
	}`, nil)
}

// isOnline cuts the browser off the network, or puts it back.
func (p *person) isOnline(yes bool) {
	p.t.Helper()
	p.devTools.call("Network.emulateNetworkConditions", params{
		"offline": !yes, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
	}, nil)
	p.waitFor(fmt.Sprintf(`navigator.onLine === %t`, yes))
}

// failsFor lets ann's attempts fail until the next one is 16 seconds away.
func (s *stage) failsFor(ann *person, server *serverEnd) {
	s.t.Helper()
	ann.eval(`Math.random = () => 1`, nil) // the longest waits
	for range 5 {
		server.ws.Close()
		ann.waitFor(`/Connecting|[1248] s/.test(document.getElementById("status").textContent)`)
		ann.eval(`dispatchEvent(new Event("online"))`, nil)
		server = s.comes("ann")
	}
	server.ws.Close()
	ann.tells("No connection. Next attempt in 16 s")
}
