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

// Announcer sends its texts to the room in turn, one at each interval.
type Announcer struct {
	texts []string
	file  string // with more texts, one on each line; "" means none
	every time.Duration

	// The announcers of all machines have the same texts, and one turn in each interval. In the
	// same turn, they use the same text and the same ref, so the room has each announcement once.
	// No client can use such a ref first: it has a colon, which clients' refs may not have.
	shared bool

	turn     int      // number of announcements so far
	mistakes []string // found in the file at the last turn
}

// Run makes announcements until ctx ends. The hub treats them like all messages.
func (a *Announcer) Run(ctx context.Context, hub *Hub) {
	if len(a.texts) == 0 && a.file == "" {
		return
	}
	a.currentTexts() // logs mistakes in the file now, and not at the first turn
	every(ctx, a.every, func(now time.Time) {
		texts := a.currentTexts()
		if len(texts) == 0 {
			return
		}
		turn, ref := a.turn, ""
		if a.shared {
			turn = int(now.UnixNano() / int64(a.every))
			ref = fmt.Sprintf("announcement:%v:%d", a.every, turn) // the interval is in it: with another one, a turn could have the number of an old turn
		}
		text := texts[turn%len(texts)]
		a.turn++
		select {
		case hub.posts <- post{message: Message{Kind: "announcement", Name: serverName, Text: text, Ref: ref}, read: time.Now()}:
		case <-hub.done:
		}
	})
}

// currentTexts returns the announcer's texts and those in the file. It reads the
// file again at each turn, so that people can edit it while the server runs. It
// logs a mistake in the file when it is new, and not again at every turn.
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

// readTexts returns the texts in a file, one on each line, and an error for each
// mistake in it. It skips empty lines.
func readTexts(file string) (texts []string, wrong []error) {
	data, err := readSmallFile(file)
	if err != nil {
		return nil, []error{err}
	}
	data = strings.TrimPrefix(data, "\ufeff") // the byte order mark that some editors write
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

// readSmallFile reads a file that somebody else may write at any time: trust
// nothing about such a file.
func readSmallFile(file string) (string, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular(): // reading a pipe could take for ever
		return "", errors.New("not a regular file")
	case info.Size() > maxAnnounceFile:
		return "", fmt.Errorf("too big: %d bytes, at most %d are allowed", info.Size(), maxAnnounceFile)
	}
	data, err := os.ReadFile(file)
	if err == nil && !utf8.Valid(data) {
		err = errors.New("not text in UTF-8")
	}
	return string(data), err
}
