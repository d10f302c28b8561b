package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

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
	serveHistory(s, response, request)
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
