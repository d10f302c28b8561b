// Milestones takes a learner through the course: go run ./milestones, in the root of the
// project. README.md beside this file tells how to follow the course; package course does
// the work.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"chat/milestones/course"
)

func main() {
	// Ctrl+C, a closed terminal, or a pipe into head: each time, remove what is temporary.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	code := course.Run(ctx, ".", os.Args[1:], os.Stdin, os.Stdout)
	stop()
	os.Exit(code)
}
