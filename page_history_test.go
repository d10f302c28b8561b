//go:build unix

package main

import (
	"fmt"
	"net"
	"testing"
	"time"
)

const gap = "… some messages may be missing here …"

func TestTheHistoryIsThereAfterAReload(t *testing.T) {
	s := openSite(t)
	ann := s.visitor("ann")
	ann.says("first")
	ann.says("second")
	ann.sees("ann: first", "ann: second")
	ann.open("http://" + s.addr)
	ann.isConnected()
	ann.sees("ann: first", "ann: second")
	ann.shows(2)
}

func TestThePageComesBackByItself(t *testing.T) {
	s := openSite(t)
	ann := s.visitor("ann")
	ann.expects("ERR_CONNECTION_REFUSED") // the answer to attempts while the server is away
	ann.says("before")
	ann.sees("ann: before")
	ann.press("Shift+Tab")
	ann.isOn("#log")

	s.whileAway(ann, func() { s.chatter(2) })
	ann.sees("ann: before", "bob: 1", "bob: 2")
	ann.shows(3)
	ann.isOn("#log") // nobody has pressed a key: the focus stays
}

func TestAGapIsMarked(t *testing.T) {
	for messages, marked := range map[int]bool{historySize - 1: false, historySize + 1: true} {
		t.Run(fmt.Sprint(messages, " messages"), func(t *testing.T) {
			s := openSite(t)
			ann := s.visitor("ann")
			ann.expects("ERR_CONNECTION_REFUSED")
			ann.says("before")
			ann.sees("ann: before")
			s.whileAway(ann, func() { s.chatter(messages) })
			ann.sees(fmt.Sprintf("bob: %d", messages))
			ann.waitFor(`messages.children[0].textContent.endsWith("before")`)
			ann.waitFor(fmt.Sprintf(`(messages.children[1].textContent === %q) === %t`, gap, marked))
		})
	}
}

func TestATextThatDidNotArriveIsGivenBack(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	ann.says("hello?")
	server.gets(`{"text":"hello?"}`) // and gets no further
	ann.hasWritten("")
	server.ws.Close()
	ann.hasWritten("hello?")

	server = s.comes("ann")
	server.sends(`[{"kind":"welcome","name":"ann"}]`)
	ann.isConnected()
	ann.hasWritten("hello?")
	ann.shows(0)
	ann.press("Enter")
	server.gets(`{"text":"hello?"}`)
	ann.hasWritten("")
}

func TestATextThatDidArriveIsNotSentAgain(t *testing.T) {
	for _, test := range []struct{ name, typed, left string }{
		{"nothing else was typed", "", ""},
		{"more was typed", "more", "more"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openStage(t)
			ann, server := s.visitor("ann")
			ann.says("hello")
			server.gets(`{"text":"hello"}`)
			ann.types(test.typed)
			server.ws.Close() // the network loses the answer
			ann.waitFor(`document.getElementById("text").value.startsWith("hello")`)

			server = s.comes("ann")
			server.sends(`[{"kind":"welcome","name":"ann"},
				{"id":1,"kind":"chat","name":"ann","text":"hello","at":"2024-02-29T12:00:00Z"}]`)
			ann.sees("ann: hello")
			ann.shows(1)
			ann.hasWritten(test.left)
		})
	}
}

func TestTheHistoryIsNotReadOut(t *testing.T) {
	s := openSite(t)
	s.chatter(3)
	ann := s.newcomer()
	ann.notesWhatIsLive()
	ann.open("http://" + s.addr)
	ann.types("ann")
	ann.press("Enter")
	ann.isConnected()
	ann.sees("bob: 1", "bob: 2", "bob: 3")
	ann.waitFor(`log.getAttribute("aria-live") === "polite"`)
	ann.says("later")
	ann.sees("ann: later")
	ann.waitFor(`JSON.stringify(added) === '["1 off","2 off","3 off","later polite"]'`)
	ann.hears("later")
}

func TestAxeFindsNothingInAFullRoom(t *testing.T) {
	axe := axeSource(t)
	s := openSite(t)
	s.chatter(historySize + 10)
	ann := s.visitor("ann")
	ann.sees(fmt.Sprintf("bob: %d", historySize+10))
	ann.shows(historySize)
	ann.passes(axe, "the full room")
	ann.resize(320, 568, 1)
	ann.fits()
	ann.passes(axe, "the full room on a phone")
}

func TestTimesAreLocal(t *testing.T) {
	s := openSite(t)
	s.chatter(1)
	ann := s.newcomer()
	ann.livesIn("Asia/Kolkata", "de-DE")
	ann.types("ann")
	ann.press("Enter")
	ann.sees("bob: 1")
	eve := s.plain("eve")
	at := eve.next().At
	ann.waitFor(fmt.Sprintf(`(() => {
		const time = document.querySelector("#messages time");
		return time.dateTime === %q && time.textContent === %q;
	})()`, at.Format(time.RFC3339Nano), at.In(time.FixedZone("Kolkata", 5.5*60*60)).Format("15:04")))
}

// whileAway has this server stop and come back, and something happen meanwhile:
// in the same room, which a server at another address keeps open for those who
// know of it. The page does not, so it cannot come back too early.
func (s *site) whileAway(p *person, happens func()) {
	s.t.Helper()
	addr := s.addr
	s.stop()
	p.isDisconnected()
	s.start("127.0.0.1:0")
	happens()
	s.stop()
	s.start(addr)
	p.isConnected()
}

// plain is a visitor without a browser.
func (s *site) plain(name string) *browser {
	s.t.Helper()
	server := &testServer{t: s.t, dial: func() (net.Conn, error) { return net.Dial("tcp", s.addr) }}
	return server.join(name)
}

// chatter is what bob says: the numbers from 1 to n.
func (s *site) chatter(n int) {
	s.t.Helper()
	bob := s.plain("bob")
	for i := range n {
		bob.says(fmt.Sprint(i + 1))
	}
	for last := fmt.Sprint("bob: ", n); bob.next().String() != last; {
	}
	bob.leave()
}

// shows waits until the page has so many messages, not counting days and notes.
func (p *person) shows(messages int) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf(`document.querySelectorAll("#messages li:has(span)").length === %d`, messages))
}

// notesWhatIsLive has the next page note, from its beginning, each message that
// is added, and whether a screen reader would read it out.
func (p *person) notesWhatIsLive() {
	p.t.Helper()
	p.devTools.call("Page.addScriptToEvaluateOnNewDocument", params{"source": `
		window.added = [];
		new MutationObserver((changes) => {
			for (const item of changes.flatMap((change) => [...change.addedNodes])) {
				if (item.tagName !== "LI" || !item.querySelector("span")) continue;
				added.push(item.querySelector("span").textContent + " " + log.getAttribute("aria-live"));
			}
		}).observe(document, {childList: true, subtree: true});`}, nil)
}
