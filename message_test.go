package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestParse(t *testing.T) {
	const notUnderstood = "not understood"
	for _, test := range []struct{ frame, name, text, err string }{
		{frame: `{"name":"ada"}`, name: "ada"},
		{frame: `{"text":"hello"}`, text: "hello"},
		{frame: ` { "text" : "  kept as it is  " } `, text: "  kept as it is  "},
		{frame: `{}`},
		{frame: ``, err: notUnderstood},
		{frame: `hello`, err: notUnderstood},
		{frame: `null`, err: notUnderstood},
		{frame: `"hello"`, err: notUnderstood},
		{frame: `[{"text":"hello"}]`, err: notUnderstood},
		{frame: `{"text":"hello"} {}`, err: notUnderstood},
		{frame: `{"text":"hello"`, err: notUnderstood}, // cut off on its way
		{frame: `{"text":null}`, err: notUnderstood},
		{frame: `{"text":1}`, err: notUnderstood},
		{frame: `{"TEXT":"hello"}`, err: notUnderstood},
		{frame: `{"text":"hello","id":"1"}`, err: notUnderstood},
		{frame: `{"name":"ada","text":"hello"}`, err: notUnderstood},
		{frame: `{"colour":"red"}`, err: notUnderstood},
		{frame: "{\"text\":\"\xff\"}", err: notUnderstood},
		{frame: `{"text":""}`, err: "nothing to read"},
		{frame: `{"text":" \n\t\u00a0\u200b"}`, err: "nothing to read"},
		{frame: `{"text":"` + strings.Repeat("é", maxText) + `"}`, text: strings.Repeat("é", maxText)},
		{frame: `{"text":"` + strings.Repeat("é", maxText+1) + `"}`, err: "too long: 2001 characters, and 2000 are the most"},
	} {
		name, text, err := parse([]byte(test.frame))
		if name != test.name || text != test.text || (err == nil) != (test.err == "") ||
			err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("parse(%q) is (%q, %q, %v), want (%q, %q, %q)", test.frame, name, text, err, test.name, test.text, test.err)
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"ada":                            "",
		"Ada Lovelace":                   "",
		"  ada\t":                        "",
		"李小龍":                            "",
		"محمد":                           "",
		"👩🏽‍💻":                           "", // three joined into one
		"🏳️‍🌈":                           "",
		strings.Repeat("字", maxName):     "",
		strings.Repeat("字", maxName+1):   "too long",
		"":                               "visible character",
		"   ":                            "visible character",
		"\u0301":                         "visible character", // an accent alone
		"\u3164":                         "visible character", // a letter that shows nothing
		"ada\nlevel=ERROR":               "control or invisible",
		"a\u0000da":                      "control or invisible",
		"a\u200bda":                      "control or invisible", // zero-width space
		"a\u200dda":                      "control or invisible", // a joiner that joins no emoji
		"👩\u200d":                        "control or invisible",
		"\u202eada":                      "control or invisible", // right-to-left override
		"a\u2028da":                      "control or invisible", // line separator
		"server":                         "server's own",
		" SERVER ":                       "server's own",
		"\u017ferver":                    "server's own", // with a long s
		"servers":                        "",
		strings.Repeat(" ", 100) + "ada": "",
	} {
		frame, err := json.Marshal(map[string]string{"name": name})
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := parse(frame)
		if want == "" && (err != nil || got != strings.TrimSpace(name)) {
			t.Errorf("the name %q became %q, %v", name, got, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("the name %q: %v, want an error with %q", name, err, want)
		}
	}
}

func TestTheFormOfAFrame(t *testing.T) {
	at := time.Date(2026, 7, 1, 12, 30, 5, 250e6, time.UTC)
	got := string(encode(
		Message{Kind: "welcome", Name: "ada"},
		Message{ID: 1751373005250000, Kind: "chat", Name: "ada", Text: "<b>hello</b>", At: at},
		Message{Kind: "error", Text: "too long"},
	))
	want := `[{"kind":"welcome","name":"ada"},` +
		`{"id":1751373005250000,"kind":"chat","name":"ada","text":"\u003cb\u003ehello\u003c/b\u003e","at":"2026-07-01T12:30:05.25Z"},` +
		`{"kind":"error","text":"too long"}]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// FuzzParse looks for a frame that breaks the rules and gets through.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"name":"ada"}`))
	f.Add([]byte(`{"text":"hello"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		name, text, err := parse(frame)
		if err != nil && name+text != "" {
			t.Errorf("%q is both used and refused", frame)
		}
		if utf8.RuneCountInString(name) > maxName || utf8.RuneCountInString(text) > maxText ||
			!utf8.ValidString(name+text) || strings.ContainsAny(name, "\n\r\x00\u202e") {
			t.Errorf("%q got through as name %q, text %q", frame, name, text)
		}
	})
}

// What one sees of these names is "server".
func TestNobodyLooksLikeTheServer(t *testing.T) {
	for _, name := range []string{"Server", "server\ufe0f", "ser\u034fver", "server\u3164", "\u2800server", "ser ver", "server\U000E0100"} {
		if _, err := checkName(name); err == nil || !strings.Contains(err.Error(), "the server's own") {
			t.Errorf("%+q: %v, want it refused as the server's own name", name, err)
		}
	}
	if _, err := checkName("\u2800"); err == nil {
		t.Error("a name that shows nothing was accepted")
	}
	for _, name := range []string{"servers", "observer", "👩\u200d💻 server admin"} {
		if _, err := checkName(name); err != nil {
			t.Errorf("%q was refused: %v", name, err)
		}
	}
}
