package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"expvar"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"os"
	"runtime/trace"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver, which is called "sqlite" in sql.Open
)

const retryWait = 100 * time.Millisecond // between two attempts to save a batch

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

// addRef makes the database refuse a second message with the same ref. Older messages
// have none. (SQLite cannot add a column that is UNIQUE, hence the index.)
const addRef = `
ALTER TABLE messages ADD COLUMN ref TEXT;
CREATE UNIQUE INDEX messages_ref ON messages (ref) WHERE ref IS NOT NULL`

// schemaVersion is the number of the schema. SQLite keeps one in the file for this
// purpose: user_version. The schema without ref had no number yet, and counts as the first.
const schemaVersion = 2

const (
	insert   = "INSERT INTO messages (id, kind, name, text, at, ref) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (ref) WHERE ref IS NOT NULL DO NOTHING"
	newestID = "SELECT coalesce(max(id), 0) FROM messages"
	query    = "SELECT id, kind, name, text, at, coalesce(ref, '') FROM messages "
)

// Store keeps the messages in an SQLite database. Once it is open, only one goroutine
// writes to it: Run, or that of a Stream. A message that has no id yet gets it in the
// transaction that saves it.
type Store struct {
	path    string
	file    os.FileInfo // what was at path when the store was opened
	db      *sql.DB
	reading *sql.DB   // a second handle to the same file, so that reads and writes do not wait for each other
	insert  *sql.Stmt // prepared once, and not parsed again for each message
	lastID  int64     // the last id that save has given out; only save touches it

	failure      atomic.Pointer[error] // why the last attempt to save failed; nil if it succeeded
	savedBatches expvar.Int            // since the start
	batchSizes   expvar.Map            // how many of them had one message, two, …
}

// OpenStore opens the database in the file at path, and creates one if there is
// no such file. If the file is not a database, OpenStore returns an error and does
// not change the file. The database of a newer program is an error, too.
func OpenStore(path string) (*Store, error) {
	// WAL: readers and the writer do not wait for each other.
	// synchronous=FULL: a commit waits until the disk has the batch, so that not even a power
	// cut loses what people have seen.
	// txlock=immediate: a transaction takes the write lock when it begins.
	// busy_timeout=500: it waits at most 500 ms for another process that has this lock.
	// (The driver ignores a misspelt option, so a test reads the settings back.)
	options := "?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=500&_txlock=immediate"
	source := "file:" + url.PathEscape(path) + options
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	reading, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), db.Close())
	}
	db.SetMaxOpenConns(1)      // SQLite allows only one writer at a time
	reading.SetMaxOpenConns(2) // two may read at the same time; a third waits

	store := &Store{path: path, db: db, reading: reading}
	if err = store.migrate(); err == nil { // the first use of the file: sql.Open has not touched it
		store.file, err = os.Stat(path)
	}
	if err == nil {
		store.insert, err = db.Prepare(insert)
	}
	if err != nil {
		store.Close()
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return store, nil
}

// migrate gives the database the schema that this program needs, in one transaction:
// all of it, or nothing. Version 0 means that the file is new, or that an older
// program made it, which did not set this number yet.
func (s *Store) migrate() error {
	var current int
	err := s.db.QueryRow("PRAGMA user_version").Scan(&current)
	if err != nil || current == schemaVersion { // then a program that holds the lock does not matter
		return err
	}
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	var version int
	if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > schemaVersion {
		return fmt.Errorf("a newer program has used it: its schema has version %d, and this program knows %d", version, schemaVersion)
	}
	if version == schemaVersion { // another program has done it meanwhile
		return nil
	}
	if _, err := tx.Exec(schema); err != nil {
		return err
	}
	var newest int64
	if err := tx.QueryRow(newestID).Scan(&newest); err == nil && newest > 0 {
		slog.Info("updating the database of an older program; this may take some seconds", "database", s.path)
	}
	if _, err := tx.Exec(addRef); err != nil {
		return err
	}
	if _, err := tx.Exec(query + "LIMIT 0"); err != nil { // a table that lacks a column is an error
		return err
	}
	if _, err := tx.Exec(fmt.Sprint("PRAGMA user_version = ", schemaVersion)); err != nil {
		return err
	}
	return tx.Commit()
}

// Run saves the batches that the hub hands over, one after the other. It ends when the
// hub closes the channel. This ctx outlives the hub's ctx: it ends when the hub has ended. Then
// nobody waits for the batch any more, so Run ends even in the middle of a save.
func (s *Store) Run(ctx context.Context, hub *Hub) error {
	for batch := range hub.batches {
		if s.saveUntilDone(ctx, batch) != nil {
			return nil // the hub has told how many messages were not saved in time
		}
		hub.appended <- appended{batch, true}
	}
	return nil
}

// saveUntilDone retries until the batch is saved. A save fails if the disk is full, another
// process locks the database, or somebody has deleted the file. saveUntilDone logs this
// once. It returns an error if ctx ends before the batch is saved.
func (s *Store) saveUntilDone(ctx context.Context, batch []Message) error {
	for {
		err := s.save(ctx, batch)
		if err == nil {
			if s.failure.Swap(nil) != nil {
				slog.Info("saving again")
			}
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		if s.failure.Swap(&err) == nil {
			slog.Error("cannot save; trying again", "messages", len(batch), "error", err)
		}
		select {
		case <-time.After(retryWait):
		case <-ctx.Done(): // the next attempt fails at once, and ends the loop
		}
	}
}

// lastError returns why messages wait.
func (s *Store) lastError() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return errors.New("the database does not answer")
}

// hasAllBefore reports true: whatever a page shows is saved, and all older messages are saved, too.
func (s *Store) hasAllBefore(int64) bool { return true }

func (s *Store) health(waiting time.Duration) error {
	if waiting <= unhealthy {
		return nil
	}
	return fmt.Errorf("cannot save: a message has been waiting for %v: %w", waiting.Round(time.Second), s.lastError())
}

// Close closes the database. Call it when no goroutine uses the store any more. When
// the last connection closes, SQLite moves the newest changes from its write-ahead
// log into the file, and deletes the log.
func (s *Store) Close() error {
	return errors.Join(s.reading.Close(), s.db.Close())
}

// save saves all messages or none, in one transaction, and replaces each message in batch
// by the one that the database then has for its ref. Usually that is the same message, with
// a new id if it had none. But the ref may be in the database already: the sender repeats the
// message, or the last attempt reported an error although it succeeded. Then the older message
// stays. When ctx ends, save gives up, even while it waits for a lock. If save fails, batch is
// as it was.
func (s *Store) save(ctx context.Context, batch []Message) error {
	defer trace.StartRegion(ctx, "save").End()
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var last int64
	if err := tx.QueryRowContext(ctx, newestID).Scan(&last); err != nil {
		return err
	}
	last = max(last, s.lastID) // usually the same; but another process may have added messages, or deleted the newest
	insert := tx.StmtContext(ctx, s.insert)
	saved := make([]Message, len(batch)) // copied into batch after the commit: an attempt that fails must leave no new ids there
	for i, m := range batch {
		if m.ID == 0 {
			m.ID = max(last+1, time.Now().UnixMicro()) // the clock may stand still, or be set back
		}
		result, err := insert.ExecContext(ctx, m.ID, m.Kind, m.Name, m.Text, m.At.UnixMilli(), m.Ref)
		if err != nil {
			return err
		}
		if inserted, _ := result.RowsAffected(); inserted == 0 {
			if m, err = scan(tx.QueryRowContext(ctx, query+"WHERE ref = ?", m.Ref)); err != nil {
				return err
			}
		}
		saved[i] = m
		last = max(last, m.ID)
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if err := s.checkFile(); err != nil {
		return err
	}
	copy(batch, saved)
	s.lastID = last
	s.savedBatches.Add(1)
	s.batchSizes.Add(strconv.Itoa(len(batch)), 1)
	return nil
}

// streamCreated returns the creation time of the stream that this database is a copy of, or the
// zero time if it is no copy. (A database that nobody uses with -nats has no table for it.)
func (s *Store) streamCreated(ctx context.Context) (time.Time, error) {
	const exists = "SELECT count(*) FROM sqlite_schema WHERE name = 'stream'"
	var tables int
	var created int64
	err := s.reading.QueryRowContext(ctx, exists).Scan(&tables)
	if err == nil && tables > 0 {
		err = s.reading.QueryRowContext(ctx, "SELECT created FROM stream").Scan(&created)
	}
	if created == 0 {
		if errors.Is(err, sql.ErrNoRows) { // setStreamCreated was interrupted
			err = nil
		}
		return time.Time{}, err
	}
	return time.Unix(0, created), nil
}

// setStreamCreated notes in the database that it is a copy of the stream with this creation time.
func (s *Store) setStreamCreated(ctx context.Context, created time.Time) error {
	const table = "CREATE TABLE IF NOT EXISTS stream (created INTEGER NOT NULL) STRICT; INSERT INTO stream VALUES (?)" // nanoseconds since 1970
	_, err := s.db.ExecContext(ctx, table, created.UnixNano())
	return err
}

// hasImported reports whether the database has the message that an import gives this ref, under an
// id of at most last.
func (s *Store) hasImported(ctx context.Context, ref string, last int64) (bool, error) {
	const count = "SELECT count(*) FROM messages WHERE id <= ? AND coalesce(ref, 'import:' || id) = ?"
	var found int
	err := s.reading.QueryRowContext(ctx, count, last, ref).Scan(&found)
	return found > 0, err
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

// The limits of the history that a newcomer receives, and of each answer to GET /history.
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
// id, at most historySize, oldest first.
func (s *Store) HistoryBefore(ctx context.Context, id int64) ([]Message, error) {
	history, err := s.read(ctx, "WHERE id < ? ORDER BY id DESC LIMIT ?", id, historySize)
	slices.Reverse(history)
	return history, err
}

// messagesAfter returns up to limit messages that are newer than the one with this id, oldest first.
func (s *Store) messagesAfter(ctx context.Context, id int64, limit int) ([]Message, error) {
	return s.read(ctx, "WHERE id > ? ORDER BY id LIMIT ?", id, limit)
}

// withRefsOf returns the saved messages that have the refs of these messages, oldest first.
func (s *Store) withRefsOf(ctx context.Context, messages []Message) ([]Message, error) {
	var refs []string
	for _, m := range messages {
		refs = append(refs, m.Ref)
	}
	list, err := json.Marshal(refs)
	if err != nil {
		return nil, err
	}
	return s.read(ctx, "WHERE ref IN (SELECT value FROM json_each(?)) ORDER BY id", string(list))
}

// read returns the messages that a query with these conditions finds.
func (s *Store) read(ctx context.Context, conditions string, args ...any) ([]Message, error) {
	rows, err := s.reading.QueryContext(ctx, query+conditions, args...)
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	defer rows.Close()
	messages := []Message{} // not nil, because JSON would have null for that
	for rows.Next() {
		m, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read messages: %w", err)
		}
		messages = append(messages, m)
	}
	if err := rows.Err(); err != nil { // the loop ends after the last row or at an error
		return nil, fmt.Errorf("read messages: %w", err)
	}
	return messages, nil
}

// scan reads a message from a row of query.
func scan(row interface{ Scan(...any) error }) (m Message, err error) {
	var at int64
	err = row.Scan(&m.ID, &m.Kind, &m.Name, &m.Text, &at, &m.Ref)
	m.At = time.UnixMilli(at).UTC()
	return m, err
}
