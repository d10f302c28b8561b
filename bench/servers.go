package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// server says how the load generator speaks with one of the servers. It is all that the load
// generator knows about a server's messages: it finds texts by their markers.
type server struct {
	name      string
	path      string                  // of the WebSocket
	join      []string                // texts to send after the handshake
	joined    string                  // a client is in the room when a message contains this
	say       string                  // how to send a text, which replaces %s
	heartbeat string                  // a message that must be answered …
	answer    string                  // … with this one
	serve     func(addr string) error // a server that is part of this program
}

var servers = []server{
	{
		name: "chat", path: "/ws", join: []string{`{"name":"ada"}`}, joined: `"welcome"`,
		say: `{"text":"%s"}`, heartbeat: "[]", answer: "{}",
	},
	{name: "gorilla", path: "/ws", say: "%s"},
	{name: "melody", path: "/", say: "%s", serve: serveMelody},
	{name: "coder", path: "/", say: "%s", serve: serveCoder},
	{name: "gws", path: "/", say: "%s", serve: serveGWS},
	{
		name: "centrifuge", path: "/", join: []string{`{"id":1,"connect":{}}`, `{"id":2,"subscribe":{"channel":"chat"}}`},
		joined: `"subscribe":{`, say: `{"id":3,"publish":{"channel":"chat","data":"%s"}}`, heartbeat: "{}", answer: "{}",
		serve: serveCentrifuge,
	},
	{name: "floor", path: "/", say: "%s", serve: serveFloor},
}

// build builds the two servers that are programs of their own into the directory dir.
func build(ctx context.Context, dir string) error {
	chat := exec.CommandContext(ctx, "go", "build", "-C", "..", "-o", filepath.Join(dir, "chat"), ".")
	gorilla := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "gorilla"),
		"github.com/gorilla/websocket/examples/chat") // go.mod has its version
	for _, cmd := range []*exec.Cmd{chat, gorilla} {
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%v: %w", cmd, err)
		}
	}
	return nil
}

// command returns the command that starts the server. The directory dir has the programs that build
// has built.
func (s server) command(dir, addr string) []string {
	switch s.name {
	case "chat":
		_, port, _ := net.SplitHostPort(addr) // each measurement has another port, so the database is new
		db := filepath.Join(dir, port+".db")
		return []string{filepath.Join(dir, "chat"), "-addr", addr, "-db", db, "-rate", "0", "-max-clients", "20000"}
	case "gorilla":
		return []string{filepath.Join(dir, "gorilla"), "-addr", addr}
	default:
		return []string{"/proc/self/exe", "serve", s.name, addr} // see serve
	}
}

// serve runs one of the servers that are part of this program. They are a part of it so that
// one go.mod has the versions of all packages. But each of them runs in a process of its own.
func serve(name, addr string) error {
	i := slices.IndexFunc(servers, func(s server) bool { return s.name == name && s.serve != nil })
	if i < 0 {
		return fmt.Errorf("no server %q in this program", name)
	}
	return servers[i].serve(addr)
}
