package main

import (
	"database/sql"
	"fmt"
	"net/url"
	"slices"
	"time"

	_ "modernc.org/sqlite" // the driver; the name "sqlite" below
)

const (
	historySize = 50 // messages that a newcomer is shown
)

// SQLite has no type for times, and a time.Time would be stored as its String.
const schema = `
CREATE TABLE IF NOT EXISTS messages (
	id   INTEGER PRIMARY KEY,
	kind TEXT    NOT NULL,
	name TEXT    NOT NULL,
	text TEXT    NOT NULL,
	at   INTEGER NOT NULL -- milliseconds since 1970, UTC
) STRICT`

const insert = "INSERT INTO messages (id, kind, name, text, at) VALUES (?, ?, ?, ?, ?)"

// Store keeps the messages in an SQLite database.
type Store struct {
	db     *sql.DB
	lastID int64 // of the newest message when the store was opened
}

// OpenStore opens the database in the file at path, and makes one if there is
// no such file. A file that is no database is an error, and left as it is.
func OpenStore(path string) (*Store, error) {
	// With NORMAL, a crash of this program loses nothing that was saved; a power
	// cut may lose the last moments. The driver ignores a misspelt key.
	options := "?_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=5000&_txlock=immediate"
	db, err := sql.Open("sqlite", "file:"+url.PathEscape(path)+options)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // SQLite has one writer at a time anyway
	store := &Store{db: db}
	if _, err = db.Exec(schema); err == nil { // sql.Open has not even looked at the file
		err = db.QueryRow("SELECT coalesce(max(id), 0) FROM (SELECT id, kind, name, text, at FROM messages)").Scan(&store.lastID)
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return store, nil
}

// Save returns when the message is in the database.
func (s *Store) Save(m Message) error {
	if _, err := s.db.Exec(insert, m.ID, m.Kind, m.Name, m.Text, m.At.UnixMilli()); err != nil {
		return fmt.Errorf("save message %d: %w", m.ID, err)
	}
	return nil
}

// History returns the newest messages, oldest first.
func (s *Store) History() (history []Message, err error) {
	rows, err := s.db.Query("SELECT id, kind, name, text, at FROM messages ORDER BY id DESC LIMIT ?", historySize)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	defer rows.Close()
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

func (s *Store) Close() error { return s.db.Close() } // leaves one file behind
