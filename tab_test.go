//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// pagePatience is how long a test waits for a page. Here the clock is the real
// one, and someone may be waiting for the test to fail.
const pagePatience = 10 * time.Second

// tab is one tab of the browser. The test that opened it fails if its page
// makes an error or asks anyone but its own server for anything.
type tab struct {
	t        *testing.T
	devTools *devTools
	host     string   // of the page's server
	loads    int      // how often a page was loaded to its end
	requests []string // the URL of every request and every WebSocket
	problems []string
	expected []string // parts of problems that are none in this test
}

// newTab opens an empty tab in a profile of its own, as if in a browser of its
// own: nothing that one page remembers is known to the next. Only pages of host
// belong into it.
func (c *chromium) newTab(host string) *tab {
	c.t.Helper()
	var profile struct{ BrowserContextID string }
	c.devTools.call("Target.createBrowserContext", nil, &profile)
	var target struct{ TargetID string }
	c.devTools.call("Target.createTarget", params{
		"url": "about:blank", "browserContextId": profile.BrowserContextID,
	}, &target)

	address := c.devTools.ws.Config().Location.Host
	tab := &tab{t: c.t, host: host, devTools: dialDevTools(c.t, "ws://"+address+"/devtools/page/"+target.TargetID)}
	tab.devTools.onEvent = tab.note
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		tab.devTools.call(domain+".enable", nil, nil) // from now on, events come
	}
	// The page believes to be in front and focused, like the tab of a person
	// who uses it. Otherwise only one tab of the browser would be.
	tab.devTools.call("Emulation.setFocusEmulationEnabled", params{"enabled": true}, nil)
	tab.resize(1000, 700, 1)
	c.t.Cleanup(tab.check)
	return tab
}

// note keeps what the test has to know of an event.
func (tab *tab) note(method string, data json.RawMessage) {
	var event struct {
		Type             string // of a call of console.log and its kin
		Args             json.RawMessage
		ExceptionDetails json.RawMessage
		Entry            struct{ Level, Source, Text, URL string }
		Request          struct{ URL string }
		URL              string
	}
	if err := json.Unmarshal(data, &event); err != nil {
		tab.t.Errorf("%s came with %s: %v", method, data, err)
	}
	switch method {
	case "Page.loadEventFired":
		tab.loads++
	case "Runtime.exceptionThrown":
		tab.problem("uncaught exception: %s", event.ExceptionDetails)
	case "Runtime.consoleAPICalled":
		if event.Type == "error" || event.Type == "assert" {
			tab.problem("console: %s", event.Args)
		}
	case "Log.entryAdded": // what the browser itself has to complain about, such as a 404 or a breach of the policy
		if event.Entry.Level == "error" {
			tab.problem("%s: %s %s", event.Entry.Source, event.Entry.Text, event.Entry.URL)
		}
	case "Network.requestWillBeSent":
		tab.request(event.Request.URL)
	case "Network.webSocketCreated":
		tab.request(event.URL)
	}
}

func (tab *tab) problem(format string, arguments ...any) {
	tab.problems = append(tab.problems, fmt.Sprintf(format, arguments...))
}

func (tab *tab) request(address string) {
	tab.requests = append(tab.requests, address)
	if strings.HasPrefix(address, "data:") {
		return // goes nowhere; Chromium's own page in place of a frame it has stopped is full of them
	}
	if parsed, err := url.Parse(address); err != nil || parsed.Host != tab.host {
		tab.problem("a request leaves the server: %s", address)
	}
}

// expects says that problems which contain these words are part of the test.
func (tab *tab) expects(words string) {
	tab.expected = append(tab.expected, words)
}

// check reports the problems. The call before has Chromium send what it has
// not sent yet.
func (tab *tab) check() {
	tab.eval("0", nil)
	for _, problem := range tab.problems {
		isPart := func(words string) bool { return strings.Contains(problem, words) }
		if !slices.ContainsFunc(tab.expected, isPart) {
			tab.t.Errorf("the page has a problem: %s", problem)
		}
	}
}

// open opens a page and waits until it is loaded with all its files.
func (tab *tab) open(address string) {
	tab.t.Helper()
	before := tab.loads
	tab.devTools.call("Page.navigate", params{"url": address}, nil)
	for tab.loads == before {
		tab.devTools.next()
	}
}

// eval runs JavaScript in the page, waits for the promise if it is one, and
// stores the result, unless value is nil.
func (tab *tab) eval(expression string, value any) {
	tab.t.Helper()
	var reply struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	tab.devTools.call("Runtime.evaluate", params{
		"expression": expression, "awaitPromise": true, "returnByValue": true,
	}, &reply)
	if reply.ExceptionDetails != nil {
		tab.t.Fatalf("%.300s throws %s", expression, reply.ExceptionDetails)
	}
	if value == nil {
		return
	}
	if err := json.Unmarshal(reply.Result.Value, value); err != nil {
		tab.t.Fatalf("%.300s is %s: %v", expression, reply.Result.Value, err)
	}
}

// waitFor waits until a JavaScript condition holds. It is the page that looks,
// again and again, so nothing is missed between two questions of the test. With
// all patience gone it fails the test.
func (tab *tab) waitFor(condition string) {
	tab.t.Helper()
	var shown *string // what the page shows in the end, if the condition does not hold
	tab.eval(fmt.Sprintf(`new Promise((resolve) => {
		const end = performance.now() + %d;
		const look = () => {
			if (%s) resolve(null);
			else if (performance.now() > end) resolve(document.body.innerText);
			else setTimeout(look, 5);
		};
		look();
	})`, pagePatience.Milliseconds(), condition), &shown)
	if shown != nil {
		tab.t.Fatalf("waited in vain for\n%s\nThe page shows:\n%s", condition, *shown)
	}
}

// quote makes a Go value a JavaScript literal.
func quote(value any) string {
	var literal strings.Builder
	encoder := json.NewEncoder(&literal)
	encoder.SetEscapeHTML(false) // < stays <, for whoever has to read why a test failed
	if err := encoder.Encode(value); err != nil {
		panic(err) // strings and lists of strings never fail
	}
	return strings.TrimSpace(literal.String())
}
