//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var longAttacks = flag.Bool("attack", false, "let each attack take half a minute, and not half a second")

// What a program of strangers can do to the server from one machine. They all run on
// this machine, against the real program:
//
//	go test -run Attack -v . -attack
//
// During each attack the people in the room go on talking, /healthz answers 200, and
// the program takes less memory than the smallest machine has. Afterwards it stops
// in order.
func TestAttack(t *testing.T) {
	for _, attack := range []struct {
		name     string
		parallel int
		do       attacker
	}{
		{"requests for the history whose answers nobody reads", 800, asks("/history?before=9000000000000000")},
		{"requests for the page whose answers nobody reads", 800, asks("/chat.js")},
		{"connections that say nothing", 1500, saysNothing},
		{"half a request", 1500, sendsHalfARequest},
		{"requests with giant headers", 20, sendsGiantHeaders},
		{"people who join and read nothing", 900, floods(`{"name":"eve"}`, nil)},
		{"pings from people", 10, floods(`{"name":"eve"}`, bytes.Repeat(frame(fin|ping, ""), 10_000))},
		{"pings without a name", 100, floods("", bytes.Repeat(frame(fin|ping, "ping"), 10_000))},
		{"random bytes as frames", 50, sendsRandomFrames},
		{"texts as fast as possible", 10, floods(`{"name":"eve"}`, bytes.Repeat(frame(fin|text, `{"text":"<<<<<<<<<<<<<<<<"}`), 1000))},
	} {
		t.Run(strings.ReplaceAll(attack.name, " ", "_"), func(t *testing.T) {
			victim := startVictim(t)
			ctx, cancel := context.WithCancel(t.Context())
			var attackers sync.WaitGroup
			for n := range attack.parallel {
				attackers.Go(func() {
					random := rand.New(rand.NewPCG(1, uint64(n)))
					for ctx.Err() == nil {
						attackOnce(ctx, victim.addr, attack.do, random)
						time.Sleep(10 * time.Millisecond) // the attackers share the machine with their victim
					}
				})
			}
			victim.livesOn()
			cancel()
			attackers.Wait()
			victim.signal(syscall.SIGTERM)
			if code := victim.exit().ExitStatus(); code != 0 {
				t.Errorf("after the attack the program ended with exit code %d", code)
			}
		})
	}
}

// An attacker uses one connection until it fails, as it does at the end of the attack.
type attacker func(conn net.Conn, random *rand.Rand)

func attackOnce(ctx context.Context, addr string, attack attacker, random *rand.Rand) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	conn.(*net.TCPConn).SetReadBuffer(4096) // so that what it does not read stays with the server
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	attack(conn, random)
}

// asks sends a request, and reads nothing.
func asks(path string) attacker {
	return func(conn net.Conn, _ *rand.Rand) {
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
		keepOpen(conn, 3)
	}
}

func saysNothing(conn net.Conn, _ *rand.Rand) {
	keepOpen(conn, 3)
}

func sendsHalfARequest(conn net.Conn, _ *rand.Rand) {
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n")
	keepOpen(conn, 3)
}

func sendsGiantHeaders(conn net.Conn, _ *rand.Rand) {
	fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: localhost\r\nOrigin: http://%s\r\n\r\n", strings.Repeat("x", 900_000))
}

// floods makes the handshake, sends a frame, and then the flood, again and again. It
// reads nothing.
func floods(first string, flood []byte) attacker {
	return func(conn net.Conn, _ *rand.Rand) {
		if openWebSocket(conn) != nil {
			return
		}
		if first != "" {
			conn.Write(frame(fin|text, first))
		}
		if len(flood) == 0 {
			keepOpen(conn, 60)
			return
		}
		for {
			if _, err := conn.Write(flood); err != nil {
				return
			}
		}
	}
}

func sendsRandomFrames(conn net.Conn, random *rand.Rand) {
	if openWebSocket(conn) != nil {
		return
	}
	conn.Write(frame(fin|text, `{"name":"eve"}`))
	for {
		junk := make([]byte, random.IntN(200))
		for i := range junk {
			junk[i] = byte(random.Uint32())
		}
		sent := frame(byte(random.Uint32()), string(junk))
		if random.IntN(10) == 0 {
			sent = junk
		}
		if _, err := conn.Write(sent); err != nil {
			return
		}
	}
}

// openWebSocket sends the handshake. The server accepts frames right behind it.
func openWebSocket(conn net.Conn) error {
	_, err := io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	return err
}

// keepOpen keeps the connection, without reading, until the attack is over, or for
// some seconds: then the attacker opens the next one.
func keepOpen(conn net.Conn, seconds int) {
	for range 20 * seconds {
		time.Sleep(50 * time.Millisecond)
		if conn.SetDeadline(time.Time{}) != nil { // it is closed: the attack is over
			return
		}
	}
}

// A victim is the program with the longest history there is, and with two people.
type victim struct {
	*program
	debugAddr string
	ann, bob  *browser
}

func startVictim(t *testing.T) *victim {
	path := filepath.Join(t.TempDir(), "chat.db")
	store := openStore(t, path)
	var longest []Message
	for id := range int64(2 * historySize) {
		longest = append(longest, Message{ID: id + 1, Kind: "chat", Name: "mallory", Text: strings.Repeat("<", maxText), At: time.Now()})
	}
	if err := store.save(t.Context(), longest); err != nil {
		t.Fatal(err)
	}
	store.Close()
	debug := listen(t)
	debug.Close() // the port is free, and known
	v := &victim{program: startProgram(t, path, "-rate", "5", "-debug-addr", debug.Addr().String()), debugAddr: debug.Addr().String()}
	go io.Copy(io.Discard, v.stderr)
	v.ann, v.bob = v.join("ann"), v.join("bob")
	return v
}

// livesOn checks, again and again, what must hold during the attack.
func (v *victim) livesOn() {
	v.t.Helper()
	end := time.Now().Add(500 * time.Millisecond)
	if *longAttacks {
		end = time.Now().Add(30 * time.Second)
	}
	memory, longest := 0, time.Duration(0)
	for n := 0; time.Now().Before(end); n++ {
		start := time.Now()
		v.ann.says(fmt.Sprint("message ", n))
		v.bob.hearsAmongOthers(fmt.Sprint("ann: message ", n))
		longest = max(longest, time.Since(start))
		if status := v.get("http://"+v.addr+"/healthz", nil); status != http.StatusOK {
			v.t.Errorf("/healthz says %d during the attack", status)
		}
		var vars struct {
			Memstats struct{ Sys, HeapReleased int }
		}
		v.get("http://"+v.debugAddr+"/debug/vars", &vars)
		memory = max(memory, vars.Memstats.Sys-vars.Memstats.HeapReleased)
		time.Sleep(250 * time.Millisecond) // ann may say five a second
	}
	v.t.Logf("%d MB at most; ann waited %v at most for bob to hear her", memory>>20, longest.Round(time.Millisecond))
	if memory > 100<<20 {
		v.t.Errorf("during the attack the program takes %d MB", memory>>20)
	}
}

// get asks for a document, on a connection of its own, and decodes it.
func (v *victim) get(url string, document any) int {
	v.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: testTimeout}
	response, err := client.Get(url)
	if err != nil {
		v.t.Error(err)
		return 0
	}
	defer response.Body.Close()
	if document != nil {
		if err := json.NewDecoder(response.Body).Decode(document); err != nil {
			v.t.Error(err)
		}
	}
	return response.StatusCode
}

// hearsAmongOthers waits for an element, and drops those that come before.
func (b *browser) hearsAmongOthers(want string) {
	b.t.Helper()
	for b.next().String() != want {
	}
}
