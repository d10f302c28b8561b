//go:build unix

package main

import (
	"fmt"
	"testing"
	"time"
)

// Midnight is where the reader is: in Kolkata at half past six in the evening,
// as UTC has it.
func TestDaysAreToldApart(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	ann.livesIn("Asia/Kolkata", "en-GB")
	for id, at := range []string{
		"2023-12-31T12:00:00Z",
		"2023-12-31T18:29:59Z",
		"2023-12-31T18:30:00Z",
		"2023-12-31T18:30:01Z",
		"2024-02-29T00:00:00Z",
	} {
		server.says(Message{ID: int64(id + 1), Kind: "chat", Name: "bob", Text: at, At: on(at)})
	}
	ann.shows(5)
	ann.hasLines(
		"Sunday, 31 December 2023", "bob 17:30", "bob 23:59",
		"Monday, 1 January 2024", "bob 00:00", "(bob 00:00)",
		"Thursday, 29 February 2024", "bob 05:30")
	ann.fits()
	ann.screenshot("days")
	ann.resize(320, 568, 1)
	ann.fits()
}

// The first line is for a room in which nobody has spoken today.
func TestOfTodayNothingIsSaid(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	now := time.Now() // noon, somewhere: a test at midnight would see two days
	ann.livesIn(fmt.Sprintf("Etc/GMT%+d", now.UTC().Hour()-12), "en-GB")
	server.says(Message{ID: 1, Kind: "chat", Name: "bob", Text: "hello", At: now})
	ann.sees("bob: hello")
	ann.waitFor(`document.querySelector(".day") === null`)
}

func TestThePointerTellsTheFullTime(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	ann.livesIn("Asia/Kolkata", "en-GB")
	server.says(chatAt(1, "bob", "one"), chatAt(2, "bob", "two"))
	ann.sees("bob: one", "bob: two")
	// What a browser shows is the title of what is pointed at, or of what that is in.
	for item, part := range []string{"time", "span"} {
		ann.waitFor(fmt.Sprintf(`(() => {
			const box = document.querySelectorAll("#messages .chat %s")[%d].getBoundingClientRect();
			const pointedAt = document.elementFromPoint(box.x + 1, box.y + box.height / 2);
			const title = pointedAt.closest("[title]")?.title ?? "";
			return ["Thursday", "29 February 2024", "17:30:00"].every((words) => title.includes(words));
		})()`, part, item))
	}
}

// hasLines waits until these are all lines of the list: of a message the name
// and the time, in brackets where the eye does not see them.
func (p *person) hasLines(want ...string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf(`JSON.stringify([...messages.children].map((item) => {
		if (!item.querySelector("span")) return item.textContent;
		const words = item.querySelector("b").textContent + " " + item.querySelector("time").textContent;
		return item.classList.contains("again") ? "(" + words + ")" : words;
	})) === JSON.stringify(%s)`, quote(want)))
}
