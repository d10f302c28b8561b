package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnnouncementsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipeListener()
		c := &config{maxClients: 10, announce: []string{"be kind", "drink water"}, announceEvery: 10 * time.Second}
		server := serveOn(t, c, pipes, pipes.dial)
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
	if err := new(config).addAnnouncement(" "); err == nil {
		t.Error("an announcement without words was accepted")
	}
	hasty := config{addr: "localhost:0", db: "chat.db", maxClients: 1, announce: []string{"hurry"}}
	if err := run(t.Context(), &hasty); err == nil {
		t.Error("announcements without a pause were accepted")
	}
}

func TestTheFileOfAnnouncementsMayBeEditedAtAnyTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		file := filepath.Join(t.TempDir(), "announcements.txt")
		ann := joinAnnounced(t, &config{announce: []string{"zero"}, announceFile: file})
		ann.hears("server: zero", "server: zero") // there is no file yet

		write(t, file, "\ufeffone\n\n  two \r\nthree")
		ann.hears("server: two", "server: three", "server: zero", "server: one") // the third of four texts was next

		write(t, file, "one\nfour\n")
		ann.hears("server: zero", "server: one", "server: four")
		remove(t, file)
		ann.hears("server: zero", "server: zero")
		if n := strings.Count(log.String(), "announcements left out"); n != 2 {
			t.Errorf("the log has %d complaints, want one each time that the file is missing:\n%s", n, log)
		}
	})
}

func TestABadLineIsLoggedOnceAndLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		file := filepath.Join(t.TempDir(), "announcements.txt")
		write(t, file, "one\n"+strings.Repeat("x", maxText+1)+"\n\u200b\ntwo\n")
		ann := joinAnnounced(t, &config{announceFile: file})
		synctest.Wait()
		log.contains(t, `error="line 2: too long: 2001 characters, and 2000 are the most"`) // before the first turn
		log.contains(t, `error="line 3: there is nothing to read in this message"`)
		ann.hears("server: one", "server: two", "server: one", "server: two")
		if n := strings.Count(log.String(), "announcements left out"); n != 2 {
			t.Errorf("the log has %d complaints, want 2:\n%s", n, log)
		}
	})
}

func TestNoFileStopsTheAnnouncer(t *testing.T) {
	for want, prepare := range map[string]func(file string){
		"no such file":        func(string) {},
		"not a regular file":  func(file string) { os.Mkdir(file, 0o700) },
		"too big":             func(file string) { write(t, file, strings.Repeat("one\n", maxAnnounceFile)) },
		"not text in UTF-8":   func(file string) { write(t, file, "\xff\xfeo\x00n\x00e\x00") },
		"":                    func(file string) { write(t, file, "\n \n") },
		"nothing to read in ": func(file string) { write(t, file, "\u3164") },
	} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := captureLog(t)
				file := filepath.Join(t.TempDir(), "announcements.txt")
				prepare(file)
				ann := joinAnnounced(t, &config{announceFile: file})
				time.Sleep(3 * time.Second)
				log.contains(t, want)
				os.RemoveAll(file)
				write(t, file, "all is well")
				ann.hears("server: all is well")
			})
		})
	}
}

func TestReadTexts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "announcements.txt")
	write(t, file, "no line end")
	if texts, wrong := readTexts(file); !slices.Equal(texts, []string{"no line end"}) || wrong != nil {
		t.Errorf("the texts are %q, the mistakes %v", texts, wrong)
	}
}

// joinAnnounced starts a server that makes these announcements, one each second,
// and lets ann join it.
func joinAnnounced(t *testing.T, c *config) *browser {
	t.Helper()
	pipes := newPipeListener()
	c.maxClients, c.announceEvery = 10, time.Second
	return serveOn(t, c, pipes, pipes.dial).join("ann")
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}
