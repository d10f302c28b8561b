//go:build unix

package main

import (
	"fmt"
	"testing"
)

func TestNamesOfAllScripts(t *testing.T) {
	s := openSite(t)
	bob := s.visitor("bob")
	for _, person := range []struct{ name, text, side string }{
		{"Ann", "Hello, שלום!", "left"},
		{"ליאת", "שלום לכולם, Hello!", "right"},
		{"مريم", "مرحبا بالجميع 👋", "right"},
		{"👩‍💻 Ada", "👋 hello 👩‍👩‍👧‍👦", "left"},
		{"李 (Li)", "你好", "left"},
	} {
		p := s.newcomer()
		p.pastes(person.name)
		p.press("Enter")
		p.isConnected()
		p.isCalled(person.name)
		p.says(person.text)
		bob.sees(person.name + ": " + person.text)
		bob.seesTheNameFirst()
		bob.seesTheTextOnThe(person.side)
	}
}

func TestANameIsNotMarkup(t *testing.T) {
	s := openSite(t)
	const name = "<img src=nope onerror=alert(1)>"
	bob, eve := s.visitor("bob"), s.visitor(name)
	eve.isCalled(name)
	eve.says("hello")
	eve.sees(name + ": hello")
	bob.sees(name + ": hello")
	for _, p := range []*person{bob, eve} {
		p.waitFor(`document.querySelector("#status span *, #messages b *, #messages img") === null`)
	}
}

// seesTheNameFirst fails the test unless the last message begins with the name,
// in whatever direction it is read.
func (p *person) seesTheNameFirst() {
	p.t.Helper()
	p.waitFor(`(() => {
		const item = [...document.querySelectorAll("#messages li:has(span)")].at(-1), edge = item.getBoundingClientRect().left;
		const [name, time] = ["b", "time"].map((part) => item.querySelector(part).getBoundingClientRect());
		return Math.abs(name.left - edge) < 1 && name.right < time.left && name.height < 40;
	})()`)
}

// seesTheTextOnThe fails the test unless the last text begins on that side.
func (p *person) seesTheTextOnThe(side string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf(`(() => {
		const text = [...document.querySelectorAll("#messages li span")].at(-1), range = document.createRange();
		range.selectNodeContents(text);
		return Math.abs(range.getBoundingClientRect()[%[1]s] - text.getBoundingClientRect()[%[1]s]) < 1;
	})()`, quote(side)))
}
