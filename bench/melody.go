package main

import (
	"net/http"

	"github.com/olahol/melody"
)

// serveMelody is a chat with package melody, as in its README. Each client has a queue of 256
// messages. Melody drops messages that do not fit. The client stays connected, unless a write
// takes ten seconds.
func serveMelody(addr string) error {
	room := melody.New()
	room.HandleMessage(func(_ *melody.Session, text []byte) {
		room.Broadcast(text)
	})
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		room.HandleRequest(w, r)
	}))
}
