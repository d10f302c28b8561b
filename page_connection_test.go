//go:build unix

package main

import "testing"

func TestThePageAnswersAHeartbeat(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	server.sends(`[]`)
	server.gets(`{}`)
	server.sends(`[]`)
	server.gets(`{}`)
	ann.shows(0)
}

func TestAConnectionWithoutASoundIsGivenUp(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	ann.sleeps(59)
	ann.isConnected()
	server.sends(`[]`)
	server.gets(`{}`)
	ann.sleeps(59) // since the heartbeat
	ann.isConnected()
	ann.says("anyone?")
	server.gets(`{"text":"anyone?"}`)
	ann.sleeps(1)
	server.isLeft()
	ann.hasWritten("anyone?")

	server = s.comes("ann") // by itself
	server.sends(`[{"kind":"welcome","name":"ann"}]`)
	ann.isConnected()
	ann.hasWritten("anyone?")
	server.sends(`[]`)
	server.gets(`{}`)
}

func TestASecondTextWaitsForTheFirst(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	ann.says("first")
	server.gets(`{"text":"first"}`)
	ann.waitFor(`document.querySelector("#compose button").ariaBusy === "true"`)
	ann.types("second")
	ann.press("Enter")
	ann.hasWritten("second")
	server.sends(`[{"id":1,"kind":"chat","name":"ann","text":"first","at":"2024-02-29T12:00:00Z"}]`)
	ann.sees("ann: first")
	ann.waitFor(`document.querySelector("#compose button").ariaBusy === "false"`)
	ann.press("Enter")
	server.gets(`{"text":"second"}`)
}

// Not every server that can be reached is well: this one takes the name and
// does not say welcome.
func TestAServerThatSaysNothingIsGivenUp(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	server.ws.Close()
	server = s.comes("ann")
	ann.isDisconnected()
	ann.sleeps(60)
	server.isLeft()
	server = s.comes("ann")
	server.sends(`[{"kind":"welcome","name":"ann"}]`)
	ann.isConnected()
}

func TestAnAnnouncementIsMarked(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	server.sends(`[{"id":1,"kind":"chat","name":"bob","text":"hello","at":"2024-02-29T12:00:00.123Z"}]`)
	server.sends(`[{"id":2,"kind":"announcement","name":"server","text":"be <b>kind</b>","at":"2024-02-29T12:00:01.123Z"}]`)
	ann.sees("bob: hello", "server: be <b>kind</b>")
	ann.waitFor(`log.getAttribute("aria-live") === "polite"`)
	ann.hears("be <b>kind</b>")
	ann.waitFor(`[...document.querySelectorAll("#messages li:has(span)")].map((item) => getComputedStyle(item).borderLeftStyle).join() === "none,solid"`)
	ann.fits()
}

func TestAxeFindsNothingInAnAnnouncement(t *testing.T) {
	axe := axeSource(t)
	s := openStage(t)
	ann, server := s.visitor("ann")
	server.sends(`[{"id":1,"kind":"announcement","name":"server","text":"be kind","at":"2024-02-29T12:00:00Z"}]`)
	ann.sees("server: be kind")
	ann.passes(axe, "an announcement")
}

// The pictures of README.md. Nothing is written without CHAT_SCREENSHOTS.
func TestALivelyRoom(t *testing.T) {
	s := openSite(t)
	maya, jonas, lin := s.visitor("Maya"), s.visitor("Jonas"), s.visitor("Lin")
	everyone := []*person{maya, jonas, lin}
	for _, p := range everyone {
		p.knows("Jonas", "Lin", "Maya")
	}
	lin.resize(1000, 640, 1)
	for _, line := range []struct {
		from       *person
		name, text string
	}{
		{maya, "Maya", "Hello you two! ☀️ Who is up for a walk by the lake on Saturday?"},
		{jonas, "Jonas", "Me! I'll bring the thermos. ☕"},
		{lin, "Lin", "Count me in. Is ten too early?"},
		{jonas, "Jonas", "Ten is perfect."},
		{jonas, "Jonas", "The bakery opens at nine, so there will be cinnamon buns 😋"},
		{maya, "Maya", "Best plan of the week. Shall we meet at the old boathouse? https://map.test/lake/boathouse There is a bench out of the wind, and the bus stops right next to it."},
		{lin, "Lin", "See you there! 🦆"},
	} {
		line.from.says(line.text)
		for _, p := range everyone {
			p.sees(line.name + ": " + line.text)
		}
	}
	lin.knows("Jonas", "Lin", "Maya")
	lin.click("#here summary")
	lin.click("#text")
	lin.screenshot("room")
	lin.click("#here summary")
	lin.click("#text")
	jonas.resize(390, 844, 2)
	jonas.prefers("dark")
	jonas.fits()
	jonas.screenshot("phone")

	for _, p := range everyone {
		p.expects("ERR_CONNECTION_REFUSED") // the answer to every attempt
	}
	lin.types("I could also bring my")
	s.stop()
	lin.isDisconnected()
	lin.hasWritten("I could also bring my")
	lin.screenshot("disconnected")
}
