//go:build unix

package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestTheNameIsAskedForOnce(t *testing.T) {
	s := openSite(t)
	ann := s.newcomer()
	ann.types(" Ann ")
	ann.press("Enter")
	ann.isConnected()
	ann.isCalled("Ann")

	ann.open("http://" + s.addr) // a reload
	ann.isConnected()
	ann.isCalled("Ann")
	ann.open("about:blank") // and back, some other day
	ann.open("http://" + s.addr)
	ann.isConnected()
	ann.isCalled("Ann")
}

func TestABadNameIsAskedForAgain(t *testing.T) {
	ann := openSite(t).newcomer()
	for _, name := range []string{"", strings.Repeat("a", maxName+1), "\u202enna", "Server"} {
		_, err := checkName(name)
		ann.replaces("#name", name)
		ann.press("Enter")
		ann.isTold("Your name", "#name-error", err.Error())
		ann.waitFor(`document.getElementById("name").value === ` + quote(name))
		ann.isOn("#name")
	}
	ann.press("End")
	ann.types("-less Ann")
	ann.press("Enter")
	ann.isConnected()
	ann.isCalled("Server-less Ann")
}

// A name that was good once may be another's today.
func TestARememberedNameCanBeRefused(t *testing.T) {
	s := openSite(t)
	ann := s.newcomer()
	ann.eval(`localStorage.setItem("name", "server")`, nil)
	ann.open("http://" + s.addr)
	_, err := checkName("server")
	ann.isTold("Your name", "#name-error", err.Error())
	ann.isOn("#name")
}

// As long as the page is trying, there is nothing to answer. A second answer
// would be a second connection.
func TestANameGivenWhileTheServerIsAwayIsEnough(t *testing.T) {
	s := openSite(t)
	ann := s.newcomer()
	ann.expects("ERR_CONNECTION_REFUSED") // the answer to every attempt
	s.stop()
	ann.types("ann")
	ann.press("Enter")
	ann.waitFor(`document.getElementById("status").textContent.includes("No connection")`)
	ann.waitFor(`!join.checkVisibility()`)
	ann.press("Enter")

	s.start(s.addr)
	ann.isConnected()
	ann.says("once")
	ann.sees("ann: once")
	ann.says("only")
	ann.sees("ann: once", "ann: only")
	ann.showsNothingTwice()
}

func TestATextThatIsTooLongIsGivenBack(t *testing.T) {
	s := openSite(t)
	ann, bob := s.visitor("ann"), s.visitor("bob")
	long := strings.Repeat("long ", 400) + "!"
	_, err := checkText(long)
	ann.says(long)
	ann.isTold("Message", "#text-error", err.Error())
	ann.hasWritten(long)
	ann.isOn("#text")

	ann.isConnected()
	ann.replaces("#text", "short")
	ann.press("Enter")
	ann.sees("ann: short")
	ann.waitFor(`!document.getElementById("text-error").checkVisibility()`)
	bob.sees("ann: short")
	bob.waitFor(`messages.childElementCount === 1`)
}

// The server tells an error at most once a second, and does not answer the
// second time: a page that waits for the answer would never send again.
func TestATextCanBeRefusedTwice(t *testing.T) {
	ann := openSite(t).visitor("ann")
	long := strings.Repeat("a", maxText+1)
	ann.says(long)
	ann.hasWritten(long)
	ann.press("Enter")
	ann.hasWritten(long)

	ann.isConnected()
	ann.replaces("#text", "short")
	ann.press("Enter")
	ann.sees("ann: short")
}

func TestJoiningNeedsNoMouse(t *testing.T) {
	ann := openSite(t).newcomer()
	ann.types("ann")
	ann.press("Tab")
	ann.isOn("#join button")
	ann.press("Shift+Tab")
	ann.isOn("#name")
	ann.press("Tab")
	ann.press("Enter")
	ann.isConnected()
	ann.isOn("#text")
}

func TestTheJoinFormIsForEveryone(t *testing.T) {
	axe := axeSource(t)
	ann := openSite(t).newcomer()
	ann.resize(1000, 640, 1)
	ann.screenshot("join")
	for _, name := range []string{"", "server"} {
		for _, width := range []int{1000, 320} {
			ann.resize(width, 568, 1)
			ann.fits()
			ann.passes(axe, fmt.Sprintf("the join form with %q, %d pixels wide", name, width))
		}
		ann.replaces("#name", "server")
		ann.press("Enter")
		ann.waitFor(`document.getElementById("name-error").textContent !== ""`)
	}
}

// isCalled waits until the page says that it is connected under this name.
func (p *person) isCalled(name string) {
	p.t.Helper()
	p.waitFor(`!join.checkVisibility() && document.getElementById("status").textContent === "Connected as " + ` + quote(name))
}

// replaces writes into a field, in place of all that is in it.
func (p *person) replaces(selector, text string) {
	p.t.Helper()
	p.eval(fmt.Sprintf(`document.querySelector(%s).select()`, quote(selector)), nil)
	p.pastes(text)
}

// isTold waits until an error stands right below the field with this label, for
// the eye, and is its description, for a screen reader.
func (p *person) isTold(label, selector, words string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf(`(() => {
		const error = document.querySelector(%s), field = error.parentElement.querySelector("input");
		const gap = error.getBoundingClientRect().top - field.getBoundingClientRect().bottom;
		return error.innerText === %s && gap >= 0 && gap < 20;
	})()`, quote(selector), quote(words)))
	var tree struct {
		Nodes []struct{ Role, Name, Description struct{ Value any } }
	}
	p.devTools.call("Accessibility.getFullAXTree", nil, &tree)
	for _, node := range tree.Nodes {
		if node.Role.Value == "textbox" && node.Name.Value == label && node.Description.Value == words {
			return
		}
	}
	p.t.Errorf("a screen reader does not say %q with the field %q", words, label)
}

// showsNothingTwice fails the test if the page shows a message again.
func (p *person) showsNothingTwice() {
	p.t.Helper()
	var texts []string
	p.eval(`[...document.querySelectorAll("#messages li")].map((item) => item.textContent)`, &texts)
	for i, text := range texts {
		if i > 0 && text == texts[i-1] {
			p.t.Errorf("the page shows %q twice", text)
		}
	}
}
