//go:build unix

package main

import "testing"

const title = "Go Real-Time Chat App"

func TestTheTitleCountsWhatCameUnseen(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	server.says(chatAt(1, "bob", "seen"))
	ann.sees("bob: seen")
	ann.isTitled(title)

	s.hides(ann)
	ann.isTitled(title)
	server.says(chatAt(2, "bob", "one"))
	ann.isTitled("(1) " + title)
	server.says(chatAt(2, "bob", "one"), chatAt(3, "bob", "two"))
	ann.isTitled("(2) " + title)
	server.sends(`[]`)
	server.gets(`{}`)
	ann.isTitled("(2) " + title)

	server.ws.Close()
	server = s.comes("ann")
	server.says(Message{Kind: "welcome", Name: "ann"}, chatAt(2, "bob", "one"), chatAt(3, "bob", "two"), chatAt(4, "bob", "three"))
	ann.isTitled("(3) " + title)

	s.showsAgain(ann)
	ann.isTitled(title)
	server.says(chatAt(5, "bob", "seen again"))
	ann.sees("bob: seen again")
	ann.isTitled(title)
	s.hides(ann)
	server.says(chatAt(6, "bob", "one more"))
	ann.isTitled("(1) " + title)
}

// A page may be opened in the background, too.
func TestTheFirstHistoryIsNotNew(t *testing.T) {
	for _, test := range []struct {
		name    string
		history []Message
	}{
		{"an empty room", nil},
		{"a room with a history", []Message{chatAt(1, "bob", "one"), chatAt(2, "bob", "two")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openStage(t)
			ann := s.newcomer()
			s.hides(ann)
			ann.eval(`document.getElementById("name").value = "ann"; document.querySelector("#join button").click()`, nil)
			server := s.comes("ann")
			server.says(append([]Message{{Kind: "welcome", Name: "ann"}}, test.history...)...)
			ann.isConnected()
			ann.isTitled(title)
			server.ws.Close()
			server = s.comes("ann")
			server.says(Message{Kind: "welcome", Name: "ann"}, chatAt(3, "bob", "three"))
			ann.isTitled("(1) " + title)
		})
	}
}

func (p *person) isTitled(title string) {
	p.t.Helper()
	p.waitFor(`document.title === ` + quote(title))
}

// hides opens another tab in front of the one that this person has the page in.
func (s *site) hides(p *person) {
	s.t.Helper()
	p.devTools.call("Emulation.setFocusEmulationEnabled", params{"enabled": false}, nil)
	var own struct {
		TargetInfo struct{ BrowserContextID string }
	}
	p.devTools.call("Target.getTargetInfo", nil, &own)
	s.browser.devTools.call("Target.createTarget", params{
		"url": "about:blank", "browserContextId": own.TargetInfo.BrowserContextID,
	}, nil)
	p.waitFor(`document.hidden`)
}

func (s *site) showsAgain(p *person) {
	s.t.Helper()
	p.devTools.call("Page.bringToFront", nil, nil)
	p.devTools.call("Emulation.setFocusEmulationEnabled", params{"enabled": true}, nil)
	p.waitFor(`!document.hidden`)
}
