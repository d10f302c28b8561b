package milestones

// The programs of the sample.

const sampleMain = `package main

import "fmt"

// greet says hello to one person.
func greet(name string) string {
	return "hello, " + name
}

func main() {
	fmt.Println(greet("ada"))
}
`

const sampleMainTest = `package main

import "testing"

func TestGreet(t *testing.T) {
	if got := greet("bob"); got != "hello, bob" {
		t.Errorf("greet said %q", got)
	}
}
`

const sampleLaterTest = `
func TestGreetAgain(t *testing.T) {}
`

const sampleScript = `"use strict";
const box = 1;
function send() {}
`

const sampleHub = `package main

import (
	"flag"
	"sync"
)

var _ = flag.String("addr", "", "where to listen")

// Hub counts who is here.
type Hub struct {
	mu      sync.Mutex
	clients int
}

// Join counts one more.
func (h *Hub) Join() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients++
}
`

const sampleHubTest = `package main

import (
	"sync"
	"testing"
	"time"
)

func TestJoin(t *testing.T) {
	var h Hub
	var all sync.WaitGroup
	for range 10 {
		all.Go(h.Join)
	}
	joined := make(chan struct{})
	go func() { all.Wait(); close(joined) }()
	select {
	case <-joined:
	case <-time.After(5 * time.Second):
		t.Fatal("somebody still waits")
	}
	if h.clients != 10 {
		t.Errorf("10 joined, %d are here", h.clients)
	}
}
`
