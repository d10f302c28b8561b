package main

import (
	"bytes"
	"sync"

	"github.com/lxzan/gws"
)

// gwsRoom is a chat with package gws and its Broadcaster. The Broadcaster makes one frame of
// a message and puts it into the queue of each client. These queues have no limit.
type gwsRoom struct {
	gws.BuiltinEventHandler
	mu      sync.RWMutex
	clients map[*gws.Conn]bool
}

func serveGWS(addr string) error {
	room := &gwsRoom{clients: make(map[*gws.Conn]bool)}
	return gws.NewServer(room, nil).Run(addr)
}

func (r *gwsRoom) OnOpen(client *gws.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clients[client] = true
}

func (r *gwsRoom) OnClose(client *gws.Conn, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.clients, client)
}

func (r *gwsRoom) OnMessage(_ *gws.Conn, message *gws.Message) {
	defer message.Close()
	text := bytes.Clone(message.Bytes()) // message.Close takes its bytes back, and the queues may still need them
	broadcaster := gws.NewBroadcaster(gws.OpcodeText, text)
	defer broadcaster.Close()
	r.mu.RLock()
	defer r.mu.RUnlock()
	for client := range r.clients {
		broadcaster.Broadcast(client)
	}
}
