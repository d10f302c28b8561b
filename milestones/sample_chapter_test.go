package milestones

// sampleChapterTwo is written like the texts of the first milestone.
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
$ git switch --detach "main^{/^feat: milestone 2 }"
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
## Break it

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

~~~diff solution=TestLeave
--- /dev/null
+++ b/leave.go
@@ -0,0 +1,4 @@
+package main
+
+// Leave counts one less.
+func (h *Hub) Leave() { h.clients-- }
~~~

</details>

## Not yet
## Questions
`
