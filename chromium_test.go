//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

// chromium is a real browser without a window, steered over its DevTools
// protocol: JSON in both directions, over a WebSocket. So this file is also an
// example of a WebSocket client.
type chromium struct {
	t        *testing.T
	devTools *devTools
}

// startChromium starts the browser that CHAT_BROWSER names, with an empty
// profile. It ends with the test.
func startChromium(t *testing.T) *chromium {
	t.Helper()
	program := chromiumPath(t)
	// The shell between the test and Chromium is there for the end. It reads
	// from a pipe that only the test holds open; when the test closes it, or is
	// killed itself, the shell ends its process group: Chromium is a dozen
	// processes. They end, too, should Chromium not even start.
	cmd := exec.Command("sh", "-c", `{ "$@"; kill -9 0; } & read -r _; kill -9 0`, "sh", program,
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-smooth-scrolling",                               // a key pressed during the animation of the one before may go nowhere
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", // no name leads out of this machine
		"--remote-debugging-port=0", "--remote-allow-origins=http://127.0.0.1",
		"--user-data-dir="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url, printed := devToolsURL(stderr)
	var draining sync.WaitGroup
	draining.Go(func() { io.Copy(io.Discard, stderr) })
	t.Cleanup(func() {
		stdin.Close()
		draining.Wait() // until the last process that could print has ended
		cmd.Wait()      // its error is only that the shell was killed, as it should be
	})
	if url == "" {
		t.Fatalf("%s does not start. It says:\n%s", program, printed)
	}
	return &chromium{t: t, devTools: dialDevTools(t, url)}
}

// chromiumPath skips the test unless a browser is asked for.
func chromiumPath(t *testing.T) string {
	t.Helper()
	wanted := os.Getenv("CHAT_BROWSER")
	if wanted == "" {
		t.Skip("CHAT_BROWSER is not set: 1 looks for Chromium in PATH, anything else is the path to one")
	}
	if wanted != "1" {
		return wanted
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("CHAT_BROWSER=1, but there is no Chromium in PATH")
	return ""
}

// devToolsURL waits for the line in which Chromium says where it can be
// reached. Should the output end before, it returns what was printed instead.
func devToolsURL(stderr io.Reader) (url, printed string) {
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if _, url, found := strings.Cut(lines.Text(), "DevTools listening on "); found {
			return url, ""
		}
		printed += lines.Text() + "\n"
	}
	return "", printed
}

// devTools is one connection: to the browser itself or to one of its tabs. It
// needs no goroutine, because a test does one thing after the other: whatever
// comes while it waits for a reply is handed to onEvent.
type devTools struct {
	t        *testing.T
	ws       *websocket.Conn
	messages *json.Decoder
	lastID   int
	onEvent  func(method string, params json.RawMessage)
}

func dialDevTools(t *testing.T, url string) *devTools {
	t.Helper()
	ws, err := websocket.Dial(url, "", "http://127.0.0.1") // the origin that --remote-allow-origins lets in
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	// Chromium cuts long replies into several frames, and x/net would return
	// each as a message. A decoder does not mind: it reads on until the JSON
	// value is complete.
	return &devTools{t: t, ws: ws, messages: json.NewDecoder(ws), onEvent: func(string, json.RawMessage) {}}
}

// devToolsMessage is a reply if it has an ID, else an event.
type devToolsMessage struct {
	ID     int
	Result json.RawMessage
	Error  *struct{ Message string }
	Method string
	Params json.RawMessage
}

// params are the named arguments of a call.
type params map[string]any

// call calls a method of https://chromedevtools.github.io/devtools-protocol and
// stores its result, unless that is nil.
func (d *devTools) call(method string, arguments params, result any) {
	d.t.Helper()
	d.lastID++
	request := params{"id": d.lastID, "method": method, "params": arguments}
	if err := websocket.JSON.Send(d.ws, request); err != nil {
		d.t.Fatalf("%s: %v", method, err)
	}
	reply := d.next()
	for reply.ID != d.lastID {
		reply = d.next()
	}
	if reply.Error != nil {
		d.t.Fatalf("%s: %s", method, reply.Error.Message)
	}
	if result == nil {
		return
	}
	if err := json.Unmarshal(reply.Result, result); err != nil {
		d.t.Fatalf("%s returned %s: %v", method, reply.Result, err)
	}
}

// next waits for one message. Its patience is longer than what a page gets, so
// that waitFor can still say what the page looks like.
func (d *devTools) next() (message devToolsMessage) {
	d.t.Helper()
	d.ws.SetReadDeadline(time.Now().Add(patience))
	if err := d.messages.Decode(&message); err != nil {
		d.t.Fatalf("read from Chromium: %v", err)
	}
	if message.Method != "" {
		d.onEvent(message.Method, message.Params)
	}
	return message
}
