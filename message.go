package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxName    = 32 // characters: Unicode code points
	maxText    = 2000
	serverName = "server" // nobody may join under this name
)

// Message is an element of what the server sends. Every frame is a JSON array
// of them, so that several can travel together. (What says who is here is not a
// message: see presence.)
type Message struct {
	ID   int64     `json:"id,omitzero"` // grows from message to message; chat and announcement only
	Kind string    `json:"kind"`        // chat, announcement, error or welcome
	Name string    `json:"name,omitempty"`
	Text string    `json:"text,omitempty"`
	At   time.Time `json:"at,omitzero"` // UTC, in milliseconds; chat and announcement only
}

// encode makes a frame.
func encode[E Message | presence](elements ...E) []byte {
	frame, err := json.Marshal(elements)
	if err != nil {
		panic(err) // strings and the present time can always be encoded
	}
	return frame
}

// parse returns the name or the text in a frame from a browser, and neither
// for {}: "still here". Its errors are for the person there. A map tells null
// from "" and "NAME" from "name"; a struct would not.
func parse(frame []byte) (name, text string, err error) {
	var fields map[string]*string
	if json.Unmarshal(frame, &fields) != nil || fields == nil || len(fields) > 1 || !utf8.Valid(frame) {
		return "", "", errNotUnderstood
	}
	for field, value := range fields {
		switch {
		case field == "name" && value != nil:
			name, err = checkName(strings.TrimSpace(*value))
		case field == "text" && value != nil:
			text, err = checkText(*value)
		default:
			err = errNotUnderstood
		}
	}
	return name, text, err
}

var errNotUnderstood = errors.New(`not understood: send {"name":"ada"} to join, {"text":"hello"} to speak`)

func checkName(name string) (string, error) {
	switch {
	case utf8.RuneCountInString(name) > maxName:
		return "", fmt.Errorf("this name is too long: %d characters are the most", maxName)
	case hasHidden([]rune(name)):
		return "", errors.New("a name may not contain control or invisible characters")
	case !strings.ContainsFunc(name, visible):
		return "", errors.New("a name needs at least one visible character")
	case strings.EqualFold(onlyVisible(name), serverName):
		return "", errors.New("this name is the server's own: please choose another")
	}
	return name, nil
}

func checkText(text string) (string, error) {
	if length := utf8.RuneCountInString(text); length > maxText {
		return "", fmt.Errorf("too long: %d characters, and %d are the most", length, maxText)
	}
	if !strings.ContainsFunc(text, visible) {
		return "", errors.New("there is nothing to read in this message")
	}
	return text, nil
}

// visible is false for white space, accents without a letter, and the letters
// and signs that show nothing.
func visible(r rune) bool {
	const brailleBlank = '\u2800' // the one without a dot
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && r != brailleBlank &&
		!unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// onlyVisible is what one sees of a name.
func onlyVisible(name string) string {
	return strings.Map(func(r rune) rune {
		if visible(r) {
			return r
		}
		return -1 // leave it out
	}, name)
}

// hasHidden looks for characters that make one name look like another or turn
// the page's writing direction around. One of them, the zero-width joiner, has
// its place between two emoji, which it makes one: 👩 💻 👩‍💻.
func hasHidden(name []rune) bool {
	emoji := []*unicode.RangeTable{unicode.So, unicode.Sk, unicode.Variation_Selector}
	for i, r := range name {
		joins := r == '\u200d' && 0 < i && i < len(name)-1 && unicode.In(name[i-1], emoji...) && unicode.In(name[i+1], emoji...)
		if !joins && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return true
		}
	}
	return false
}
