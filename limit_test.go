package main

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// startLimitedServer starts the server like startServer, but with the rate limit that
// the program has by default.
func startLimitedServer(t *testing.T) *testServer {
	t.Helper()
	pipes := newPipeListener()
	return serveOn(t, &config{maxClients: 1000, rate: 5}, pipes, pipes.dial)
}

func TestLimiterAllowsBurstThenSteadyRate(t *testing.T) {
	for _, test := range []struct {
		name  string
		rate  float64
		sends []time.Duration // times after the start; eleven frames come at each
		want  []int           // how many of the eleven frames pass at each time
	}{
		{"a burst", 5, []time.Duration{0}, []int{10}},
		{"a second later", 5, []time.Duration{0, time.Second}, []int{10, 5}},
		{"half a token is kept", 5, []time.Duration{0, 300 * time.Millisecond, 400 * time.Millisecond}, []int{10, 1, 1}},
		{"a long rest allows no more than one burst", 5, []time.Duration{0, time.Hour}, []int{10, 10}},
		{"a rate below one frame a second", 0.5, []time.Duration{0, time.Second, 2 * time.Second}, []int{10, 0, 1}},
		{"no limit", 0, []time.Duration{0, 0, 0}, []int{11, 11, 11}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := limiter{rate: test.rate, size: burst}
			start := time.Now()
			var passed []int
			for _, after := range test.sends {
				n := 0
				for range 11 {
					if l.allow(start.Add(after)) {
						n++
					}
				}
				passed = append(passed, n)
			}
			if !slices.Equal(passed, test.want) {
				t.Errorf("%d frames pass, want %d", passed, test.want)
			}
		})
	}
}

// ann sends messages as fast as she can. Everyone receives those that are within the
// rate limit. ann gets an error once a second and stays connected, and all messages of
// bob arrive.
func TestMessagesOverRateLimitAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startLimitedServer(t)
		ann, bob := server.join("ann"), server.join("bob")
		const seconds = 10
		sent := 0
		for start := time.Now(); time.Since(start) < seconds*time.Second && sent < 5000; sent++ {
			ann.says("flood") // blocks until the server reads
			if sent%100 == 0 {
				bob.says("and I?")
			}
		}
		synctest.Wait()

		heard := make(map[string]int)
		for _, words := range slices.Concat(ann.heard(), bob.heard()) {
			heard[words]++
		}
		for words, want := range map[string]int{
			"ann: flood":                  2 * (burst - 1 + 5*seconds), // ann and bob receive each message; the name took one token
			"bob: and I?":                 2 * ((sent + 99) / 100),
			"error " + errTooFast.Error(): seconds,
		} {
			if got := heard[words]; got != want {
				t.Errorf("%q was received %d times, want %d", words, got, want)
			}
		}
		ann.leave()
	})
}

// Refusing a frame does not make it free: the server still has to read it. So it
// reads more slowly, and the client has to wait.
func TestFloodingClientIsThrottled(t *testing.T) {
	large := `{"text":"` + strings.Repeat("x", 16<<10) + `"}` // 16 KB take longer to parse
	for frame, pause := range map[string]time.Duration{`{"text":"flood"}`: floodWait, `{}`: floodWait, large: 9 * floodWait} {
		synctest.Test(t, func(t *testing.T) {
			ann := startLimitedServer(t).join("ann")
			start := time.Now()
			for range 400 {
				ann.send(frame)
			}
			if took, least := time.Since(start), 200*pause; took < least {
				t.Errorf("to send %.20s 400 times took %v, want at least %v", frame, took, least)
			}
		})
	}
}

// If an invalid frame took no token, a flood of invalid frames would not be limited.
func TestRateLimitCountsEveryFrame(t *testing.T) {
	for _, frame := range []string{`{}`, `{ }`, `nonsense`, `{"name":"eve"}`, `{"text":""}`} {
		t.Run(frame, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ann := startLimitedServer(t).join("ann")
				for range burst {
					ann.send(frame)
				}
				ann.says("hello")
				synctest.Wait()
				if slices.Contains(ann.heard(), "ann: hello") {
					t.Errorf("after %d times %s, a message was delivered", burst, frame)
				}
			})
		})
	}
}

// Frames that a client sends before it has a name are limited in the same way.
func TestRateLimitAppliesBeforeJoining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann := startLimitedServer(t).open()
		for range burst {
			ann.send(`{"name":"server"}`)
		}
		ann.send(`{"name":"ann"}`)
		synctest.Wait()
		ann.hears("error this name is the server's own: please choose another")
		if heard := ann.heard(); len(heard) > 0 {
			t.Errorf("after %d refused names, the server sent ann %q, want nothing more", burst, heard)
		}
		time.Sleep(time.Second)
		ann.send(`{"name":"ann"}`)
		ann.hears("welcome ann")
	})
}

// BenchmarkFlood measures how long a message takes from one of a hundred people to all
// of them, while flooding clients send as fast as they can. All clients are goroutines
// of this process and share the machine with the server.
func BenchmarkFlood(b *testing.B) {
	captureLog(b) // keeps the log out of the results
	texts := bytes.Repeat(frame(fin|text, `{"text":"flood"}`), 1000)
	pings := bytes.Repeat(frame(fin|ping, ""), 1000)
	for _, test := range []struct {
		name   string
		floods int
		flood  []byte
	}{
		{"none", 0, nil}, {"texts=1", 1, texts}, {"texts=10", 10, texts}, {"pings=10", 10, pings},
	} {
		b.Run(test.name, func(b *testing.B) {
			listener := listen(b)
			dial := func() (net.Conn, error) { return net.Dial("tcp", listener.Addr().String()) }
			server := serveOn(b, &config{maxClients: 1000, rate: 5}, listener, dial)
			var room []*browser
			for person := range 100 {
				room = append(room, server.join(fmt.Sprint(person)))
			}
			var sent atomic.Int64
			for range test.floods {
				flooder := server.join("flood")
				go func() {
					for { // until the connection is closed, at the end of the test
						if _, err := flooder.conn.Write(test.flood); err != nil {
							return
						}
						sent.Add(1000)
					}
				}()
			}
			time.Sleep(2 * time.Second) // the operating system takes the first megabytes of a flood

			var times []time.Duration
			begin, before := time.Now(), sent.Load()
			for b.Loop() {
				start := time.Now()
				text := fmt.Sprintf(`"text":"message %d"`, len(times))
				room[len(times)%len(room)].send("{" + text + "}")
				for _, person := range room {
					for !strings.Contains(<-person.frames, text) {
					}
				}
				times = append(times, time.Since(start))
				time.Sleep(10 * time.Millisecond) // a hundred people who say something every second
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms/median")
			b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "ms/p99")
			b.ReportMetric(float64(sent.Load()-before)/time.Since(begin).Seconds(), "flood/s")
		})
	}
}
