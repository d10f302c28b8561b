//go:build unix

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The room moves from one machine to several, and takes its messages with it.
func TestOlderMessagesMoveIntoTheStream(t *testing.T) {
	const messages = 100
	old := openStore(t, filepath.Join(t.TempDir(), "old.db"))
	var texts []string
	for n := range messages {
		texts = append(texts, fmt.Sprint(n))
	}
	saved := old.saveTexts(t, texts...)
	if _, err := old.db.Exec("UPDATE messages SET ref = NULL WHERE text = '7'"); err != nil { // as before milestone 10
		t.Fatal(err)
	}
	nats := startNATSServer(t, fmt.Sprintf("jetstream { store_dir: %q }", t.TempDir()))
	c := &config{addr: "127.0.0.1:0", db: "unused.db", maxClients: 10, announceEvery: time.Hour,
		nats: []string{nats.url()}, natsStream: "chat", natsReplicas: 1, natsImport: old.path}
	for range 2 { // the second time, everything is there
		if err := run(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	server := startOnNATS(t, nats)
	history := server.texts(t)
	if len(history) != messages || history[0] != "0" || history[messages-1] != fmt.Sprint(messages-1) {
		t.Errorf("the database has %q", history)
	}
	newest, err := server.History()
	if err != nil || newest[len(newest)-1].At != saved[messages-1].At.UTC().Truncate(time.Millisecond) {
		t.Errorf("the newest message is %+v, want the time %v (error: %v)", newest[len(newest)-1], saved[messages-1].At, err)
	}

	old.saveTexts(t, "later") // an import that goes on
	if err := run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	other := openStore(t, filepath.Join(t.TempDir(), "other.db"))
	other.saveTexts(t, texts...)
	c.natsImport = other.path
	if err := run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "other messages") {
		t.Errorf("into a stream that is used: %v", err)
	}
	empty := openStore(t, filepath.Join(t.TempDir(), "empty.db"))
	c.natsImport = empty.path
	if err := run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "other messages") {
		t.Errorf("an empty database into a stream that is used: %v", err)
	}
}

// startOnNATS lets a machine read the stream, and returns its database.
func startOnNATS(t *testing.T, nats *natsServer) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chat.db")
	p := startProgram(t, path, "-nats", nats.url())
	(&machine{program: p}).becomesHealthy()
	return openStore(t, path)
}
