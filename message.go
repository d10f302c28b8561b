package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
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

	// Ref is the idempotency key: its sender makes it up, and never uses it for another
	// text. An error has the ref of the text that it is about.
	Ref   string `json:"ref,omitempty"`
	Retry int    `json:"retry,omitempty"` // of an error: seconds after which the same text may be sent again; 0 means never
}

// encode returns an element as JSON.
func encode[E Message | presence](element E) []byte {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false) // the page never reads it as HTML, and each < would take six bytes
	if err := encoder.Encode(element); err != nil {
		panic(err) // cannot happen: strings, numbers and times before the year 10,000 can always be encoded
	}
	return bytes.TrimSuffix(encoded.Bytes(), []byte("\n"))
}

// encodeAll returns each message as JSON.
func encodeAll(messages []Message) [][]byte {
	var encoded [][]byte
	for _, message := range messages {
		encoded = append(encoded, encode(message))
	}
	return encoded
}

// array joins encoded elements to a JSON array.
func array(elements ...[]byte) []byte {
	return slices.Concat([]byte("["), bytes.Join(elements, []byte(",")), []byte("]"))
}

// request is a frame from a browser, parsed.
type request struct {
	kind requestKind
	text string // the name, or what to say
	ref  string // of what to say; may be missing
}

type requestKind int

const (
	alive requestKind = iota // {}: still here
	join                     // {"name":"ada"}
	say                      // {"text":"hello","ref":"k3Jd…"}, or without the ref
)

// parse returns what a frame asks for. Its errors are for the person at the
// browser. It decodes into a map, because a map can tell null from "" and "NAME"
// from "name"; a struct cannot.
func parse(frame []byte) (request, error) {
	var fields map[string]*string
	if json.Unmarshal(frame, &fields) != nil || fields == nil || !utf8.Valid(frame) {
		return request{}, errNotUnderstood
	}
	name, text, ref := fields["name"], fields["text"], fields["ref"]
	switch {
	case len(fields) == 0:
		return request{kind: alive}, nil
	case len(fields) == 1 && name != nil:
		name, err := checkName(strings.TrimSpace(*name))
		return request{kind: join, text: name}, err
	case len(fields) == 1 && text != nil:
		text, err := checkText(*text)
		return request{say, text, ""}, err
	case len(fields) == 2 && text != nil && ref != nil && isRef(*ref):
		text, err := checkText(*text)
		return request{say, text, *ref}, err // the error and the ref: the answer names the ref
	}
	return request{}, errNotUnderstood
}

var errNotUnderstood = errors.New(`not understood: send {"name":"ada"} to join, {"text":"hello"} or {"text":"hello","ref":"r1"} to speak`)

// isRef reports whether a ref has 1 to 64 of the allowed characters.
func isRef(ref string) bool {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
	return 0 < len(ref) && len(ref) <= 64 && strings.Trim(ref, allowed) == ""
}

// newRef makes a ref for a message that comes without one. The time at its beginning
// keeps new refs together in the database's index: if they were spread over all of it,
// each save would change many pages of the file.
func newRef() string {
	return strconv.FormatInt(time.Now().UnixMilli(), 36) + rand.Text()
}

func checkName(name string) (string, error) {
	switch {
	case utf8.RuneCountInString(name) > maxName:
		return "", fmt.Errorf("this name is too long: at most %d characters are allowed", maxName)
	case !strings.ContainsFunc(name, visible):
		return "", errors.New("a name needs at least one visible character")
	case strings.EqualFold(plain(name), serverName):
		return "", errors.New("this name is the server's own: please choose another")
	case hasHidden(name):
		return "", errors.New("a name may not contain control or invisible characters")
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
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && !invisible(r)
}

// invisible is true for control characters and for what a screen shows as nothing.
// Unicode calls the latter "default ignorable": the last three tables together. The
// Braille pattern without dots is in none of them.
func invisible(r rune) bool {
	const brailleBlank = '\u2800'
	return r == brailleBlank || unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp,
		unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// plain returns the part of a name that a person can see, in plain letters. Unicode
// has the Latin letters again in full width (ｓ), and 13 times more for mathematics
// (𝐬, 𝑠, 𝒔, …), where some have a place of their own (ℯ): of these, plain knows those of
// the server's name. Letters of other alphabets that look like Latin ones stay what they
// are: the table for them would be longer than this program.
func plain(name string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return strings.Map(func(r rune) rune {
		switch {
		case !visible(r):
			return -1 // leave it out
		case '！' <= r && r <= '～':
			return r - '！' + '!'
		case '𝐀' <= r && r <= '𝚣':
			return rune(letters[int(r-'𝐀')%len(letters)])
		case strings.ContainsRune("ℯℰⅇ", r):
			return 'e'
		case strings.ContainsRune("ℛℜℝ", r):
			return 'r'
		}
		return r
	}, name)
}

// hasHidden reports whether a name contains characters that make it look like
// another name, or that reverse the writing direction of the page.
func hasHidden(name string) bool {
	runes := []rune(" " + name + " ") // with the spaces, each character has two neighbours
	for i := 1; i < len(runes)-1; i++ {
		if invisible(runes[i]) && !partOfEmoji(runes[i-1], runes[i], runes[i+1]) {
			return true
		}
	}
	return false
}

// partOfEmoji reports whether an emoji needs the invisible character r. There are
// two such characters. The joiner stands between two emoji and makes them one:
// 👩 💻 👩‍💻. The selector stands after a symbol and makes it colourful (❤ ❤️), or after
// a digit that gets a key around it (1️⃣).
func partOfEmoji(before, r, after rune) bool {
	const joiner, selector, key = '\u200d', '\ufe0f', '\u20e3'
	switch r {
	case joiner:
		return (isEmoji(before) || before == selector) && isEmoji(after)
	case selector:
		return isEmoji(before) || after == key
	}
	return false
}

// isEmoji is true for all emoji and for many other symbols, because the standard
// library has no table of emoji. For Unicode, those in the string are punctuation,
// mathematics, or a letter.
func isEmoji(r rune) bool {
	skinTone := '🏻' <= r && r <= '🏿'
	return unicode.Is(unicode.So, r) || skinTone || strings.ContainsRune("‼⁉ℹ↔◻◼◽◾⤴⤵〰〽", r)
}
