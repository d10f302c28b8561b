package course

// The files of the sample course. In its Markdown, "~" stands for a backtick
// and FILLER for 600 words.

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

const sampleBrowserTest = `import { scenario } from "./harness.js";

scenario("people see each other", async () => {});
`

const sampleLaterBrowserTest = `
  test("the page greets everyone", async () => {});
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

const sampleLearningsOne = `# What we learned

## Milestone 1: basics

- A greeting names the person it is for.
  ~TestGreet~
`

const sampleLearningsTwo = `
## Milestone 2: hub

- One lock guards the room: ~TestJoin~ in ~hub_test.go~.
- The page shows what the hub sends: ~people see each other~ in
  ~browser/page.test.js~.
`

const sampleReadme = `# A course

~~~go file=hub.go
type Hub struct {
	// …
}
~~~
`

const sampleChapterOne = `# Milestone 1: basics

At the end you are greeted.

~~~go file=main.go
func greet(name string) string {
	// …
}
~~~

## Stand on this commit

~~~console unchecked
$ go run ./milestones start 1
~~~

## The problem

~~~console
$ go run .
hello, ada
~~~

## Read

1. ~main.go~, then ~greet~, because it is all there is
2. ~static/chat.js~ with ~send()~ and ~box~

## The idea

FILLER

## Decided against

~~~go from=elsewhere
r := chi.NewRouter()
~~~

## Predict
## Break it

~~~diff break=TestGreet
--- a/main.go
+++ b/main.go
@@ -5,4 +5,4 @@
 // greet says hello to one person.
 func greet(name string) string {
-	return "hello, " + name
+	return "hello " + name
 }
~~~

~~~text fails
--- FAIL: TestGreet (0.02s)
greet said "hello bob"
~~~

## Build it

~~~diff build=TestNobody
--- /dev/null
+++ b/nobody_test.go
@@ -0,0 +1,9 @@
+package main
+
+import "testing"
+
+func TestNobody(t *testing.T) {
+	if greet("") != "hello" {
+		t.Error("nobody was greeted by name")
+	}
+}
~~~

<details>

~~~text hint
Who is greeted?
~~~

</details>

<details>

~~~text hint
Look at greet.
~~~

</details>

<details>

~~~text hint
if name == "" { … }
~~~

</details>

<details>

~~~diff solution=TestNobody
--- a/main.go
+++ b/main.go
@@ -4,5 +4,8 @@ import "fmt"
 
 // greet says hello to one person.
 func greet(name string) string {
+	if name == "" {
+		return "hello"
+	}
 	return "hello, " + name
 }
~~~

</details>

## Not yet
## Questions
`

const sampleChapterTwo = `# Milestone 2: hub

At the end you can count.

~~~go file=hub.go
// Hub counts who is here.
type Hub struct {
	// …
	clients int
}
…
func (h *Hub) Join() {
	h.mu.Lock()
~~~

## Stand on this commit

~~~console unchecked
$ go run ./milestones start 2
~~~

## The problem

~~~go file=main.go at=previous
	fmt.Println(greet("ada"))
~~~

~~~console at=previous
$ go run .
hello, ada
~~~

~~~console
$ (sleep 0.3; echo "listening at 12:34:56 on localhost:8080"; sleep 60) &
listening at 01:02:03 on localhost:9999
$ go run . && go vet ./...
hello, bob
$ go test -v -run TestJoin
…
--- PASS: TestJoin (0.00s)
PASS
ok chat 0.1s
$ kill %1
~~~

## Read

- ~hub.go~: ~Hub~, ~Hub.Join~, ~Hub.clients~, ~-addr~, and ~TestJoin~ in ~hub_test.go~

## The idea

FILLER

## Decided against
## Predict

How many are here?

<details><summary>Answer</summary>

Nobody.

</details>

## Break it

**"One line needs no lock."** It is so short.

~~~diff break=TestJoin race
--- a/hub.go
+++ b/hub.go
@@ -15,7 +15,5 @@ type Hub struct {
 
 // Join counts one more.
 func (h *Hub) Join() {
-	h.mu.Lock()
-	defer h.mu.Unlock()
 	h.clients++
 }
~~~

~~~text fails
WARNING: DATA RACE
~~~

Short is not the same as indivisible.

Another one:

~~~diff break=TestJoin
--- a/hub.go
+++ b/hub.go
@@ -16,6 +16,5 @@ type Hub struct {
 // Join counts one more.
 func (h *Hub) Join() {
 	h.mu.Lock()
-	defer h.mu.Unlock()
 	h.clients++
 }
~~~

~~~text fails
somebody still waits
~~~

## Build it

~~~diff build=TestLeave compile
--- /dev/null
+++ b/leave_test.go
@@ -0,0 +1,8 @@
+package main
+
+import "testing"
+
+func TestLeave(t *testing.T) {
+	var h Hub
+	h.Leave()
+}
~~~

<details>

~~~text hint
What does Join do?
~~~

</details>

<details>

~~~text hint
The opposite of it.
~~~

</details>

<details>

~~~text hint
h.clients--, under which lock?
~~~

</details>

<details>

~~~diff solution=TestLeave
--- /dev/null
+++ b/leave.go
@@ -0,0 +1,8 @@
+package main
+
+// Leave counts one less.
+func (h *Hub) Leave() {
+	h.mu.Lock()
+	defer h.mu.Unlock()
+	h.clients--
+}
~~~

</details>

<details>

~~~diff rule=TestTenLeaveAtOnce
--- /dev/null
+++ b/rule_test.go
@@ -0,0 +1,17 @@
+package main
+
+import (
+	"sync"
+	"testing"
+)
+
+func TestTenLeaveAtOnce(t *testing.T) {
+	var h Hub
+	var all sync.WaitGroup
+	for range 10 {
+		h.Join()
+		all.Go(h.Leave)
+	}
+	h.Leave()
+	all.Wait()
+}
~~~

</details>

## Not yet
## Questions
`

const sampleFoundLater = `
## Found later

- ~fix: greet people without a name, too~: people without a name
  were greeted with a comma. ~TestGreetAgain~ would have found it.
- ~fix: the page greets everyone~, as ~the page greets everyone~ shows.
`
