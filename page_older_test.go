//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// remember saves so many messages, one a minute, so that the last is a minute old.
func (s *site) remember(messages int) {
	s.t.Helper()
	s.stop()
	store := openStore(s.t, s.db)
	var batch []Message
	for n := range messages {
		at := time.Now().Add(time.Duration(n-messages) * time.Minute)
		batch = append(batch, Message{ID: at.UnixMicro(), Kind: "chat", Name: "bob", Text: fmt.Sprint(n + 1), At: at})
	}
	if err := store.save(batch); err != nil {
		s.t.Fatal(err)
	}
	s.start("127.0.0.1:0")
}

func TestScrollingUpLoadsOlderMessages(t *testing.T) {
	s := openSite(t)
	s.remember(2*historySize + 20)
	ann := s.visitor("ann")
	ann.waitFor(newestIsInView)
	ann.showsNumbers(historySize)

	for _, loaded := range []int{2 * historySize, 2*historySize + 20} {
		// What is in view when the older ones come stays where it is.
		ann.eval(`window.reading = document.querySelectorAll("#messages span")[1]; log.scrollTop = -log.scrollHeight; undefined`, nil)
		var before, after float64
		ann.eval(`reading.getBoundingClientRect().top`, &before)
		ann.showsNumbers(loaded)
		ann.eval(`reading.getBoundingClientRect().top`, &after)
		if moved := after - before; moved < -3 || moved > 3 {
			t.Errorf("what ann reads has moved by %v pixels", moved)
		}
	}

	// That was all: ann, further up, is left alone, and her page asks no more.
	ann.eval(`log.scrollTop = -log.scrollHeight; undefined`, nil)
	s.plain("bob").says("live")
	ann.sees("bob: 120", "bob: live")
	ann.waitFor(`!document.getElementById("news").hidden`)
	ann.check() // by now Chromium has told of all requests
	asked := 0
	for _, request := range ann.requests {
		if strings.Contains(request, "/history?before=") {
			asked++
		}
	}
	if asked != 2 {
		t.Errorf("the page asked %d times for older messages, want 2", asked)
	}
}

// Where fifty messages do not fill the log, there is nothing to scroll.
func TestAHighScreenIsFilled(t *testing.T) {
	s := openSite(t)
	s.remember(2*historySize + 20)
	ann := s.newcomer()
	ann.resize(1000, 2500, 1)
	ann.types("ann")
	ann.press("Enter")
	ann.isConnected()
	ann.showsNumbers(2 * historySize)
	ann.waitFor(`log.scrollHeight > log.clientHeight && log.scrollTop > -40`)
}

// Days and groups go on across the seam of two steps as if there were none.
func TestThereIsNoSeamAmongOlderMessages(t *testing.T) {
	s := openStage(t)
	monday := time.Date(2024, 2, 26, 12, 0, 0, 0, time.UTC)
	at := func(id int64) time.Time { return monday.Add(time.Duration(id) * time.Minute) }
	s.history = func(w http.ResponseWriter, r *http.Request) {
		if before := r.URL.Query().Get("before"); before != "100" {
			t.Errorf("the page asks for messages before %s, want 100", before)
		}
		json.NewEncoder(w).Encode([]Message{
			{ID: 97, Kind: "chat", Name: "bob", Text: "the day before", At: monday.Add(-24 * time.Hour)},
			{ID: 98, Kind: "chat", Name: "ann", Text: "hello", At: at(98)},
			{ID: 99, Kind: "chat", Name: "bob", Text: "older", At: at(99)},
		})
	}
	ann, server := s.visitor("ann")
	ann.resize(1000, 300, 1)
	for id := range int64(20) {
		server.says(Message{ID: 100 + id, Kind: "chat", Name: "bob", Text: fmt.Sprint(id), At: at(100)})
	}
	ann.sees("bob: 18", "bob: 19")
	ann.waitFor(`[...messages.children].slice(0, 2).map((item) => item.className).join() === "day,chat"`)
	ann.eval(`log.scrollTop = -log.scrollHeight; undefined`, nil)
	ann.waitFor(`[...messages.children].slice(0, 7).map((item) => item.className).join() === "day,chat,day,chat,chat,chat again,chat again"`)
	ann.waitFor(`[...document.querySelectorAll("#messages span")].slice(0, 5).map((text) => text.textContent).join() === "the day before,hello,older,0,1"`)
	ann.waitFor(`log.ariaLive === "off"`) // old messages are not read out
	ann.waitFor(`log.ariaLive === "polite"`)
}

// A server that cannot answer is asked again a little later, without another scroll.
func TestOlderMessagesCanComeLater(t *testing.T) {
	s := openStage(t)
	answers := []string{"", "[]"}
	s.history = func(w http.ResponseWriter, r *http.Request) {
		if answers[0] == "" {
			http.Error(w, errNotSaved.Error(), http.StatusServiceUnavailable)
		} else {
			fmt.Fprint(w, `[{"id":1,"kind":"chat","name":"bob","text":"at last","at":"2024-02-29T12:00:00Z"}]`)
		}
		answers = answers[1:]
	}
	ann, server := s.visitor("ann")
	ann.expects("503 (Service Unavailable)")
	ann.resize(1000, 300, 1)
	for id := range int64(20) {
		server.says(chatAt(100+id, "bob", fmt.Sprint(id)))
	}
	ann.sees("bob: 19")
	ann.eval(`log.scrollTop = -log.scrollHeight; undefined`, nil)
	ann.waitFor(`document.querySelector("#messages span").textContent === "at last"`)
	ann.shows(21)
}

// showsNumbers waits until the page shows so many messages, which are numbered in
// order and end with the newest, each once.
func (p *person) showsNumbers(messages int) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf(`(() => {
		const numbers = [...document.querySelectorAll("#messages span")].map((text) => Number(text.textContent));
		return numbers.length === %d && numbers.every((number, i) => number === %d - numbers.length + 1 + i);
	})()`, messages, 2*historySize+20))
}
