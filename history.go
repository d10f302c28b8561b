package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// The limits of the history that a newcomer receives, and of each step back.
const (
	historySize  = 50        // messages
	historyBytes = 128 << 10 // in one frame
)

// newestFitting returns the newest of these encoded messages that fit into historyBytes.
// One always fits.
func newestFitting(messages [][]byte) [][]byte {
	size := 0
	for i, message := range slices.Backward(messages) {
		size += len(message)
		if size > historyBytes {
			return messages[i+1:]
		}
	}
	return messages
}

// History returns the newest messages, at most historySize, oldest first.
func (s *Store) History() ([]Message, error) {
	return s.HistoryBefore(context.Background(), math.MaxInt64)
}

// HistoryBefore returns the newest messages that are older than the one with this
// id, at most historySize, oldest first. The answer has no gap: when a page shows a
// message, all older ones are saved.
func (s *Store) HistoryBefore(ctx context.Context, id int64) ([]Message, error) {
	rows, err := s.reading.QueryContext(ctx, query+"WHERE id < ? ORDER BY id DESC LIMIT ?", id, historySize)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	defer rows.Close()
	history := []Message{} // not nil, because JSON would have null for that
	for rows.Next() {
		m, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read history: %w", err)
		}
		history = append(history, m)
	}
	slices.Reverse(history)
	return history, rows.Err() // the loop ends after the last row or at an error
}

// messagesAfter returns up to limit messages that are newer than the one with this id, oldest first.
func (s *Store) messagesAfter(ctx context.Context, id int64, limit int) ([]Message, error) {
	rows, err := s.reading.QueryContext(ctx, query+"WHERE id > ? ORDER BY id LIMIT ?", id, limit)
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	defer rows.Close()
	var messages []Message
	for rows.Next() {
		m, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read messages: %w", err)
		}
		messages = append(messages, m)
	}
	return messages, rows.Err()
}

// withRefsOf returns the saved messages that have the refs of these messages.
func (s *Store) withRefsOf(ctx context.Context, messages []Message) (saved []Message, err error) {
	for _, m := range messages {
		switch m, err := scan(s.reading.QueryRowContext(ctx, query+"WHERE ref = ?", m.Ref)); {
		case err == nil:
			saved = append(saved, m)
		case !errors.Is(err, sql.ErrNoRows):
			return nil, fmt.Errorf("find messages by their refs: %w", err)
		}
	}
	return saved, nil
}

// scan reads a message from a row of query.
func scan(row interface{ Scan(...any) error }) (m Message, err error) {
	var at int64
	err = row.Scan(&m.ID, &m.Kind, &m.Name, &m.Text, &at, &m.Ref)
	m.At = time.UnixMilli(at).UTC()
	return m, err
}
