//go:build unix

package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestThePageShowsWhoIsHere(t *testing.T) {
	s := openSite(t)
	ann, bob := s.visitor("ann"), s.visitor("bob")
	for _, p := range []*person{ann, bob} {
		p.waitFor(`document.querySelector("#here summary").textContent === "2 here"`)
		p.knows("ann", "bob")
	}
	ann.press("Shift+Tab") // to the log
	ann.press("Shift+Tab")
	ann.isOn("#here summary")
	ann.press("Enter")
	ann.waitFor(`document.querySelector("#here li").checkVisibility()`)
	ann.fits()

	cleo := s.visitor("cleo")
	ann.hasNotes("cleo came")
	ann.knows("ann", "bob", "cleo")
	cleo.knows("ann", "bob", "cleo")
	cleo.waitFor(`document.querySelector(".note") === null`) // of those who were there before nothing is said
	cleo.eval("localStorage.clear()", nil)
	cleo.open("http://" + s.addr) // to be asked for a name again
	ann.hasNotes("cleo left")
	ann.screenshot("here")
}

func TestComingsAndGoingsAreToldByComparing(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	here := func(count int, names ...string) {
		server.sends(fmt.Sprintf(`[{"kind":"here","names":%s,"count":%d}]`, quote(names), count))
		ann.waitFor(fmt.Sprintf(`document.querySelector("#here summary").textContent === "%d here"`, count))
	}
	here(1, "ann")
	here(3, "ann", "bob", "<b>")
	ann.hasNotes("bob, <b> came")
	here(4, "ann", "bob", "cleo")
	ann.hasNotes("cleo came", "<b> left")
	here(5, "ann", "bob", "cleo") // a second one of the same name
	ann.hasNotes("cleo came", "<b> left")

	var crowd []string
	for n := range maxHere {
		crowd = append(crowd, fmt.Sprintf("%02d %s", n, strings.Repeat("x", 29)))
	}
	here(800, crowd...)
	here(799, append([]string{"00"}, crowd[:maxHere-1]...)...) // who was pushed out at the end has not left
	here(2, "ann", "bob")
	ann.hasNotes("cleo came", "<b> left")
	here(1, "ann")
	ann.hasNotes("bob left")

	server.sends(`[{"id":1,"kind":"chat","name":"ann","text":"hello","at":"2024-02-29T12:00:00Z"}]`)
	server.sends(`[{"id":2,"kind":"chat","name":"ann","text":"I am","at":"2024-02-29T12:00:01Z"}]`)
	here(2, "ann", "bob")
	server.sends(`[{"id":3,"kind":"chat","name":"ann","text":"alone","at":"2024-02-29T12:00:02Z"}]`)
	ann.waitFor(`[...document.querySelectorAll("#messages .again")].map((item) => item.querySelector("span").textContent).join() === "I am"`)
}

// After a reconnect nobody knows who has come and gone meanwhile, and the others
// may not be back yet.
func TestAListFromBeforeIsNotComparedWith(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	server.sends(`[{"kind":"here","names":["ann","bob"],"count":2}]`)
	ann.knows("ann", "bob")
	server.ws.Close()
	ann.waitFor(`!document.getElementById("here").checkVisibility()`)
	server = s.comes("ann")
	server.sends(`[{"kind":"welcome","name":"ann"}]`)
	server.sends(`[{"kind":"here","names":["ann"],"count":1}]`)
	ann.knows("ann")
	ann.waitFor(`document.querySelector(".note") === null`)
}

func TestALongListOfPeopleFits(t *testing.T) {
	axe := axeSource(t)
	s := openStage(t)
	ann, server := s.visitor("ann")
	var names []string
	for n := range maxHere {
		names = append(names, fmt.Sprintf("%02d", n)+strings.Repeat("W", maxName-2))
	}
	server.sends(fmt.Sprintf(`[{"kind":"here","names":%s,"count":1000}]`, quote(names)))
	ann.knows(names...)
	ann.click("#here summary")
	for _, width := range []int{1000, 320} {
		ann.resize(width, 568, 1)
		ann.waitFor(`document.querySelector("#here li").checkVisibility()`)
		ann.fits()
		ann.passes(axe, fmt.Sprintf("a long list, %d pixels wide", width))
	}
	ann.screenshot("here-phone")
}

// knows waits until these names are in the list of who is here.
func (p *person) knows(names ...string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf(`JSON.stringify([...document.querySelectorAll("#here li")].map((item) => item.textContent)) ===
		JSON.stringify(%s)`, quote(names)))
}

// hasNotes waits until these are the last lines that nobody has said.
func (p *person) hasNotes(want ...string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf(`JSON.stringify([...document.querySelectorAll(".note")].slice(-%d).map((item) => item.textContent.replace(/[\u2068\u2069]/g, ""))) ===
		JSON.stringify(%s)`, len(want), quote(want)))
}
