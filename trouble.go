package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/net/websocket"
)

// This file causes trouble for a server, from another process. Its clients come through the
// network, as all clients do, and their goroutines and their memory are not those of the
// server. At its end are the troubles that need the server's own process, and what starts
// the server again afterwards.

// troubleTime is how long a trouble lasts. 0 means that there is no such trouble.
func troubleTime(name string) time.Duration {
	switch name {
	case "talk", "crowd", "stall", "flood", "delay":
		return time.Minute
	case "cut":
		return 2 * time.Minute // the server notices after at most 100 seconds
	case "lock", "hang", "cutoff", "leader":
		return 10 * time.Second
	case "stop", "kill":
		return time.Second
	}
	return 0
}

// causeTrouble causes the trouble c.trouble until its time is over, or ctx ends. When the process
// ends, the operating system closes the connections.
func causeTrouble(ctx context.Context, c *config) error {
	ctx, cancel := context.WithTimeout(ctx, troubleTime(c.trouble))
	defer cancel()
	switch c.trouble {
	case "talk":
		people(20, c.addr, "talker", talk("hello", time.Second))
	case "crowd":
		people(1000, c.addr, "visitor", onlyRead)
	case "stall": // somebody has to talk, or there is nothing to read
		people(1, c.addr, "stalled", func(net.Conn, *websocket.Conn) { <-ctx.Done() })
		people(20, c.addr, "talker", talk(strings.Repeat("traffic ", 30), 300*time.Millisecond))
	case "flood":
		people(1, c.addr, "flooder", talk("me first", 0))
	case "delay":
		people(1, c.addr, "far away", readInGulps)
		people(20, c.addr, "talker", talk("hello", time.Second))
	case "cut":
		people(1, c.addr, "cut off", func(conn net.Conn, _ *websocket.Conn) { io.Copy(io.Discard, conn) })
	case "lock":
		unlock, err := holdWriteLock(ctx, c.db)
		if err != nil {
			return fmt.Errorf("lock %s: %w", c.db, err)
		}
		defer unlock()
	default:
		return errors.New("-trouble must be talk, crowd, stall, flood, delay, cut or lock")
	}
	for parent := os.Getppid(); ctx.Err() == nil && os.Getppid() == parent; { // a trouble also ends when the process that started it has died
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

// people lets n people join, and calls behave for each of them. If the server refuses or
// disconnects one, that one tries again after a pause, as a page does.
func people(n int, addr, name string, behave func(net.Conn, *websocket.Conn)) {
	for i := range n {
		go func() {
			for {
				if conn, ws, err := visit(addr, fmt.Sprint(name, " ", i+1)); err == nil {
					behave(conn, ws)
					conn.Close()
				}
				time.Sleep(time.Second + rand.N(time.Second))
			}
		}()
	}
}

// visit joins the room.
func visit(addr, name string) (net.Conn, *websocket.Conn, error) {
	config, err := websocket.NewConfig("ws://"+addr+"/ws", "http://"+addr)
	if err != nil {
		return nil, nil, err
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	conn.(*net.TCPConn).SetReadBuffer(4 << 10) // a small buffer is soon full if nobody reads
	ws, err := websocket.NewClient(config, conn)
	if err == nil {
		_, err = fmt.Fprintf(ws, `{"name":%q}`, name)
	}
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, ws, nil
}

// onlyRead reads, and answers no heartbeat. The server would remove it after 75 seconds at the
// earliest, and the trouble ends after a minute.
func onlyRead(_ net.Conn, ws *websocket.Conn) { io.Copy(io.Discard, ws) }

// talk says the text again and again, with a pause of about this length.
func talk(text string, pause time.Duration) func(net.Conn, *websocket.Conn) {
	return func(conn net.Conn, ws *websocket.Conn) {
		go onlyRead(conn, ws)
		for {
			if _, err := fmt.Fprintf(ws, `{"text":%q}`, text); err != nil {
				return
			}
			time.Sleep(pause/2 + rand.N(pause+1))
		}
	}
}

// readInGulps reads a little twice a second, as through a slow network.
func readInGulps(conn net.Conn, _ *websocket.Conn) {
	gulp := make([]byte, 16<<10)
	for {
		if _, err := conn.Read(gulp); err != nil {
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// holdWriteLock stops all other writers, like a database viewer with changes that are not saved.
func holdWriteLock(ctx context.Context, path string) (unlock func(), err error) {
	db, err := sql.Open("sqlite", "file:"+url.PathEscape(path)+"?mode=rw&_txlock=immediate&_busy_timeout=5000")
	if err != nil {
		return nil, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		db.Close()
		return nil, err
	}
	return func() { tx.Rollback(); db.Close() }, nil
}

const (
	restartWait = 2 * time.Second
	labServer   = "CHAT_LAB_SERVER" // the environment variable that tells a process that it is the server of a lab
)

// keepRunning runs the server of a lab in a process of its own, and starts it again when it has been
// stopped or killed: one of the lab's buttons is kill -9. It returns when ctx ends, or when the
// server fails.
//
// The server's input is a pipe from this process. The server stops when the pipe closes: at the
// end of ctx, and also when this process dies, in whatever way.
func keepRunning(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for {
		server := exec.CommandContext(ctx, self, os.Args[1:]...)
		server.Env = append(os.Environ(), labServer+"=1")
		server.Stdout, server.Stderr = os.Stdout, os.Stderr
		input, err := server.StdinPipe()
		if err != nil {
			return err
		}
		server.Cancel = input.Close
		server.WaitDelay = 2 * stopTimeout
		err = server.Run()
		if server.ProcessState == nil { // it did not even start
			return err
		}
		if code := server.ProcessState.ExitCode(); ctx.Err() != nil && code == 0 {
			return nil
		} else if ctx.Err() != nil || code > 0 { // a signal is -1
			return err
		}
		slog.Warn("the server has ended, and starts again", "how", server.ProcessState)
		select {
		case <-time.After(restartWait):
		case <-ctx.Done():
			return nil
		}
	}
}

// endsWithInput returns a context that also ends when the standard input of this process ends.
func endsWithInput(ctx context.Context) context.Context {
	ctx, end := context.WithCancelCause(ctx)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		end(errors.New("the lab has ended"))
	}()
	return ctx
}

// hangSave makes the next save hang. No other process could do that; so the lab takes the store's
// only connection to the database, and the store waits for it.
func (l *lab) hangSave(ctx context.Context) error {
	conn, err := l.hub.store.db.Conn(ctx)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return conn.Close()
}

var errCut = errors.New("the lab has cut this machine off")

// cutOff lets the stream have no connection. A proxy between this process and NATS could do the
// same from outside, but there is none.
func (s *Stream) cutOff(ctx context.Context) error {
	s.cut.Store(true)
	defer s.cut.Store(false)
	<-ctx.Done()
	return nil
}

// stepDown asks the NATS server that leads the stream to let another one lead. That is an ordinary
// request to JetStream, over a connection of its own.
func (s *Stream) stepDown(ctx context.Context) error {
	time.Sleep(2 * sampleEvery) // or the page would not see the trouble begin
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.close()
	var answer any // that it succeeded
	return conn.api(ctx, "STREAM.LEADER.STEPDOWN."+s.name, nil, &answer)
}

// endThisProcess sends a signal to this process, after a moment in which the page gets its
// answer. Then keepRunning starts another one.
func endThisProcess(ctx context.Context, signal os.Signal) error {
	process, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	select {
	case <-time.After(sampleEvery):
		return process.Signal(signal)
	case <-ctx.Done():
		return nil
	}
}
