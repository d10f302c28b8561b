package main

import "github.com/lxzan/gws"

// floor is the least that a server can do if it writes each text to each client: one plain
// loop under one lock, without a queue or a deadline. It shows how much of the work is the
// kernel's. Nobody should run it: one client that reads nothing stops all others. Package gws
// reads for it; it writes by itself.
type floor struct{ gwsRoom }

func serveFloor(addr string) error {
	room := &floor{gwsRoom{clients: make(map[*gws.Conn]bool)}}
	return gws.NewServer(room, nil).Run(addr)
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
