package main

import (
	"context"
	"database/sql"
	"errors"
	"expvar"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver; the name "sqlite" below
)

const (
	storeQueue = 1000                   // messages that may wait for the store
	maxBatch   = 100                    // messages in one transaction; the last one, at a shutdown, may have more
	batchWait  = 200 * time.Millisecond // for a batch to fill up: a crash may lose the messages of this time, and of the save that follows
	retryWait  = time.Second            // between two attempts to save a batch
	finishWait = 4 * time.Second        // for the attempts to save the last batch; a shutdown may take stopTimeout
	finishStep = 100 * time.Millisecond // between two of them
)

// The column "at" holds a number: SQLite has no type for times, and the driver
// would store a time.Time as text.
const schema = `
CREATE TABLE IF NOT EXISTS messages (
	id   INTEGER PRIMARY KEY,
	kind TEXT    NOT NULL,
	name TEXT    NOT NULL,
	text TEXT    NOT NULL,
	at   INTEGER NOT NULL -- milliseconds since 1970, UTC
) STRICT`

const insert = "INSERT INTO messages (id, kind, name, text, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"

// Store keeps the messages in an SQLite database. Run is the only goroutine that
// writes to it.
type Store struct {
	path    string
	file    os.FileInfo // what was at path when the store was opened
	db      *sql.DB
	reading *sql.DB      // a second handle to the same file, so that reads and writes do not wait for each other
	lastID  int64        // of the newest message when the store was opened
	queue   chan Message // only the hub sends on it, so only the hub closes it

	failure    atomic.Pointer[error] // why the last attempt to save failed; nil if it succeeded
	batches    expvar.Int            // saved since the start
	batchSizes expvar.Map            // how many of them had one message, two, …
}

// OpenStore opens the database in the file at path, and creates one if there is
// no such file. If the file is not a database, OpenStore returns an error and does
// not change the file.
func OpenStore(path string) (*Store, error) {
	// With synchronous=NORMAL, a crash of this program loses no saved message, but a
	// power cut may lose the last ones. (The driver ignores a misspelt option, so a
	// test reads the settings back.)
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
	db.SetMaxOpenConns(1)      // SQLite allows only one writer at a time
	reading.SetMaxOpenConns(2) // two may read at the same time; a third waits

	store := &Store{path: path, db: db, reading: reading, queue: make(chan Message, storeQueue)}
	if _, err = db.Exec(schema); err == nil { // the first use of the file: sql.Open has not touched it
		// The inner SELECT names every column: a table that lacks one is an error.
		err = db.QueryRow("SELECT coalesce(max(id), 0) FROM (SELECT id, kind, name, text, at FROM messages)").Scan(&store.lastID)
	}
	if err == nil {
		store.file, err = os.Stat(path)
	}
	if err != nil {
		store.Close()
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return store, nil
}

// Run saves the messages in the queue, in batches. When ctx ends, it receives
// messages until the hub closes the queue, and saves them. It returns an error if
// it could not save them.
func (s *Store) Run(ctx context.Context) error {
	var batch []Message
	timer := time.NewTimer(batchWait) // if it fires before the first message comes, there is nothing to save
	for {
		queue := s.queue
		if len(batch) == maxBatch {
			queue = nil // a nil channel is never ready: save the full batch first
		}
		select {
		case message, open := <-queue:
			if !open { // a shutdown: the hub has queued its last message
				return s.finish(batch)
			}
			batch = append(batch, message)
			if len(batch) == 1 {
				timer.Reset(batchWait)
			} else if len(batch) == maxBatch && s.failure.Load() == nil { // else the retry has its own time
				timer.Reset(0)
			}
		case <-timer.C:
			err := s.save(context.Background(), batch)
			if err == nil {
				batch = nil
				s.failure.Store(nil)
				continue
			}
			if s.failure.Load() == nil { // log the first failure, and not every attempt
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

// finish saves the last batch before the program ends. It tries again until
// finishWait is over: what it cannot save is lost.
func (s *Store) finish(batch []Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), finishWait)
	defer cancel()
	for {
		err := s.save(ctx, batch)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("save the last %d messages: %w", len(batch), err)
		case <-time.After(finishStep):
		}
	}
}

// Close closes the database. Call it when no goroutine uses the store any more. When
// the last connection closes, SQLite moves the newest changes from its write-ahead
// log into the file, and deletes the log.
func (s *Store) Close() error {
	return errors.Join(s.reading.Close(), s.db.Close())
}

// save saves all messages or none, in one transaction. A message may be in the
// database already, because the attempt before only seemed to fail. Saving it again
// changes nothing. When ctx ends, save gives up, even while it waits for a lock.
func (s *Store) save(ctx context.Context, batch []Message) error {
	if len(batch) == 0 {
		return nil
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	for _, m := range batch {
		if _, err := tx.ExecContext(ctx, insert, m.ID, m.Kind, m.Name, m.Text, m.At.UnixMilli()); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if err := s.checkFile(); err != nil {
		return err
	}
	s.batches.Add(1)
	s.batchSizes.Add(strconv.Itoa(len(batch)), 1)
	return nil
}

// checkFile returns an error if the database's file is no longer at its path. On
// Unix, a program can write to a file that somebody has deleted, without any error,
// and everything is lost when it closes the file.
func (s *Store) checkFile() error {
	file, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	if !os.SameFile(s.file, file) {
		return fmt.Errorf("another file has replaced the database %s", s.path)
	}
	return nil
}
