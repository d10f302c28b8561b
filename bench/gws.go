package main

import (
	"sync"

	"github.com/lxzan/gws"
)

// gwsRoom is a chat with package gws and its Broadcaster. The Broadcaster makes one frame
// for a message and puts it into the queue of each client. These queues have no limit.
type gwsRoom struct {
	gws.BuiltinEventHandler
	mu      sync.RWMutex
	clients map[*gws.Conn]bool
}

func serveGWS(addr string) error {
	return gws.NewServer(&gwsRoom{clients: make(map[*gws.Conn]bool)}, nil).Run(addr)
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
	broadcaster := gws.NewBroadcaster(gws.OpcodeText, message.Bytes())
	defer broadcaster.Close()
	r.mu.RLock()
	defer r.mu.RUnlock()
	for client := range r.clients {
		broadcaster.Broadcast(client)
	}
}

// floor is the least that a server can do if it writes each text to each client: one plain
// loop under one lock, without a queue or a deadline. It shows how much of the work is the
// kernel's. Nobody should run it: one client that reads nothing stops all others. Package gws
// reads for it; it writes by itself.
type floor struct{ gwsRoom }

func serveFloor(addr string) error {
	return gws.NewServer(&floor{gwsRoom{clients: make(map[*gws.Conn]bool)}}, nil).Run(addr)
}

func (f *floor) OnMessage(_ *gws.Conn, message *gws.Message) {
	defer message.Close()
	frame := encodeFrame(opText, 0, message.Bytes())
	f.mu.Lock()
	defer f.mu.Unlock()
	for client := range f.clients {
		client.NetConn().Write(frame)
	}
}
