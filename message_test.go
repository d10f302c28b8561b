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
	for _, test := range []struct {
		frame string
		kind  requestKind
		text  string
		ref   string
		err   string
	}{
		{frame: `{"name":"ada"}`, kind: join, text: "ada"},
		{frame: `{"text":"hello"}`, kind: say, text: "hello"},
		{frame: ` { "text" : "  kept as it is  " } `, kind: say, text: "  kept as it is  "},
		{frame: `{}`, kind: alive},
		{frame: ``, err: notUnderstood},
		{frame: `hello`, err: notUnderstood},
		{frame: `null`, err: notUnderstood},
		{frame: `"hello"`, err: notUnderstood},
		{frame: `[{"text":"hello"}]`, err: notUnderstood},
		{frame: `{"text":"hello"} {}`, err: notUnderstood},
		{frame: `{"text":"hello"`, err: notUnderstood}, // a lost connection cut it off
		{frame: `{"text":null}`, err: notUnderstood},
		{frame: `{"text":1}`, err: notUnderstood},
		{frame: `{"TEXT":"hello"}`, err: notUnderstood},
		{frame: `{"text":"hello","ref":"k3Jd-_9"}`, kind: say, text: "hello", ref: "k3Jd-_9"},
		{frame: `{"ref":"` + strings.Repeat("r", 64) + `","text":"hello"}`, kind: say, text: "hello", ref: strings.Repeat("r", 64)},
		{frame: `{"ref":"` + strings.Repeat("r", 65) + `","text":"hello"}`, err: notUnderstood},
		{frame: `{"text":"hello","ref":""}`, err: notUnderstood},
		{frame: `{"text":"hello","ref":null}`, err: notUnderstood},
		{frame: `{"text":"hello","ref":"r 1"}`, err: notUnderstood},
		{frame: `{"text":"hello","ref":"é"}`, err: notUnderstood},
		{frame: `{"ref":"r1"}`, err: notUnderstood},
		{frame: `{"name":"ada","ref":"r1"}`, err: notUnderstood},
		{frame: `{"text":"hello","ref":"r1","name":"ada"}`, err: notUnderstood},
		{frame: `{"text":"","ref":"r1"}`, ref: "r1", err: "nothing to read"}, // the error goes to the ref
		{frame: `{"text":"hello","id":"1"}`, err: notUnderstood},
		{frame: `{"name":"ada","text":"hello"}`, err: notUnderstood},
		{frame: `{"colour":"red"}`, err: notUnderstood},
		{frame: "{\"text\":\"\xff\"}", err: notUnderstood},
		{frame: `{"text":"one\u2028two\u2029three\r\nfour\tfive"}`, kind: say, text: "one\ntwo\nthree\nfour\tfive"},
		{frame: `{"text":"bell\u0007"}`, err: "control characters"},
		{frame: `{"text":""}`, err: "nothing to read"},
		{frame: `{"text":" \n\t\u00a0\u200b"}`, err: "nothing to read"},
		{frame: `{"text":"` + strings.Repeat("é", maxText) + `"}`, kind: say, text: strings.Repeat("é", maxText)},
		{frame: `{"text":"` + strings.Repeat("é", maxText+1) + `"}`, err: "too long: 2001 characters, at most 2000 are allowed"},
	} {
		got, err := parse([]byte(test.frame))
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) || got.ref != test.ref {
				t.Errorf("parse(%q) returned error %v and ref %q, want an error that contains %q, and ref %q", test.frame, err, got.ref, test.err, test.ref)
			}
		} else if want := (request{test.kind, test.text, test.ref}); err != nil || got != want {
			t.Errorf("parse(%q) is %+v (error: %v), want %+v", test.frame, got, err, want)
		}
	}
}

func TestNamesAreValidated(t *testing.T) {
	for name, want := range map[string]string{
		"ada":                            "",
		"Ada Lovelace":                   "",
		"  ada\t":                        "",
		"李小龍":                            "",
		"محمد":                           "",
		"👩🏽‍💻":                           "", // joined from two emoji and a skin tone
		"🏳️‍🌈":                           "",
		"👩‍💻 Ada ❤️":                     "", // with a selector, which makes the heart red
		"🇸🇪 1️⃣ ‼️ 🙂‍↔️":                 "",
		"ａｄａ":                            "", // as Japanese keyboards write it
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
		"ada\u3164":                      "control or invisible", // a letter that shows nothing
		"a\u034fda":                      "control or invisible", // a combining character that shows nothing
		"a\u2800da":                      "control or invisible", // Braille without dots
		"ada\ufe0f":                      "control or invisible", // a selector without an emoji
		"❤\ufe0f\ufe0f":                  "control or invisible", // one more than the emoji needs
		"葛\U000E0100":                    "control or invisible", // another form of the sign
		"\u202eada":                      "control or invisible", // right-to-left override
		"a\u2028da":                      "control or invisible", // line separator
		"server":                         "server's own",
		" SERVER ":                       "server's own",
		"\u017ferver":                    "server's own", // with a long s
		"ｓｅｒｖｅｒ":                         "server's own", // in full width
		"servers":                        "",
		"\u0441\u0435rver":               "", // two Cyrillic letters: README says that this is possible
		strings.Repeat(" ", 100) + "ada": "",
	} {
		frame, err := json.Marshal(map[string]string{"name": name})
		if err != nil {
			t.Fatal(err)
		}
		got, err := parse(frame)
		if want == "" && (err != nil || got != request{kind: join, text: strings.TrimSpace(name)}) {
			t.Errorf("the name %q: parse returned %+v and error %v, want the name without spaces around it", name, got, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("the name %q: error %v, want one that contains %q", name, err, want)
		}
	}
}

func TestFrameFormat(t *testing.T) {
	at := time.Date(2026, 7, 1, 12, 30, 5, 250e6, time.UTC)
	got := string(array(encodeAll([]Message{
		{Kind: "welcome", Name: "ada"},
		{ID: 1751373005250000, Kind: "chat", Name: "ada", Text: "<b>hello</b>", At: at},
		{Kind: "error", Text: "too long"},
	})...))
	want := `[{"kind":"welcome","name":"ada"},` +
		`{"id":1751373005250000,"kind":"chat","name":"ada","text":"<b>hello</b>","at":"2026-07-01T12:30:05.25Z"},` +
		`{"kind":"error","text":"too long"}]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// FuzzParse searches for a frame that breaks the rules and is accepted.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"name":"ada"}`))
	f.Add([]byte(`{"text":"hello"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		got, err := parse(frame)
		if err != nil && got.text != "" {
			t.Errorf("parse(%q) returned both a text and an error", frame)
		}
		length := utf8.RuneCountInString(got.text)
		if length > maxText || !utf8.ValidString(got.text) ||
			got.kind == join && (length > maxName || strings.ContainsAny(got.text, "\n\r\x00\u034f\u202e\u3164")) {
			t.Errorf("parse(%q) accepted %+v", frame, got)
		}
	})
}

// On the screen, each of these names looks like "server".
func TestNamesThatLookLikeServerAreRefused(t *testing.T) {
	for _, name := range []string{"Server", "server\ufe0f", "ser\u034fver", "server\u3164", "\u2800server", "ser ver", "server\U000E0100",
		"ＳｅＲＶＥＲ", "ｓerver", "𝐬𝐞𝐫𝐯𝐞𝐫", "𝖘𝖊𝖗𝖛𝖊𝖗", "𝚂𝙴𝚁𝚅𝙴𝚁", "ｓ\u115fｅｒｖｅｒ"} {
		if _, err := checkName(name); err == nil || !strings.Contains(err.Error(), "the server's own") {
			t.Errorf("the name %+q: error %v, want it refused as the server's own", name, err)
		}
	}
	if _, err := checkName("\u2800"); err == nil {
		t.Error("a name without a visible character was accepted")
	}
	for _, name := range []string{"servers", "observer", "ｓｅｒｖｅｒｓ", "𝐬𝐞𝐫𝐯𝐢𝐞𝐫", "👩\u200d💻 server admin"} {
		if _, err := checkName(name); err != nil {
			t.Errorf("the name %q was refused: %v", name, err)
		}
	}
}
