package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// historySize is how many messages a newcomer is shown, and how many each step
// back brings.
const historySize = 50

var errNotSaved = errors.New("this message is not saved yet")

// History returns the newest messages, oldest first.
func (s *Store) History() ([]Message, error) {
	return s.history(context.Background(), math.MaxInt64)
}

// Before returns the newest messages older than the one with this id, oldest
// first. The store is a little behind the room, and far behind when it cannot
// save. Then the answer could have a hole that nobody notices, so there is none:
// messages are saved in the order of their ids, and once this one is there, or a
// newer one, all before it are.
func (s *Store) Before(ctx context.Context, id int64) ([]Message, error) {
	var newest int64
	if err := s.reading.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM messages").Scan(&newest); err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	if newest < id {
		return nil, errNotSaved
	}
	return s.history(ctx, id)
}

func (s *Store) history(ctx context.Context, before int64) ([]Message, error) {
	const query = "SELECT id, kind, name, text, at FROM messages WHERE id < ? ORDER BY id DESC LIMIT ?"
	rows, err := s.reading.QueryContext(ctx, query, before, historySize)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	defer rows.Close()
	history := []Message{} // not nil, which would be null as JSON
	for rows.Next() {
		var m Message
		var at int64
		if err := rows.Scan(&m.ID, &m.Kind, &m.Name, &m.Text, &at); err != nil {
			return nil, fmt.Errorf("read history: %w", err)
		}
		m.At = time.UnixMilli(at).UTC()
		history = append(history, m)
	}
	slices.Reverse(history)
	return history, rows.Err() // the loop ends after the last row, or at an error
}

// serveHistory answers GET /history?before=ID with up to historySize messages,
// as a frame would have them. To read them one need not be in the room: a name
// is all that it takes to come in.
func (s *Store) serveHistory(w http.ResponseWriter, r *http.Request) {
	if foreign(r) {
		http.Error(w, "only pages of this server may read the history", http.StatusForbidden)
		return
	}
	before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err != nil || before <= 0 {
		http.Error(w, "before must be the id of a message", http.StatusBadRequest)
		return
	}
	messages, err := s.Before(r.Context(), before)
	switch {
	case errors.Is(err, errNotSaved):
		w.Header().Set("Retry-After", "1") // seconds
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	case err != nil:
		if r.Context().Err() == nil { // else nobody waits for the answer any more
			slog.Error("cannot answer", "path", r.URL.Path, "error", err)
		}
		http.Error(w, "cannot read the history at the moment", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(encode(messages...))
}
