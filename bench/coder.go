package main

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// coderRoom is a chat with package coder/websocket, made like the chat example of that
// package: each client has a queue of 16 messages, and the server closes a client whose queue
// is full. In the example, clients publish with POST requests, and the server limits their
// rate. Here they publish over the WebSocket, without a limit, as with all other servers.
type coderRoom struct {
	mu      sync.Mutex
	clients map[*coderClient]bool
}

type coderClient struct {
	ws    *websocket.Conn
	queue chan []byte
}

func serveCoder(addr string) error {
	return http.ListenAndServe(addr, &coderRoom{clients: make(map[*coderClient]bool)})
}

func (room *coderRoom) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered the request
	}
	defer ws.CloseNow()
	client := &coderClient{ws, make(chan []byte, 16)}
	room.mu.Lock()
	room.clients[client] = true
	room.mu.Unlock()
	defer func() {
		room.mu.Lock()
		delete(room.clients, client)
		room.mu.Unlock()
	}()

	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go client.write(ctx)
	for {
		_, text, err := ws.Read(ctx)
		if err != nil {
			return
		}
		room.publish(text)
	}
}

func (room *coderRoom) publish(text []byte) {
	room.mu.Lock()
	defer room.mu.Unlock()
	for client := range room.clients {
		select {
		case client.queue <- text:
		default:
			go client.ws.Close(websocket.StatusPolicyViolation, "too slow")
		}
	}
}

// write writes the queue to the connection until ctx ends. A write that fails closes the
// connection, and that ends the reader, which ends ctx.
func (client *coderClient) write(ctx context.Context) {
	for {
		select {
		case text := <-client.queue:
			writeCtx, cancel := context.WithTimeout(ctx, 5*time.Second)
			client.ws.Write(writeCtx, websocket.MessageText, text)
			cancel()
		case <-ctx.Done():
			return
		}
	}
}
