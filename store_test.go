package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestHistoryReturnsNewestMessagesOldestFirst(t *testing.T) {
	store := openStore(t, filepath.Join(t.TempDir(), "chat.db"))
	at := time.Date(2026, 7, 1, 12, 30, 5, 250e6, time.UTC)
	var batch []Message
	for n := range historySize + 10 {
		batch = append(batch, Message{Kind: "chat", Name: "ann", Text: fmt.Sprint("message ", n), At: at, Ref: fmt.Sprint("r", n)})
	}
	for range 2 { // the second time is a retry after a save that only seemed to fail
		if err := store.save(t.Context(), slices.Clone(batch)); err != nil {
			t.Fatal(err)
		}
	}
	history, err := store.History()
	if err != nil {
		t.Fatal(err)
	}
	if len(history) != historySize {
		t.Fatalf("the history has %d messages, want %d", len(history), historySize)
	}
	for i, got := range history {
		want := batch[i+10]
		want.ID = got.ID
		if got != want || i > 0 && got.ID <= history[i-1].ID {
			t.Errorf("message %d is %+v, want %+v", i, got, want)
		}
	}
}

// The driver ignores a misspelt option without an error, so this test asks the open
// database for each value.
func TestDatabaseOptionsTakeEffect(t *testing.T) {
	store := openStore(t, filepath.Join(t.TempDir(), "chat.db"))
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": "500"} {
		var got string
		if err := store.db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (error: %v), want %q", pragma, got, err, want)
		}
	}
}

func TestNonDatabaseFileIsLeftUnchanged(t *testing.T) {
	dir := t.TempDir()
	letter := filepath.Join(dir, "letter.txt")
	const words = "Dear Ada, this is a letter, and not a database at all. Yours, Charles"
	if err := os.WriteFile(letter, []byte(words), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{letter, dir, filepath.Join(dir, "missing", "chat.db")} {
		if store, err := OpenStore(path); err == nil {
			store.db.Close()
			t.Errorf("%s was opened as a database", path)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("the error %q does not name %s", err, path)
		}
	}
	if got, err := os.ReadFile(letter); string(got) != words {
		t.Errorf("the letter is now %q (error: %v), want it unchanged", got, err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("there are %d files in the directory, want only the letter", len(files))
	}
}

func TestDatabaseWithOtherSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE messages (id INTEGER PRIMARY KEY, subject TEXT)"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if store, err := OpenStore(path); err == nil {
		store.db.Close()
		t.Error("a database whose table has other columns was opened")
	}
}

// The schema of milestones 7, 8 and 9, letter for letter.
const schemaOfMilestone7 = `
CREATE TABLE IF NOT EXISTS messages (
	id   INTEGER PRIMARY KEY,
	kind TEXT    NOT NULL,
	name TEXT    NOT NULL,
	text TEXT    NOT NULL,
	at   INTEGER NOT NULL -- milliseconds since 1970, UTC
) STRICT`

func TestOlderDatabaseIsKept(t *testing.T) {
	for _, mode := range []string{"delete", "wal"} {
		path := filepath.Join(t.TempDir(), "chat.db")
		older, err := sql.Open("sqlite", path+"?_journal_mode="+mode)
		if err != nil {
			t.Fatal(err)
		}
		const rows = "INSERT INTO messages (id, kind, name, text, at) VALUES (1795459200123000, 'chat', 'ann', 'hello', 1795459200123), (1795459200123001, 'announcement', 'server', 'news', 1795459200124)"
		for _, statement := range []string{schemaOfMilestone7, rows} {
			if _, err := older.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		older.Close()
		for range 2 { // the second time, there is nothing to do
			store := openStore(t, path)
			history, err := store.History()
			if err != nil || len(history) != 2 {
				t.Fatalf("%s: the history is %+v (error: %v), want two messages", mode, history, err)
			}
			want := Message{ID: 1795459200123000, Kind: "chat", Name: "ann", Text: "hello", At: time.UnixMilli(1795459200123).UTC()}
			if history[0] != want || history[1].Text != "news" {
				t.Errorf("%s: the history is %+v", mode, history)
			}
			store.Close()
		}
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	store := openStore(t, path)
	if _, err := store.db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	store.Close()
	if _, err := OpenStore(path); err == nil || !strings.Contains(err.Error(), "a newer program") {
		t.Errorf("OpenStore returned %v, want an error that names the newer program", err)
	}
}

// A receive from a closed channel returns an empty batch.
func TestShutdownSavesNoEmptyMessages(t *testing.T) {
	store := openStore(t, filepath.Join(t.TempDir(), "chat.db"))
	hub := NewHub(store, nil)
	hub.batches <- []Message{{Kind: "chat", Name: "ann", Text: "hello", At: time.Now(), Ref: "r1"}}
	close(hub.batches)
	store.Run(t.Context(), hub)
	history, err := store.History()
	if err != nil || len(history) != 1 || len(hub.appended) != 1 || store.savedBatches.Value() != 1 {
		t.Errorf("the history is %+v (error: %v), %d batches are saved, want one message in one batch", history, err, store.savedBatches.Value())
	}
}

func TestLastBatchIsTriedUntilItIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		server.store.setReadOnly(t, true)
		ann.says("hello")
		synctest.Wait()
		time.AfterFunc(saveWait/2, func() { server.store.setReadOnly(t, false) })
		server.stop()
		if saved := server.countSaved(t); saved != 1 {
			t.Errorf("the database has %d messages, want 1", saved)
		}
		ann.hears("ann: hello")
	})
}

// A program can write to a deleted file without an error, as long as it has the file open.
func TestMissingDatabaseFileIsNoticed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not let anybody delete a file that is open")
	}
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		server := startServer(t)
		ann := server.join("ann")
		if err := os.Rename(server.path, server.path+".moved"); err != nil {
			t.Fatal(err)
		}
		ann.says("hello")
		time.Sleep(unhealthy + time.Second)
		if err := server.hub.health(); err == nil {
			t.Error("without its database file the server says that it is healthy")
		}
		log.contains(t, "cannot save")
		if err := os.Rename(server.path+".moved", server.path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * retryWait)
		if err := server.hub.health(); err != nil {
			t.Errorf("the file is back, but health returns %v", err)
		}
		server.stop()
		if saved := server.countSaved(t); saved != 1 {
			t.Errorf("the database has %d messages, want 1", saved)
		}
	})
	path := filepath.Join(t.TempDir(), "chat.db")
	store := openStore(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, "another file")
	if err := store.save(t.Context(), []Message{{Kind: "chat", Name: "ann", Text: "hello", Ref: "r1"}}); err == nil {
		t.Error("a batch went into a deleted file, and save returned no error")
	}
}

func TestDatabasePathMayContainSpecialCharacters(t *testing.T) {
	for _, name := range []string{"what?.db", "50%25.db", "a b#c&d.db", "größer.db"} {
		path := filepath.Join(t.TempDir(), name)
		openStore(t, path).db.Close()
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkSave measures how many messages a second the store saves, one at a time and in
// full batches.
func BenchmarkSave(b *testing.B) {
	for _, size := range []int{1, maxPending} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			store := openStore(b, filepath.Join(b.TempDir(), "chat.db"))
			batch := make([]Message, size)
			saved := 0
			for b.Loop() {
				for i := range batch {
					batch[i] = Message{Kind: "chat", Name: "ann", Text: "hello everybody", At: time.Now(), Ref: newRef()}
				}
				if err := store.save(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
				saved += size
			}
			b.ReportMetric(float64(saved)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// countSaved returns the number of messages in the database of a server that has stopped.
func (s *testServer) countSaved(t *testing.T) (count int) {
	t.Helper()
	store := openStore(t, s.path)
	if err := store.db.QueryRow("SELECT count(*) FROM messages").Scan(&count); err != nil {
		t.Fatal(err)
	}
	return count
}

// setReadOnly makes every save fail from now on, or work again.
func (s *Store) setReadOnly(t testing.TB, readOnly bool) {
	t.Helper()
	if _, err := s.db.Exec(fmt.Sprint("PRAGMA query_only = ", readOnly)); err != nil {
		t.Error(err)
	}
}

// The first attempt gives ids to the batch, and fails. Before the next one, another program
// saves a message, which may get the same id. (In the bubble the clock stands still, so it
// does.)
func TestFailedSaveKeepsNoIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "chat.db")
		store, other := openStore(t, path), openStore(t, path)
		if _, err := other.db.Exec("CREATE TRIGGER broken BEFORE INSERT ON messages WHEN NEW.text = 'two' BEGIN SELECT RAISE(FAIL, 'broken'); END"); err != nil {
			t.Fatal(err)
		}
		batch := []Message{{Kind: "chat", Name: "ann", Text: "one", Ref: "r1"}, {Kind: "chat", Name: "ann", Text: "two", Ref: "r2"}}
		if err := store.save(t.Context(), batch); err == nil {
			t.Fatal("the trigger does not make the save fail")
		}
		if _, err := other.db.Exec("DROP TRIGGER broken"); err != nil {
			t.Fatal(err)
		}
		other.saveTexts(t, "from another program")
		if err := store.save(t.Context(), batch); err != nil {
			t.Fatalf("the next attempt fails: %v", err)
		}
		if saved := store.texts(t); !slices.Equal(saved, []string{"from another program", "one", "two"}) {
			t.Errorf("the database has %q", saved)
		}
	})
}

// A save that hangs does not fail. Here the test has the only connection for writing.
func TestSaveThatHangsIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann := server.join("ann")
		tx, err := server.store.db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		ann.says("hello")
		time.Sleep(unhealthy + time.Second)
		if err := server.hub.health(); err == nil || !strings.Contains(err.Error(), "does not answer") {
			t.Errorf("health returned %v, want that the database does not answer", err)
		}
		tx.Rollback()
		time.Sleep(time.Second)
		if err := server.hub.health(); err != nil {
			t.Errorf("the database answers again, but health returned %v", err)
		}
		ann.leave()
	})
}

// Somebody sets the clock forward, and later back: the time that the message has becomes wrong,
// but not the time for which it has been waiting.
func TestHealthDoesNotTrustTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		release := server.store.block(t)
		server.join("ann").says("hello")
		synctest.Wait()
		for _, test := range []struct {
			wait, set time.Duration
			healthy   bool
		}{
			{time.Second, -time.Hour, true},
			{unhealthy, time.Hour, false},
		} {
			time.Sleep(test.wait)
			if err := server.hub.look(func() { server.hub.saving[0].message.At = time.Now().Add(test.set) }); err != nil {
				t.Fatal(err)
			}
			if err := server.hub.health(); (err == nil) != test.healthy {
				t.Errorf("the message has a time %v from now, and health returned %v", test.set, err)
			}
		}
		release()
	})
}

// What cannot be saved at a shutdown is reported, also if the save hangs.
func TestShutdownReportsUnsavedMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		path := filepath.Join(t.TempDir(), "chat.db")
		store := openStore(t, path)
		hub := NewHub(store, nil)
		tx, err := store.db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		var running sync.WaitGroup
		start := time.Now()
		running.Go(func() {
			err := serve(ctx, hub, &config{maxClients: 1}, newPipeListener())
			if took := time.Since(start); took > saveWait+time.Second {
				t.Errorf("the shutdown took %v, want %v: then nobody waits for the store any more", took, saveWait)
			}
			if err == nil || !strings.Contains(err.Error(), "2 messages were not saved in time") {
				t.Errorf("serve returned %v, want that two messages were not saved in time", err)
			}
		})
		for range 2 {
			hub.posts <- post{message: Message{Kind: "chat", Name: "ann", Text: "hello"}}
		}
		cancel()
		time.Sleep(stopTimeout)
		tx.Rollback()
		running.Wait()
	})
}

// While the disk is full, nobody sees what waits, and it does not help to say it again.
// When there is room again, everybody sees all of it, in order.
func TestFullDiskShowsNothingThatIsNotSaved(t *testing.T) {
	const texts = 5
	filler := strings.Repeat("💾", maxText-10) // 8 KB, so that each text needs a new page of the database
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		ann, bob := server.join("ann"), server.join("bob")
		numbers := func(b *browser) (heard []string) { // without the filler
			for _, words := range b.heard() {
				number, _, _ := strings.Cut(words, " 💾")
				heard = append(heard, number)
			}
			return heard
		}
		server.store.setMaxPages(t, 1) // SQLite takes the present number if it is larger
		var want []string
		for range 2 { // the second time, ann repeats everything
			want = nil
			for n := range texts {
				ann.posts(fmt.Sprint("r", n), fmt.Sprint(n, " ", filler))
				want = append(want, fmt.Sprint("ann: ", n))
			}
		}
		time.Sleep(unhealthy + time.Second)
		eve := server.join("eve")
		synctest.Wait()
		for _, b := range []*browser{ann, bob, eve} {
			if heard := numbers(b); len(heard) > 0 {
				t.Errorf("the disk is full, but %s received %q", b.name, heard)
			}
		}
		if err := server.hub.health(); err == nil || !strings.Contains(err.Error(), "disk is full") {
			t.Errorf("health returned %v, want that the disk is full", err)
		}

		server.store.setMaxPages(t, math.MaxInt32)
		time.Sleep(2 * retryWait)
		if err := server.hub.health(); err != nil {
			t.Errorf("there is room again, but health returned %v", err)
		}
		for _, b := range []*browser{ann, bob, eve} {
			if heard := numbers(b); !slices.Equal(heard, want) {
				t.Errorf("there is room again, and %s received %q, want %q", b.name, heard, want)
			}
		}
		server.stop()
		if saved := server.countSaved(t); saved != texts {
			t.Errorf("the database has %d messages, want %d", saved, texts)
		}
	})
}

// setMaxPages is the size of the disk, in pages of the database.
func (s *Store) setMaxPages(t *testing.T, pages int) {
	t.Helper()
	if _, err := s.db.Exec(fmt.Sprint("PRAGMA max_page_count = ", pages)); err != nil {
		t.Error(err)
	}
}

// A person with the sqlite3 command can lock the database for longer than the store waits
// for a lock. Until then, nobody sees what waits, but people can join and read.
func TestLockedDatabaseLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLog(t)
		server := startServer(t)
		ann, bob := server.join("ann"), server.join("bob")
		ann.says("before")
		ann.hears("ann: before")
		bob.hears("ann: before")

		unlock := lockDatabase(t, server.path)
		ann.says("one")
		bob.says("two")
		time.Sleep(unhealthy) // several attempts: each waits half a second for the lock
		log.contains(t, "database is locked")
		eve := server.join("eve")
		eve.hears("ann: before")
		synctest.Wait()
		for _, b := range []*browser{ann, bob, eve} {
			if heard := b.heard(); len(heard) > 0 {
				t.Errorf("the database is locked, but %s received %q", b.name, heard)
			}
		}

		unlock()
		time.Sleep(time.Second)
		want := ann.heard()
		slices.Sort(want)
		if !slices.Equal(want, []string{"ann: one", "bob: two"}) {
			t.Errorf("the database is unlocked, and ann received %q, want one and two", want)
		}
		server.stop()
		if saved := server.countSaved(t); saved != 3 {
			t.Errorf("the database has %d messages, want 3", saved)
		}
	})
}

// A program that starts while another one deletes old messages lets people read, at least.
func TestLockedDatabaseCanBeOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	openStore(t, path).Close()
	unlock := lockDatabase(t, path)
	defer unlock()
	store, err := OpenStore(path)
	if err != nil {
		t.Fatal(err)
	}
	store.Close()
}

// lockDatabase does what another process can do: it begins to write, and does not end.
func lockDatabase(t *testing.T, path string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_txlock=immediate&_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		db.Close()
		t.Fatal(err)
	}
	unlock = func() {
		tx.Rollback()
		db.Close()
	}
	t.Cleanup(unlock) // for the second time, unless the test has failed before
	return unlock
}

// storeWithMessages opens a store that has messages with the ids 1, 2, 3, …
func storeWithMessages(t *testing.T, messages int) *Store {
	t.Helper()
	store := openStore(t, filepath.Join(t.TempDir(), "chat.db"))
	tx, err := store.db.Begin()
	for id := 1; id <= messages && err == nil; id++ {
		_, err = tx.Exec(insert, id, "chat", "ann", fmt.Sprint(id), 0, fmt.Sprint("r", id))
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// getHistory sends GET /history with this query, and with headers that are given as
// name, value, name, value, …
func (s *Store) getHistory(query string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest("GET", "http://chat.localhost/history?"+query, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response := httptest.NewRecorder()
	serveHistory(NewHub(s, nil), response, request)
	return response
}

func TestHistoryPaginationReturnsEachMessageOnce(t *testing.T) {
	store := storeWithMessages(t, 2*historySize+20)
	var ids []int64
	for before := int64(2*historySize + 20); len(ids) < 1000; {
		response := store.getHistory(fmt.Sprint("before=", before))
		var step []Message
		if err := json.Unmarshal(response.Body.Bytes(), &step); err != nil || response.Code != http.StatusOK {
			t.Fatalf("status %d, %s: %v", response.Code, response.Body, err)
		}
		if len(step) == 0 {
			if body := response.Body.String(); body != "[]" {
				t.Errorf("the response at the beginning of the history is %s, want []", body)
			}
			break
		}
		var these []int64
		for _, message := range step {
			these = append(these, message.ID)
		}
		if len(these) > historySize || !slices.IsSorted(these) {
			t.Errorf("one response has the ids %v, want at most %d, oldest first", these, historySize)
		}
		ids = append(these, ids...)
		before = these[0]
	}
	for i, id := range ids {
		if id != int64(i+1) {
			t.Fatalf("the ids are %v, want every id from 1 on, each once", ids)
		}
	}
	if len(ids) != 2*historySize+19 {
		t.Errorf("got %d messages, want all that are older than the newest", len(ids))
	}
}

func TestHistoryErrorsHaveTheRightStatus(t *testing.T) {
	store := storeWithMessages(t, 3)
	for query, want := range map[string]int{
		"":                            http.StatusBadRequest,
		"before=":                     http.StatusBadRequest,
		"before=ann":                  http.StatusBadRequest,
		"before=0":                    http.StatusBadRequest,
		"before=-1":                   http.StatusBadRequest,
		"before=1e3":                  http.StatusBadRequest,
		"before=99999999999999999999": http.StatusBadRequest,
		"before=1;DROP TABLE":         http.StatusBadRequest,
		"before=3":                    http.StatusOK,
		"before=4":                    http.StatusOK, // there may be no message with this id
	} {
		if got := store.getHistory(strings.ReplaceAll(query, " ", "%20")).Code; got != want {
			t.Errorf("GET /history?%s returned %d, want %d", query, got, want)
		}
	}
	store.Close()
	if got := store.getHistory("before=3").Code; got != http.StatusInternalServerError {
		t.Errorf("with a closed database, the status is %d, want 500", got)
	}
}

func TestReadsDoNotWaitForWrites(t *testing.T) {
	store := storeWithMessages(t, 3)
	tx, err := store.db.Begin() // holds the only connection for writing, and SQLite's write lock
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	if messages, err := store.HistoryBefore(ctx, 3); err != nil || len(messages) != 2 {
		t.Errorf("got %d messages (error: %v), want 2", len(messages), err)
	}
}

// When the store has saved its last batch, the server may still be answering the last
// requests. So Run must not close the database.
func TestHistoryIsReadableDuringShutdown(t *testing.T) {
	store := storeWithMessages(t, 3)
	hub := NewHub(store, nil)
	close(hub.batches)
	store.Run(t.Context(), hub)
	if messages, err := store.HistoryBefore(t.Context(), 3); err != nil || len(messages) != 2 {
		t.Errorf("got %d messages (error: %v), want 2", len(messages), err)
	}
}

// fill publishes as many messages as a history has, each with this text.
func (h *Hub) fill(text string) {
	for range historySize {
		h.history = append(h.history, encode(Message{Kind: "chat", Name: "ann", Text: text, At: time.Now()}))
	}
}

func TestHistoryIsEncodedOnceForAllWhoJoin(t *testing.T) {
	hub := NewHub(&Store{}, nil)
	hub.fill("hello")
	first, second := hub.encodedHistory(), hub.encodedHistory()
	if first != second {
		t.Error("the history was encoded again, although nobody had spoken")
	}
	hub.saving = []post{{message: Message{Text: "news"}}}
	hub.publish(appended{messages: []Message{{ID: 1, Kind: "chat", Name: "ann", Text: "news"}}})
	if !strings.Contains(string(*hub.encodedHistory()), "news") {
		t.Error("the history lacks the newest message")
	}
}

func TestHistoryFitsIntoItsLimit(t *testing.T) {
	for _, text := range []string{strings.Repeat("<", maxText), strings.Repeat("\U0001F600", maxText), strings.Repeat("\n", maxText)} {
		hub := NewHub(&Store{}, nil)
		hub.fill(text)
		frame := *hub.encodedHistory()
		if len(frame) > historyBytes+1024 || len(frame) < historyBytes/2 {
			t.Errorf("with texts of %d bytes the history has %d bytes, want at most %d, and not much less", len(text), len(frame), historyBytes)
		}
	}
}

// A phone at the edge of its network reads 20 KB a second.
func TestSlowReaderReceivesWholeHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		server.hub.fill(strings.Repeat("x", maxText))
		phone := server.connect()
		phone.send(`{"name":"phone"}`)
		read := 0
		for buffer := make([]byte, 2000); read < 90_000; time.Sleep(100 * time.Millisecond) {
			n, err := phone.conn.Read(buffer)
			if err != nil {
				t.Fatalf("the connection ended after %d bytes: %v", read, err)
			}
			read += n
		}
	})
}

func TestNumberOfHistoryAnswersIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startServer(t)
		saved := server.store.saveTexts(t, slices.Repeat([]string{strings.Repeat("x", maxText)}, historySize)...)
		get := func() net.Conn {
			conn, err := server.dial()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			fmt.Fprintf(conn, "GET /history?before=%d HTTP/1.1\r\nHost: chat.localhost\r\n\r\n", saved[historySize-1].ID)
			return conn
		}
		for range maxAnswers {
			get() // and nobody reads the answer
		}
		synctest.Wait()
		response, err := http.ReadResponse(bufio.NewReader(get()), nil)
		if err != nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
			t.Errorf("beyond the limit the answer is %v (error: %v), want 503 and when to try again", response, err)
		}
		time.Sleep(answerTime(historyBytes)) // the others have had their time
		response, err = http.ReadResponse(bufio.NewReader(get()), nil)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("later the answer is %v (error: %v), want 200", response, err)
		}
	})
}
