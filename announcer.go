package main

import (
	"context"
	"time"
)

const heartbeat = 25 * time.Second  // between two heartbeats, to which pages answer
const inactiveAfter = 3 * heartbeat // without a frame; looked at with each heartbeat

// Announcer says its texts to the room, one at a time, over and over.
type Announcer struct {
	texts []string
	every time.Duration
}

func (a *Announcer) add(text string) error {
	text, err := checkText(text)
	a.texts = append(a.texts, text)
	return err
}

// Run makes announcements until ctx ends. They go the way of all messages.
func (a *Announcer) Run(ctx context.Context, hub *Hub) {
	if len(a.texts) == 0 {
		return
	}
	every(ctx, a.every, func(time.Time) {
		text := a.texts[0]
		a.texts = append(a.texts[1:], text)
		select {
		case hub.broadcast <- Message{Kind: "announcement", Name: serverName, Text: text}:
		case <-hub.done:
		}
	})
}

// sweep has the hub send heartbeats and remove those who do not answer.
func sweep(ctx context.Context, hub *Hub) {
	every(ctx, heartbeat, func(now time.Time) {
		select {
		case hub.sweep <- now:
		case <-hub.done:
		}
	})
}

func every(ctx context.Context, interval time.Duration, do func(now time.Time)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			do(now)
		}
	}
}
