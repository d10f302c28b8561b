// Bench compares this project's server with other chat servers in Go. README.md says how to
// run it, and how to read its table.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// config holds the settings from the command line.
type config struct {
	rounds    int
	duration  time.Duration // of one measurement
	servers   []server
	scenarios []scenario
}

func main() {
	log.SetFlags(log.Ltime)
	if len(os.Args) == 4 && os.Args[1] == "serve" { // started by startServer
		log.Fatal(serve(os.Args[2], os.Args[3]))
	}
	c := config{servers: servers, scenarios: scenarios}
	flag.IntVar(&c.rounds, "rounds", 3, "measure everything this `number` of times, and print the medians")
	flag.DurationVar(&c.duration, "time", 6*time.Second, "the `duration` of one measurement")
	flag.Func("servers", "measure only these servers: `names` with commas between them", func(names string) (err error) {
		c.servers, err = choose(servers, names, func(s server) string { return s.name })
		return err
	})
	flag.Func("scenarios", "measure only these scenarios: `names` with commas between them", func(names string) (err error) {
		c.scenarios, err = choose(scenarios, names, func(s scenario) string { return s.name })
		return err
	})
	flag.Parse()
	if c.rounds <= 0 || c.duration <= 0 || flag.NArg() > 0 {
		log.Fatal("-rounds and -time must be more than 0, and there are no other arguments")
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl+C ends the program at once
	if err := run(ctx, c); err != nil {
		log.Fatal(err)
	}
}

// choose returns the items with these names.
func choose[T any](items []T, names string, name func(T) string) ([]T, error) {
	var chosen []T
	var known []string
	for _, item := range items {
		known = append(known, name(item))
	}
	for wanted := range strings.SplitSeq(names, ",") {
		i := slices.Index(known, wanted)
		if i < 0 {
			return nil, fmt.Errorf("no %q; there are %s", wanted, strings.Join(known, ", "))
		}
		chosen = append(chosen, items[i])
	}
	return chosen, nil
}

// run builds the servers, measures them, and prints the table. What it builds is in a temporary
// directory, so nothing is left in the project.
func run(ctx context.Context, c config) error {
	machine := machine() // before the load: it has the load average
	dir, err := os.MkdirTemp("", "chat-bench-")
	if err != nil {
		return fmt.Errorf("make a temporary directory: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := build(ctx, dir); err != nil {
		return err
	}
	results := table{}
	failures := measureAll(ctx, c, dir, results)
	fmt.Printf("Rounds: %d, with %v for a measurement. Machine: %s.\n\n", c.rounds, c.duration, machine)
	results.print(os.Stdout, c.scenarios, c.servers)
	return failures
}

// measureAll measures each server in each scenario, round after round. So a minute in which the
// machine is slow does not hit all measurements of one server.
func measureAll(ctx context.Context, c config, dir string, results table) error {
	var failures []error
	for round := range c.rounds {
		for _, sc := range c.scenarios {
			for _, s := range c.servers {
				log.Printf("round %d of %d: %s, %s", round+1, c.rounds, sc.name, s.name)
				r, err := measure(ctx, sc, s, dir, c.duration)
				if ctx.Err() != nil {
					return errors.New("interrupted") // the server was killed, too, so the result is wrong
				}
				if err != nil {
					failures = append(failures, fmt.Errorf("%s, %s: %w", sc.name, s.name, err))
					continue
				}
				results.add(sc, s, r)
			}
		}
	}
	return errors.Join(failures...)
}
