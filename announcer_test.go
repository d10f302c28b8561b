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

func TestAnnouncementsRotate(t *testing.T) {
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
		server.join("bob").hears("server: be kind", "server: drink water", "server: be kind") // from the history
	})
}

func TestInvalidAnnouncementIsRefused(t *testing.T) {
	if err := new(config).addAnnouncement(" "); err == nil {
		t.Error("an announcement without a visible character was accepted")
	}
}

func TestAnnouncementFileIsReadBeforeEachAnnouncement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		file := filepath.Join(t.TempDir(), "announcements.txt")
		ann := joinWithAnnouncements(t, &config{announce: []string{"zero"}, announceFile: file})
		ann.hears("server: zero", "server: zero") // the file does not exist yet

		writeFile(t, file, "\ufeffone\n\n  two \r\nthree")
		ann.hears("server: two", "server: three", "server: zero", "server: one") // it is the third turn, so the third of now four texts comes first

		writeFile(t, file, "one\nfour\n")
		ann.hears("server: zero", "server: one", "server: four")
		removeFile(t, file)
		ann.hears("server: zero", "server: zero")
		if n := strings.Count(log.String(), "announcements left out"); n != 2 {
			t.Errorf("the log has %d warnings, want 2, one for each time that the file went missing:\n%s", n, log)
		}
	})
}

func TestInvalidAnnouncementLineIsSkippedAndLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		file := filepath.Join(t.TempDir(), "announcements.txt")
		writeFile(t, file, "one\n"+strings.Repeat("x", maxText+1)+"\n\u200b\ntwo\n")
		ann := joinWithAnnouncements(t, &config{announceFile: file})
		synctest.Wait()
		log.contains(t, `error="line 2: too long: 2001 characters, at most 2000 are allowed"`) // logged at the start, before the first announcement
		log.contains(t, `error="line 3: there is nothing to read in this message"`)
		ann.hears("server: one", "server: two", "server: one", "server: two")
		if n := strings.Count(log.String(), "announcements left out"); n != 2 {
			t.Errorf("the log has %d warnings, want one for each of the 2 invalid lines:\n%s", n, log)
		}
	})
}

func TestAnnouncerRecoversFromUnusableFile(t *testing.T) {
	for _, test := range []struct {
		name, logged string
		prepare      func(file string)
	}{
		{"missing", "no such file", func(string) {}},
		{"directory", "not a regular file", func(file string) { os.Mkdir(file, 0o700) }},
		{"too big", "too big", func(file string) { writeFile(t, file, strings.Repeat("one\n", maxAnnounceFile)) }},
		{"UTF-16", "not text in UTF-8", func(file string) { writeFile(t, file, "\xff\xfeo\x00n\x00e\x00") }},
		{"empty lines", "", func(file string) { writeFile(t, file, "\n \n") }},
		{"invisible", "nothing to read in ", func(file string) { writeFile(t, file, "\u3164") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := captureLog(t)
				file := filepath.Join(t.TempDir(), "announcements.txt")
				test.prepare(file)
				ann := joinWithAnnouncements(t, &config{announceFile: file})
				time.Sleep(3 * time.Second)
				if test.logged != "" {
					log.contains(t, test.logged)
				}
				os.RemoveAll(file)
				writeFile(t, file, "all is well")
				ann.hears("server: all is well")
			})
		})
	}
}

func TestReadTextsAcceptsMissingFinalNewline(t *testing.T) {
	file := filepath.Join(t.TempDir(), "announcements.txt")
	writeFile(t, file, "no line end")
	if texts, wrong := readTexts(file); !slices.Equal(texts, []string{"no line end"}) || wrong != nil {
		t.Errorf("readTexts returned %q and the errors %v, want the one text and no error", texts, wrong)
	}
}

// joinWithAnnouncements starts a server that makes an announcement each second, and
// lets ann join.
func joinWithAnnouncements(t *testing.T, c *config) *browser {
	t.Helper()
	pipes := newPipeListener()
	c.maxClients, c.announceEvery = 10, time.Second
	return serveOn(t, c, pipes, pipes.dial).join("ann")
}

func writeFile(t testing.TB, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func removeFile(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}
