package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// stopTimeout is how long a stop may take; some platforms kill after that.
const stopTimeout = 5 * time.Second

// serve starts all that runs beside main, waits for the end of ctx, and then for
// the end of all that, and closes the store. It is an error if something does not
// end, or is lost.
func serve(ctx context.Context, hub *Hub, c *config, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	var running, saving, clients sync.WaitGroup
	var lost error
	announcer := &Announcer{texts: c.announce, file: c.announceFile, every: c.announceEvery}
	server := newServer(routes(ctx, hub, &clients, c))
	failed := make(chan error, 1)
	saving.Go(func() { lost = hub.store.Run(ctx) })
	running.Go(func() { hub.Run(ctx) })
	running.Go(func() { sweep(ctx, hub) })
	running.Go(func() { announcer.Run(ctx, hub) })
	running.Go(func() { failed <- server.Serve(listener) })

	var err error
	select {
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
		cancel()
	case <-ctx.Done():
		slog.Info("chat is stopping", "why", context.Cause(ctx))
	}

	deadline := time.Now().Add(stopTimeout)
	shutdown(server)
	err = errors.Join(err,
		waitFor(deadline, "the clients", &clients),
		waitFor(deadline, "the hub", &running))
	if late := waitFor(deadline, "the store", &saving); late != nil {
		return errors.Join(err, late)
	}
	return errors.Join(err, lost, hub.store.Close())
}

// shutdown has the server accept nothing more and finish what it is answering.
// Browsers open connections in advance, and Shutdown would wait five seconds
// for a first request on those; so after a second the rest is closed. Of
// WebSockets the server knows nothing: the hub ends them.
func shutdown(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
}

// waitFor waits for a group of goroutines, but not for ever.
func waitFor(deadline time.Time, who string, group *sync.WaitGroup) error {
	ended := make(chan struct{})
	go func() {
		group.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(max(time.Until(deadline), 100*time.Millisecond)): // enough to see what ended long ago
		return fmt.Errorf("%s did not end within %v", who, stopTimeout)
	}
}

// newServer sets the time limits that http.Server leaves off by default.
// Without them, clients that connect and then dawdle, by accident or on
// purpose, hold a connection and a goroutine each for as long as they like.
func newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
	}
}
