package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxName    = 32 // characters, that is Unicode code points
	maxText    = 2000
	serverName = "server" // no person may join under this name
)

// Message is an element of a frame from the server. Every frame is a JSON array,
// so that several elements can travel together. (The other kind of element is
// presence.)
type Message struct {
	ID   int64     `json:"id,omitzero"` // grows from message to message; chat and announcement only
	Kind string    `json:"kind"`        // chat, announcement, error, welcome or history
	Name string    `json:"name,omitempty"`
	Text string    `json:"text,omitempty"`
	At   time.Time `json:"at,omitzero"` // UTC, in milliseconds; chat and announcement only
}

// encode makes a frame.
func encode[E Message | presence](elements ...E) []byte {
	var frame bytes.Buffer
	encoder := json.NewEncoder(&frame)
	encoder.SetEscapeHTML(false) // the page never reads it as HTML, and each < would take six bytes
	if err := encoder.Encode(elements); err != nil {
		panic(err) // cannot happen: strings, numbers and the present time can always be encoded
	}
	return bytes.TrimSuffix(frame.Bytes(), []byte("\n"))
}

// request is a frame from a browser, parsed.
type request struct {
	kind requestKind
	text string // the name, or what to say
}

type requestKind int

const (
	alive requestKind = iota // {}: still here
	join                     // {"name":"ada"}
	say                      // {"text":"hello"}
)

// parse returns what a frame asks for. Its errors are for the person at the
// browser. It decodes into a map, because a map can tell null from "" and "NAME"
// from "name"; a struct cannot.
func parse(frame []byte) (request, error) {
	var fields map[string]*string
	if json.Unmarshal(frame, &fields) != nil || fields == nil || len(fields) > 1 || !utf8.Valid(frame) {
		return request{}, errNotUnderstood
	}
	for field, value := range fields { // at most one
		switch {
		case field == "name" && value != nil:
			name, err := checkName(strings.TrimSpace(*value))
			return request{join, name}, err
		case field == "text" && value != nil:
			text, err := checkText(*value)
			return request{say, text}, err
		default:
			return request{}, errNotUnderstood
		}
	}
	return request{kind: alive}, nil
}

var errNotUnderstood = errors.New(`not understood: send {"name":"ada"} to join, {"text":"hello"} to speak`)

func checkName(name string) (string, error) {
	switch {
	case utf8.RuneCountInString(name) > maxName:
		return "", fmt.Errorf("this name is too long: at most %d characters are allowed", maxName)
	case hasHidden([]rune(name)):
		return "", errors.New("a name may not contain control or invisible characters")
	case !strings.ContainsFunc(name, visible):
		return "", errors.New("a name needs at least one visible character")
	case strings.EqualFold(onlyVisible(name), serverName):
		return "", errors.New("this name is the server's own: please choose another")
	}
	return name, nil
}

// lineBreaks turns all line breaks into newlines. JSON would need six bytes for
// each of the last two.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n")

func checkText(text string) (string, error) {
	text = lineBreaks.Replace(text)
	if length := utf8.RuneCountInString(text); length > maxText {
		return "", fmt.Errorf("too long: %d characters, at most %d are allowed", length, maxText)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		return "", errors.New("a message may not contain control characters")
	}
	if !strings.ContainsFunc(text, visible) {
		return "", errors.New("there is nothing to read in this message")
	}
	return text, nil
}

// visible is false for white space, for accents without a letter, and for letters
// and signs that a screen shows as nothing.
func visible(r rune) bool {
	const brailleBlank = '\u2800' // the Braille pattern without dots
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && r != brailleBlank &&
		!unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// onlyVisible returns the part of a name that a person can see.
func onlyVisible(name string) string {
	return strings.Map(func(r rune) rune {
		if visible(r) {
			return r
		}
		return -1 // leave it out
	}, name)
}

// hasHidden reports whether a name contains characters that make it look like
// another name, or that reverse the writing direction of the page. One of them,
// the zero-width joiner, is allowed between two emoji, which it joins into one:
// 👩 💻 👩‍💻.
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
