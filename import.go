package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// importMessages appends the messages of an older database to a stream, in their order, with
// their times and refs. It is for a room that moves from one machine to several, or whose stream
// is lost, before the machines start. Message n of the database becomes message n of the stream.
// So an import that was interrupted can go on, and a stream that people use already is an error.
func importMessages(ctx context.Context, c *config) error {
	if _, err := os.Stat(c.natsImport); err != nil { // OpenStore would make a new file
		return err
	}
	old, err := OpenStore(c.natsImport)
	if err != nil {
		return err
	}
	defer old.Close()
	s := newStream(c, old)
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.close()
	info, err := s.makeStream(ctx, conn, true)
	if err != nil {
		return err
	}
	acks, _, err := conn.subscribe(conn.inbox+".ack", appendWindow)
	if err != nil {
		return err
	}
	there := info.State.Last
	var number uint64 // of the last message that is there
	for last := int64(0); ; {
		batch, err := old.messagesAfter(ctx, last, appendWindow)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			break
		}
		last = batch[len(batch)-1].ID
		if number < there {
			skip := min(there-number, uint64(len(batch)))
			number += skip
			ref, err := s.refOf(ctx, conn, number)
			if err != nil {
				return fmt.Errorf("compare with the stream %s: %w", s.name, err)
			}
			if ref != importRef(batch[skip-1]) {
				return fmt.Errorf("the stream %s has other messages", s.name)
			}
			batch = batch[skip:]
		}
		if err := s.importBatch(ctx, conn, acks, batch, number); err != nil {
			return fmt.Errorf("import %s, after message %d: %w", c.natsImport, number, err)
		}
		number += uint64(len(batch))
	}
	if number < there {
		return fmt.Errorf("the stream %s has other messages, too", s.name)
	}
	slog.Info("imported", "messages", number, "stream", s.name)
	return nil
}

// importRef returns the message's ref, or one made of its id: messages from before milestone 10
// have none.
func importRef(m Message) string { return cmp.Or(m.Ref, fmt.Sprint("import:", m.ID)) }

// importBatch appends a batch behind message number, and waits until the stream has it.
func (s *Stream) importBatch(ctx context.Context, c *natsConn, acks <-chan natsMessage, batch []Message, number uint64) error {
	var messages []natsMessage
	for _, m := range batch {
		header := map[string]string{messageID: importRef(m)}
		m.ID = 0
		messages = append(messages, natsMessage{subject: s.name + ".main", reply: c.inbox + ".ack", header: header, data: encode(m)})
	}
	if err := c.publish(messages...); err != nil {
		return err
	}
	for range batch {
		select {
		case m := <-acks:
			var answer struct {
				Sequence uint64 `json:"seq"`
			}
			if json.Unmarshal(m.data, &answer) != nil || answer.Sequence <= number || answer.Sequence > number+uint64(len(batch)) {
				return fmt.Errorf("the stream answers %s%s", m.status, m.data)
			}
		case <-c.ended:
			return c.err
		case <-time.After(natsWait):
			return errors.New("the stream does not answer")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
