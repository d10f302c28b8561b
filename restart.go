package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"time"
)

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
