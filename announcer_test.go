package main

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAnnouncementsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipeListener()
		announcer := Announcer{texts: []string{"be kind", "drink water"}, every: 10 * time.Second}
		server := serveOn(t, &config{maxClients: 10, announcer: announcer}, pipes, pipes.dial)
		ann := server.join("ann")
		start := time.Now()
		ann.hears("server: be kind", "server: drink water", "server: be kind")
		if passed := time.Since(start); passed != 30*time.Second {
			t.Errorf("three announcements took %v, want 30s", passed)
		}
		server.join("bob").hears("server: be kind", "server: drink water", "server: be kind") // they are history, too
	})
}

func TestABadAnnouncementIsRefused(t *testing.T) {
	if err := new(Announcer).add(" "); err == nil {
		t.Error("an announcement without words was accepted")
	}
	hasty := config{addr: "localhost:0", db: "chat.db", maxClients: 1, announcer: Announcer{texts: []string{"hurry"}}}
	if err := run(t.Context(), &hasty); err == nil {
		t.Error("announcements without a pause were accepted")
	}
}

// Both keep their connection open and read. Only one answers heartbeats.
func TestOnlyThoseWhoAnswerHeartbeatsStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		start := time.Now()
		ann, silent := server.join("ann"), server.join("silent")
		for range 10 {
			if frame := <-ann.frames; frame != "[]" {
				t.Fatalf("received %q, want a heartbeat", frame)
			}
			ann.send("{}")
		}
		if code := silent.isGone(); code != closePolicy {
			t.Errorf("close code %d, want %d", code, closePolicy)
		}
		if passed := time.Since(start); passed != 10*heartbeat {
			t.Errorf("ten heartbeats took %v, want %v", passed, 10*heartbeat)
		}
		ann.says("still here")
		ann.hears("ann: still here")
	})
}
