package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/net/websocket"
)

// askName sets the client's name, or says why there is none. There is no write
// goroutine yet, so this one may write.
func (c *Client) askName(ctx context.Context) closeReason {
	defer c.ws.SetReadDeadline(time.Time{}) // once the client is in the room, other deadlines must stay
	for {
		frame, err := c.receive()
		if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			return closeReason{code: closePolicy, text: "no name"}
		} else if err != nil {
			return c.readError(err)
		}
		name, text, err := c.admit(frame)
		if name != "" {
			c.name = name
			return closeReason{}
		}
		if text != "" {
			err = errors.New("please send your name first")
		}
		if c.tell(err) {
			c.write(<-c.notices)
		}
	}
}

// readPump passes what the browser sends to the hub until the connection ends,
// and says why it did.
func (c *Client) readPump() closeReason {
	for {
		frame, err := c.receive()
		if err != nil {
			return c.readError(err)
		}
		name, text, err := c.admit(frame)
		if name != "" {
			err = errors.New("you have a name already")
		}
		c.tell(err)
		if text == "" {
			continue
		}
		c.received++
		select {
		case c.hub.broadcast <- Message{Kind: "chat", Name: c.name, Text: text}:
		case <-time.After(sayWait):
			c.tell(errors.New("not sent: the server cannot save at the moment"))
		case <-c.hub.done:
			return closeReason{} // the hub has set one already
		}
	}
}

// receive returns the next frame, and an empty one in place of a binary one,
// which is then refused like all that is not JSON.
func (c *Client) receive() (frame []byte, err error) {
	textOnly := func(data []byte, frameType byte, _ any) error {
		if frameType == websocket.TextFrame {
			frame = data
		}
		return nil
	}
	err = websocket.Codec{Unmarshal: textOnly}.Receive(c.ws, nil)
	c.lastFrame.Store(new(time.Now()))
	return frame, err
}

// admit parses a frame, unless this client sends too fast. Whatever comes costs,
// mistakes too; only the answer to a heartbeat is free, because the client does
// not choose when to send it.
//
// What is free or refused still has to be read, and a flood of it would keep a
// processor busy. So the next frame is read a moment later: the connection fills
// up, and TCP has the flood wait at its source. (Pings and pongs are dealt
// with inside x/net: a flood of those is not seen here.)
func (c *Client) admit(frame []byte) (name, text string, err error) {
	switch {
	case string(frame) == "{}":
		time.Sleep(floodWait)
		return "", "", nil
	case !c.limiter.allow(time.Now()):
		time.Sleep(floodWait)
		return "", "", errTooFast
	default:
		return parse(frame)
	}
}

// tell queues an error, if there is one, for this browser alone. It reports
// whether it did: one error a second must be enough.
func (c *Client) tell(err error) bool {
	if err == nil || time.Since(c.lastError) < errorWait {
		return false
	}
	select {
	case c.notices <- encode(Message{Kind: "error", Text: err.Error()}):
		c.lastError = time.Now()
		return true
	default:
		return false
	}
}

func (c *Client) readError(err error) closeReason {
	switch {
	case errors.Is(err, io.EOF):
		return closeReason{code: closeNormal, text: "left"}
	case errors.Is(err, websocket.ErrFrameTooLarge):
		return closeReason{code: closeTooBig, text: "frame too big"}
	case errors.Is(err, os.ErrDeadlineExceeded): // set by a stop, or by the writer when the reason is known
		return closeReason{code: closeGoingAway, text: "the server stops"}
	default:
		return closeReason{closeNormal, "connection lost", err}
	}
}
