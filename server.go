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

// stopTimeout is how long a shutdown may take. Some platforms kill the program
// after that time.
const stopTimeout = 5 * time.Second

// serve starts every background goroutine and waits until ctx ends or the HTTP
// server fails. Then it waits for the goroutines, and closes the store. It returns
// an error if a goroutine does not end in time, or if a message could not be saved.
func serve(ctx context.Context, hub *Hub, c *config, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	var running, saving, clients sync.WaitGroup
	var unsaved error
	saveCtx, stopSaving := context.WithCancel(context.WithoutCancel(ctx)) // a shutdown still saves what waits
	defer stopSaving()
	announcer := &Announcer{texts: c.announce, file: c.announceFile, every: c.announceEvery, shared: len(c.nats) > 0}
	limited := limitListener(listener, c.maxClients+connectionMargin)
	handler := clientAddress(c.clientIPHeader, routes(ctx, hub, &clients, c))
	if isLoopback(listener) {
		handler = knownHost(c.hosts, handler)
	}
	server := newServer(handler)
	server.ConnState = limited.connState
	failed := make(chan error, 2)
	saving.Go(func() {
		if err := hub.log.Run(saveCtx, hub); err != nil {
			failed <- err
		}
	})
	running.Go(func() {
		unsaved = hub.Run(ctx)
		stopSaving() // now nobody waits for the store any more
	})
	running.Go(func() { sweep(ctx, hub) })
	running.Go(func() { announcer.Run(ctx, hub) })
	running.Go(func() { failed <- fmt.Errorf("serve: %w", server.Serve(limited)) })

	var err error
	select {
	case err = <-failed:
		cancel()
	case <-ctx.Done():
		slog.Info("chat is stopping", "why", context.Cause(ctx))
	}

	deadline := time.Now().Add(stopTimeout)
	shutdown(server)
	err = errors.Join(err, waitFor(deadline, "the clients", &clients))
	if late := waitFor(deadline, "the hub", &running); late != nil {
		return errors.Join(err, late)
	}
	err = errors.Join(err, unsaved)
	if late := waitFor(deadline, "the store", &saving); late != nil {
		return errors.Join(err, late)
	}
	return errors.Join(err, hub.store.Close())
}

// shutdown stops accepting connections, and lets the server finish its answers.
// Browsers open connections in advance, and Shutdown waits up to five seconds for
// the first request on each. So after a second, shutdown closes the rest. The
// server does not know the WebSockets any more: the hub ends them.
func shutdown(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
}

// waitFor waits for a group of goroutines, until the deadline.
func waitFor(deadline time.Time, who string, group *sync.WaitGroup) error {
	ended := make(chan struct{})
	go func() {
		group.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(max(time.Until(deadline), 100*time.Millisecond)): // after the deadline, enough to notice that the group has ended
		return fmt.Errorf("%s did not end within %v", who, stopTimeout)
	}
}

// newServer sets the timeouts that http.Server does not set by default. Without
// them, a client that connects and then does nothing, by accident or on purpose,
// keeps a connection and a goroutine for as long as it likes.
func newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    4 << 10, // net/http takes 4 KB more. As thousands of tiny headers, they take a quarter of a megabyte in memory
	}
}
