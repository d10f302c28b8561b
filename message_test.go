package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
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
		"ＳｅＲＶＥＲ", "ｓerver", "𝐬𝐞𝐫𝐯𝐞𝐫", "𝖘𝖊𝖗𝖛𝖊𝖗", "𝚂𝙴𝚁𝚅𝙴𝚁", "ｓ\u115fｅｒｖｅｒ", "𝕊𝔼ℝ𝕍𝔼ℝ", "𝔖𝔈ℜ𝔙𝔈ℜ", "𝒮ℰℛ𝒱ℰℛ", "𝓈ℯ𝓇𝓋ℯ𝓇"} {
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

// The tests from here on follow one message: when it is saved, when it is shown, and
// what its sender hears about it.

// While the test holds the only connection for writing, nothing can be saved.
func TestNothingIsShownBeforeItIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann, bob := server.join("ann"), server.join("bob")
		release := server.store.block(t)
		ann.posts("r1", "hello")
		time.Sleep(time.Minute)
		if heard := slices.Concat(ann.heard(), bob.heard(), server.join("eve").heard()); len(heard) > 0 {
			t.Errorf("people received %q, but it is not saved", heard)
		}
		release()
		ann.hears("ann: hello")
		bob.hears("ann: hello")
		if saved := server.store.texts(t); !slices.Equal(saved, []string{"hello"}) {
			t.Errorf("the database has %q", saved)
		}
	})
}

// block keeps the store from saving until the test calls release.
func (s *Store) block(t *testing.T) (release func()) {
	t.Helper()
	tx, err := s.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tx.Rollback() })
	return func() { tx.Rollback() }
}

// texts returns the texts in the database, in the order of their ids.
func (s *Store) texts(t *testing.T) (texts []string) {
	t.Helper()
	rows, err := s.reading.Query("SELECT text FROM messages ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	return texts
}

// Ann's page did not get the answer, so it repeats the message.
func TestRepeatIsSavedOnceAndAnsweredToItsSenderAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann, bob := server.join("ann"), server.join("bob")
		ann.posts("r1", "hello")
		first := ann.next()
		bob.hears("ann: hello")
		ann.posts("r1", "hello")
		if again := ann.next(); again != first || first.Ref != "r1" {
			t.Errorf("the answer to the repeat has the id %d and the ref %s, want the stored message: %d and r1", again.ID, again.Ref, first.ID)
		}
		synctest.Wait()
		if len(bob.frames) > 0 {
			t.Errorf("bob received %s, want nothing", <-bob.frames)
		}
		ann.posts("r2", "news")
		bob.hears("ann: news")
		server.join("eve").hears("ann: hello", "ann: news")
		if saved := server.store.texts(t); !slices.Equal(saved, []string{"hello", "news"}) {
			t.Errorf("the database has %q", saved)
		}
	})
}

// The database decides about repeats, and not a memory that a restart would empty.
func TestRepeatAfterARestartIsSavedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "chat.db")
		server := startServerOn(t, path)
		ann := server.join("ann")
		ann.posts("r1", "hello")
		first := ann.next()
		server.stop()

		server = startServerOn(t, path)
		ann, bob := server.join("ann"), server.join("bob")
		ann.hears("ann: hello") // in the history
		bob.hears("ann: hello")
		ann.posts("r1", "hello")
		if again := ann.next(); again != first {
			t.Errorf("the answer to the repeat has the id %d, want the stored message: %d", again.ID, first.ID)
		}
		synctest.Wait()
		if heard := bob.heard(); len(heard) > 0 {
			t.Errorf("bob heard %q again", heard)
		}
		if saved := server.store.texts(t); len(saved) != 1 {
			t.Errorf("the database has %q", saved)
		}
	})
}

// startServerOn starts the server with the database at path.
func startServerOn(t testing.TB, path string) *testServer {
	t.Helper()
	pipes := newPipeListener()
	return serveOn(t, &config{maxClients: 10, db: path}, pipes, pipes.dial)
}

// A page may repeat a message while it still waits for the store.
func TestRepeatThatWaitsIsAnsweredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		release := server.store.block(t)
		ann.posts("r1", "with the store")
		ann.posts("r2", "waits in the hub")
		synctest.Wait()
		ann.posts("r1", "with the store")
		ann.posts("r2", "waits in the hub")
		synctest.Wait()
		release()
		ann.hears("ann: with the store", "ann: waits in the hub")
		ann.posts("r3", "next")
		ann.hears("ann: next")
		if saved := server.store.texts(t); len(saved) != 3 {
			t.Errorf("the database has %q", saved)
		}
	})
}

// The message was saved long ago, so nobody but its sender hears of the repeat. The
// sender has reconnected while the repeat waited.
func TestRepeatIsAnsweredOnNewConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		before := server.join("ann")
		before.posts("r1", "hello")
		before.hears("ann: hello")
		release := server.store.block(t)
		before.posts("r1", "hello")
		synctest.Wait()

		now := server.join("ann")
		now.hears("ann: hello") // in the history
		now.posts("r1", "hello")
		synctest.Wait()
		release()
		now.hears("ann: hello")
		if heard := before.heard(); len(heard) > 0 {
			t.Errorf("the older connection received %q", heard)
		}
	})
}

func TestRefOfAnotherTextIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		ann.posts("r1", "hello")
		ann.hears("ann: hello")
		ann.posts("r1", "goodbye") // r1 is in the database
		ann.isRefused("r1", "another text", 0)

		release := server.store.block(t)
		ann.posts("r2", "hello")
		ann.posts("r2", "goodbye") // r2 waits
		ann.isRefused("r2", "another text", 0)
		release()
		ann.hears("ann: hello")
	})
}

// isRefused fails the test unless an error comes next that has this ref and these words.
func (b *browser) isRefused(ref, words string, retry int) {
	b.t.Helper()
	got := b.next()
	if got.Kind != "error" || got.Ref != ref || !strings.Contains(got.Text, words) || got.Retry != retry {
		b.t.Errorf("%s received %+v, want an error with the ref %s, %q, and retry %d", b.name, got, ref, words, retry)
	}
}

// Errors without a ref come at most once a second. A sender that gives a ref waits for
// the answer, so it gets all of them.
func TestEachRefIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipeListener()
		server := serveOn(t, &config{maxClients: 10, rate: 5}, pipes, pipes.dial)
		ann := server.join("ann") // takes the first of the burst's tokens
		for n := range burst - 1 {
			ann.posts(fmt.Sprint("r", n), "bell\a")
		}
		ann.posts("r10", "too fast")
		ann.posts("r11", "too fast")
		for n := range burst - 1 {
			ann.isRefused(fmt.Sprint("r", n), "control characters", 0)
		}
		ann.isRefused("r10", "too fast", 1)
		ann.isRefused("r11", "too fast", 1)
		time.Sleep(time.Second)
		ann.posts("r10", "bell\a")
		ann.send("no JSON at all")
		ann.isRefused("r10", "control characters", 0)
		ann.isRefused("", "not understood", 0)
		ann.posts("r10", "not too fast")
		ann.hears("ann: not too fast")
	})
}

func TestMessageThatCannotBeSavedMayBeRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		release := server.store.block(t)
		for n := range 1 + maxPending {
			ann.posts(fmt.Sprint("r", n), fmt.Sprint(n))
		}
		ann.posts("last", "one too many")
		ann.isRefused("last", "cannot save at the moment", 1)
		release()
		time.Sleep(2 * batchWait)
		ann.posts("last", "one too many")
		for n := range 1 + maxPending {
			ann.hears(fmt.Sprint("ann: ", n))
		}
		ann.hears("ann: one too many")
	})
}

// The hub has removed a client, but its reader may still hold a message. This
// sender gets no answer, so it will repeat the message.
func TestPostOfRemovedClientIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		bob := server.join("bob")
		server.hub.posts <- post{client: bareClient(), message: Message{Kind: "chat", Name: "ann", Text: "late", Ref: "r1"}, read: time.Now()}
		bob.posts("r2", "hello")
		bob.hears("bob: hello")
	})
}

// A client may read none of its errors. They fill its queue, so it is disconnected like
// any client that does not read.
func TestClientThatReadsNoErrorsIsDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		startServer(t).joinStalled().sendsBadTexts()
		time.Sleep(endWait + closeWait)
		log.contains(t, `msg=disconnected peer=pipe name=stalled why="too slow"`)
	})
}

// sendsBadTexts makes the server refuse one text after the other, until the connection
// ends.
func (b *browser) sendsBadTexts() *browser {
	go func() {
		for {
			if _, err := b.ws.Write([]byte(`{"text":"","ref":"r1"}`)); err != nil {
				return
			}
		}
	}()
	return b
}

// The first message after a pause does not wait for others. The next ones wait for
// batchWait, or until there are fullBatch of them.
func TestMessagesAreSavedInGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		time.Sleep(2 * batchWait)
		ann.takes(0, 1, 1)
		ann.takes(batchWait, 2, 1)
		ann.takes(0, fullBatch, 1) // so many need not wait
		ann.takes(batchWait, fullBatch-1, 1)
		time.Sleep(2 * batchWait)
		ann.takes(0, 1, 1)
	})
}

// takes sends messages, and fails the test unless they arrive after this time, in so
// many frames.
func (b *browser) takes(want time.Duration, messages, frames int) {
	b.t.Helper()
	start := time.Now()
	for n := range messages {
		b.says(fmt.Sprint(n))
	}
	for range frames {
		messages -= strings.Count(<-b.frames, `{"id":`)
	}
	if took := time.Since(start); took != want || messages != 0 {
		b.t.Errorf("after %v, %d messages are missing, want all of them after %v", took, messages, want)
	}
}

// A batch, and so a frame, has a limit. A longer one would be too much for slow readers.
func TestBatchHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		release := server.store.block(t)
		long := strings.Repeat("\U0001F600", maxText) // 8 KB
		for range 1 + maxPending {
			ann.says(long)
		}
		release()
		received := 0
		for received < 1+maxPending {
			frame := <-ann.frames
			received += strings.Count(frame, `{"id":`)
			if len(frame) > maxBatch+8<<10 {
				t.Errorf("a frame has %d bytes, want about %d at most", len(frame), maxBatch)
			}
		}
	})
}

// The hub gives a message without a ref one of its own. So when a save only seemed to
// fail, the store can repeat it.
func TestMessagesWithoutRefAreSavedOnceEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		ann.says("hello")
		ann.says("hello") // the same text, but another message
		one, two := ann.next(), ann.next()
		if one.Ref == "" || two.Ref == "" || one.Ref == two.Ref {
			t.Errorf("the refs are %q and %q, want two different ones", one.Ref, two.Ref)
		}
	})
}

// What was waiting when the server stops is saved and shown, in this order, before the
// clients are told that the server stops.
func TestShutdownShowsWhatItSaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		release := server.store.block(t)
		ann.posts("r1", "last words")
		synctest.Wait()
		time.AfterFunc(saveWait-time.Millisecond, release)
		start := time.Now()
		server.stop()
		ann.hears("ann: last words")
		if code := ann.waitForClose(); code != closeGoingAway {
			t.Errorf("close code %d, want %d", code, closeGoingAway)
		}
		if took := time.Since(start); took >= stopTimeout {
			t.Errorf("the shutdown took %v, want less than %v", took, stopTimeout)
		}
	})
}

// Two programs may use the same file for a moment, while the platform replaces one by
// the other. Each saves all its messages, with ids that grow.
func TestTwoProgramsOnOneFileLoseNothing(t *testing.T) {
	const each = 100
	path := filepath.Join(t.TempDir(), "chat.db")
	stores := []*Store{openStore(t, path), openStore(t, path)}
	var programs sync.WaitGroup
	for program, store := range stores {
		programs.Go(func() {
			var last int64
			for n := range each {
				batch := []Message{{Kind: "chat", Name: "ann", Text: "hello", At: time.Now(), Ref: fmt.Sprint(program, "-", n)}}
				if err := store.saveUntilDone(t.Context(), batch); err != nil {
					t.Error(err)
				}
				if batch[0].ID <= last {
					t.Errorf("program %d gave out the id %d after %d", program, batch[0].ID, last)
				}
				last = batch[0].ID
			}
		})
	}
	programs.Wait()
	if saved := stores[0].texts(t); len(saved) != 2*each {
		t.Errorf("the database has %d messages, want %d", len(saved), 2*each)
	}
}

// While the platform replaces one program by another, a sender may reconnect to the new
// one and repeat a message there, or use its ref for another text.
func TestRefOfAnotherProgramIsRecognized(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		other := openStore(t, server.path)
		r1 := other.saveTexts(t, "hello")[0].Ref
		ann.posts(r1, "goodbye")
		ann.isRefused(r1, "another text", 0)
		ann.posts(r1, "hello")
		ann.hears("ann: hello")
		ann.posts(r1, "hello")
		ann.hears("ann: hello")
		server.join("eve").hears("ann: hello")
		if saved := server.store.texts(t); len(saved) != 1 {
			t.Errorf("the database has %q", saved)
		}
	})
}

// New messages and repeats can be in the same batch, in any order. In the bubble, the
// clock stands still, so the ids must grow by themselves.
func TestBatchMayMixNewMessagesAndRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann, bob := server.join("ann"), server.join("bob")
		ann.posts("r1", "one")
		ann.hears("ann: one")
		release := server.store.block(t)
		for _, post := range []string{"x", "y", "one", "z"} {
			ref := post
			if post == "one" {
				ref = "r1"
			}
			ann.posts(ref, post)
		}
		synctest.Wait()
		release()
		time.Sleep(batchWait)
		synctest.Wait()
		bobs, anns := bob.heard(), ann.heard()
		if want := []string{"ann: one", "ann: x", "ann: y", "ann: z"}; !slices.Equal(bobs, want) {
			t.Errorf("bob heard %q, want %q", bobs, want)
		}
		slices.Sort(anns)
		if want := []string{"ann: one", "ann: x", "ann: y", "ann: z"}; !slices.Equal(anns, want) {
			t.Errorf("ann heard %q, want %q in some order", anns, want)
		}
	})
}

// A second message with the same id cannot come from a repeat. So it is an error, and is
// not skipped.
func TestIDConflictIsAnError(t *testing.T) {
	store := openStore(t, filepath.Join(t.TempDir(), "chat.db"))
	for n, ref := range []string{"r1", "r2"} {
		_, err := store.db.Exec(insert, 1, "chat", "ann", "hello", 0, ref)
		if (err != nil) != (n == 1) {
			t.Errorf("the message with the ref %s: error %v", ref, err)
		}
	}
}

// The database that the program made just before refs came: version 1, without refs.
func TestDatabaseWithoutRefsGetsThem(t *testing.T) {
	log := captureLog(t)
	openStore(t, filepath.Join(t.TempDir(), "new.db"))
	if log.String() != "" {
		t.Errorf("with a new file, the log is %s", log)
	}
	path := filepath.Join(t.TempDir(), "chat.db")
	older, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	const row = "INSERT INTO messages (id, kind, name, text, at) VALUES (1795459200123000, 'chat', 'ann', 'hello', 1795459200123)"
	for _, statement := range []string{schemaOfMilestone7, row, "PRAGMA user_version = 1"} {
		if _, err := older.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	older.Close()
	store := openStore(t, path)
	log.contains(t, "updating the database of an older program")
	fresh := store.saveTexts(t, "news")
	history, err := store.History()
	if err != nil || len(history) != 2 || history[0].Text != "hello" || history[0].Ref != "" || history[1].ID != fresh[0].ID {
		t.Errorf("the history is %+v (error: %v), want the older message and the new one", history, err)
	}
}
