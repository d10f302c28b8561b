package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const maxAnnounceFile = 64 << 10 // bytes

// Announcer says its texts to the room, one at a time, over and over.
type Announcer struct {
	texts []string
	file  string // has more texts, one on each line; "" for none
	every time.Duration

	turn     int      // how many announcements were made
	mistakes []string // in the file, when it was read last
}

// Run makes announcements until ctx ends. They go the way of all messages.
func (a *Announcer) Run(ctx context.Context, hub *Hub) {
	if len(a.texts) == 0 && a.file == "" {
		return
	}
	a.currentTexts() // a mistake in the file is to be seen now, and not at the first turn
	every(ctx, a.every, func(time.Time) {
		texts := a.currentTexts()
		if len(texts) == 0 {
			return
		}
		text := texts[a.turn%len(texts)]
		a.turn++
		select {
		case hub.broadcast <- Message{Kind: "announcement", Name: serverName, Text: text}:
		case <-hub.done:
		}
	})
}

// currentTexts returns the announcer's texts and those in the file, which is read again
// each time, so that it can be edited while the server runs. A mistake in it is
// logged when it is new, and not at every turn.
func (a *Announcer) currentTexts() []string {
	if a.file == "" {
		return a.texts
	}
	var mistakes []string
	texts, errs := readTexts(a.file)
	for _, err := range errs {
		mistakes = append(mistakes, err.Error())
		if !slices.Contains(a.mistakes, err.Error()) {
			slog.Warn("announcements left out", "file", a.file, "error", err)
		}
	}
	a.mistakes = mistakes
	return slices.Concat(a.texts, texts)
}

// readTexts returns the texts in a file, one on each line, and what is wrong
// with the file or with lines of it. Empty lines are nothing wrong.
func readTexts(file string) (texts []string, wrong []error) {
	data, err := readSmallFile(file)
	if err != nil {
		return nil, []error{err}
	}
	data = strings.TrimPrefix(data, "\ufeff") // a mark that some editors set at the beginning
	number := 0
	for line := range strings.Lines(data) {
		number++
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		text, err := checkText(line)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		texts = append(texts, text)
	}
	return texts, wrong
}

// readSmallFile is for files that somebody else writes: nothing may be taken for
// granted of those.
func readSmallFile(file string) (string, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular(): // reading a pipe could take for ever
		return "", errors.New("not a regular file")
	case info.Size() > maxAnnounceFile:
		return "", fmt.Errorf("too big: %d bytes, and %d are the most", info.Size(), maxAnnounceFile)
	}
	data, err := os.ReadFile(file)
	if err == nil && !utf8.Valid(data) {
		err = errors.New("not text in UTF-8")
	}
	return string(data), err
}
