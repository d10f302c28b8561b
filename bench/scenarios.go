package main

import "time"

// scenario is a load that each server gets. The first clients are the senders, and the last
// ones are slow. Each text goes to all clients, including its sender.
type scenario struct {
	name        string
	clients     int
	senders     int           // 0: nobody speaks, and only the server's memory counts
	rate        float64       // texts a second from all senders together; 0: as fast as they can
	outstanding int           // as fast as they can: texts of one sender that may be on their way
	size        int           // bytes in a text
	slow        int           // clients that stop reading when the load begins
	rates       []float64     // the scenario is measured with one rate after the other, while the server keeps up
	longer      time.Duration // how many times longer than the others; 0 means 1
}

var scenarios = []scenario{
	{name: "crowd", clients: 1000, senders: 10, rate: 20, size: 100},
	{name: "lively", clients: 100, senders: 10, rate: 500, size: 100},
	{name: "flood", clients: 100, senders: 10, outstanding: 8, size: 100},
	{name: "floodcrowd", clients: 1000, senders: 10, outstanding: 4, size: 100},
	{name: "idle", clients: 5000},
	// Slow is longer, because the kernel's buffers must be full before the server notices.
	{name: "slow", clients: 200, senders: 10, rate: 200, size: 400, slow: 20, longer: 3},
	{name: "limit", clients: 100, senders: 10, size: 100, rates: []float64{1000, 2000, 4000, 8000, 12000, 16000, 20000}},
}
