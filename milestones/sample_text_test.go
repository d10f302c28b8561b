package milestones

// The Markdown of the sample. "~" stands for a backtick and FILLER for 600
// words.

const sampleLearningsOne = `# What we learned

## Milestone 1: basics

- A greeting names the person it is for.
  ~TestGreet~
`

const sampleLearningsTwo = `
## Milestone 2: hub

- One lock guards the room: ~TestJoin~ in ~hub_test.go~.
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
$ git switch --detach "main^{/^feat: milestone 1 }"
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

const sampleFoundLater = `
## Found later

- ~fix: greet people without a name, too~: people without a name
  were greeted with a comma. ~TestGreetAgain~ would have found it.
`
