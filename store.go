package main

import (
	"context"
	"database/sql"
	"errors"
	"expvar"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver; the name "sqlite" below
)

const (
	storeQueue = 1000                   // messages that may wait to be saved
	maxBatch   = 100                    // messages in one transaction
	batchWait  = 200 * time.Millisecond // for a batch to get full: what a crash may lose
	retryWait  = time.Second            // until a batch that could not be saved is tried again
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

const insert = "INSERT INTO messages (id, kind, name, text, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"

// Store keeps the messages in an SQLite database.
type Store struct {
	db      *sql.DB
	reading *sql.DB      // a second way to the same file, so that readers and the writer do not wait for each other
	lastID  int64        // of the newest message when the store was opened
	queue   chan Message // only the hub sends on it, so only the hub closes it

	failure    atomic.Pointer[error] // why the last batch could not be saved; nil if it was
	batches    expvar.Int            // saved since the start
	batchSizes expvar.Map            // how many of them had one message, two, …
}

// OpenStore opens the database in the file at path, and makes one if there is
// no such file. A file that is no database is an error, and left as it is.
func OpenStore(path string) (*Store, error) {
	// With NORMAL, a crash of this program loses nothing that was saved; a power
	// cut may lose the last moments. (Take care with the keys: the driver ignores one
	// that it does not know.)
	options := "?_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=1500&_txlock=immediate"
	source := "file:" + url.PathEscape(path) + options
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	reading, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)      // SQLite has one writer at a time anyway
	reading.SetMaxOpenConns(2) // two readers at a time are enough; the others wait

	store := &Store{db: db, reading: reading, queue: make(chan Message, storeQueue)}
	if _, err = db.Exec(schema); err == nil { // sql.Open has not even looked at the file
		err = db.QueryRow("SELECT coalesce(max(id), 0) FROM (SELECT id, kind, name, text, at FROM messages)").Scan(&store.lastID)
	}
	if err != nil {
		store.Close()
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return store, nil
}

// Run saves in batches what the hub queues. When ctx ends, it takes all that still
// comes before the hub closes the queue. It is an error if something is lost.
func (s *Store) Run(ctx context.Context) error {
	var batch []Message
	timer := time.NewTimer(batchWait)
	for {
		queue := s.queue
		if len(batch) == maxBatch {
			queue = nil // never ready: a full batch is saved first
		}
		select {
		case message, open := <-queue:
			if !open { // a stop: the hub has queued its last message
				return s.finish(batch)
			}
			batch = append(batch, message)
			if len(batch) == 1 {
				timer.Reset(batchWait)
			} else if len(batch) == maxBatch && s.failure.Load() == nil {
				timer.Reset(0)
			}
		case <-timer.C:
			err := s.save(batch)
			if err == nil {
				batch = nil
				s.failure.Store(nil)
				continue
			}
			if s.failure.Load() == nil { // once, and not for every attempt
				slog.Error("cannot save; trying again every second", "messages", len(batch), "error", err)
			}
			s.failure.Store(&err)
			timer.Reset(retryWait)
		case <-ctx.Done():
			for message := range s.queue {
				batch = append(batch, message)
			}
			return s.finish(batch)
		}
	}
}

// finish saves the last batch.
func (s *Store) finish(batch []Message) error {
	if err := s.save(batch); err != nil {
		return fmt.Errorf("save the last %d messages: %w", len(batch), err)
	}
	return nil
}

// Close closes the database, when nobody uses it any more. The last one to close
// it, the writer, clears up.
func (s *Store) Close() error {
	return errors.Join(s.reading.Close(), s.db.Close())
}

// save saves all messages or none, in one transaction. Those that are there
// already, from an attempt that only seemed to fail, do no harm.
func (s *Store) save(batch []Message) error {
	if len(batch) == 0 {
		return nil
	}
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit, it does nothing
	for _, m := range batch {
		if _, err := tx.Exec(insert, m.ID, m.Kind, m.Name, m.Text, m.At.UnixMilli()); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	s.batches.Add(1)
	s.batchSizes.Add(strconv.Itoa(len(batch)), 1)
	return nil
}
