//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

func TestMessagesInARowAreGrouped(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	ann.livesIn("Asia/Kolkata", "en-GB")
	for id, line := range []struct {
		named      bool
		kind, name string
		at         string
	}{
		{true, "chat", "bob", "12:00:00"},
		{false, "chat", "bob", "12:00:01"},
		{false, "chat", "bob", "12:05:00"}, // five minutes after the first, but not after the one before
		{true, "chat", "bob", "12:10:00"},
		{true, "chat", "cleo", "12:10:01"},
		{true, "chat", "bob", "12:10:02"},
		{true, "announcement", "server", "12:10:03"},
		{false, "announcement", "server", "12:10:04"},
		{true, "chat", "server", "12:10:05"},
		{true, "chat", "server", "11:00:00"}, // the server's clock was put back
	} {
		text := fmt.Sprint("line ", id)
		server.says(Message{ID: int64(id + 1), Kind: line.kind, Name: line.name, Text: text, At: on("2024-02-29T" + line.at + "Z")})
		ann.sees(line.name + ": " + text)
		ann.showsTheName(line.named)
	}
	ann.fits()
	ann.screenshot("groups")
}

// A screen reader says the name with each message.
func TestTheNameInAGroupIsStillRead(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	server.says(chatAt(1, "bob", "one"))
	server.says(chatAt(2, "bob", "two"))
	ann.sees("bob: one", "bob: two")
	ann.showsTheName(false)
	var tree struct{ Nodes []accessibleNode }
	ann.devTools.call("Accessibility.getFullAXTree", nil, &tree)
	names := 0
	for _, node := range tree.Nodes {
		if node.Name.Value == "bob" {
			names++
		}
	}
	if names != 4 { // an element and its text, twice
		t.Errorf("a screen reader finds %d times bob, want 4", names)
	}
	ann.passes(axeSource(t), "a group")
}

func TestAGapEndsAGroup(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	server.says(chatAt(1, "bob", "before"))
	ann.sees("bob: before")
	server.ws.Close()

	server = s.comes("ann")
	frame := []Message{{Kind: "welcome", Name: "ann"}}
	for id := range int64(historySize) {
		frame = append(frame, chatAt(id+2, "bob", "after"))
	}
	server.says(frame...)
	ann.shows(1 + historySize)
	ann.waitFor(`[...messages.children].slice(0, 5).map((item) => item.className).join() === "day,chat,note,chat,chat again"`)
}

// says sends messages, or whatever else the server has to say, in one frame.
func (e *serverEnd) says(messages ...Message) {
	e.t.Helper()
	frame, err := json.Marshal(messages)
	if err != nil {
		e.t.Fatal(err)
	}
	e.sends(string(frame))
}

// chatAt is a message of a day that never ends.
func chatAt(id int64, name, text string) Message {
	return Message{ID: id, Kind: "chat", Name: name, Text: text, At: on("2024-02-29T12:00:00Z")}
}

func on(at string) time.Time {
	day, err := time.Parse(time.RFC3339, at)
	if err != nil {
		panic(err) // a slip in the test itself
	}
	return day
}

// livesIn sets the time zone and the language of the browser.
func (p *person) livesIn(zone, locale string) {
	p.t.Helper()
	p.devTools.call("Emulation.setTimezoneOverride", params{"timezoneId": zone}, nil)
	p.devTools.call("Emulation.setLocaleOverride", params{"locale": locale}, nil)
}

// showsTheName waits until the name of the last message is there for the eye, or
// is not. What is clipped cannot be pointed at, either.
func (p *person) showsTheName(visible bool) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf(`(() => {
		const name = document.querySelector("#messages li:last-child b"), box = name.getBoundingClientRect();
		return (document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === name) === %t;
	})()`, visible))
}
