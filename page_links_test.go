//go:build unix

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestAddressesAreLinks(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	for id, test := range []struct {
		text  string
		links []string // as "what is shown" or "what is shown → where it leads"
	}{
		{"see https://go.dev/doc now", []string{"https://go.dev/doc"}},
		{"http://localhost:8080/?q=1&r=%20#top", []string{"http://localhost:8080/?q=1&r=%20#top"}},
		{"HTTPS://GO.DEV/Doc", []string{"HTTPS://GO.DEV/Doc → https://go.dev/Doc"}},
		{"two: https://go.dev/a, and http://go.dev/b!", []string{"https://go.dev/a", "http://go.dev/b"}},
		{"(see https://go.dev/a)", []string{"https://go.dev/a"}},
		{"https://go.dev/Go_(game).", []string{"https://go.dev/Go_(game)"}},
		{"[text](https://go.dev/a).", []string{"https://go.dev/a"}},
		{"\"https://go.dev/a\" and <https://go.dev/b>", []string{"https://go.dev/a", "https://go.dev/b"}},
		{"is it https://go.dev/a?!…", []string{"https://go.dev/a"}},
		{"http://[::1]:8080/", []string{"http://[::1]:8080/"}},
		{"https://go.dev/\u05d0\u05d1", []string{"https://go.dev/\u05d0\u05d1 → https://go.dev/%D7%90%D7%91"}},
		{"https://go.dev/\u202egpj.exe", []string{"https://go.dev/"}},
		{"\u202ehttps://go.dev/a\u2066", []string{"https://go.dev/a"}},
		{"看https://go.dev/a", []string{"https://go.dev/a"}},
		{"javascript:alert(1) data:text/html,hi //go.dev ftp://go.dev mailto:a@go.dev go.dev", nil},
		{"https:// http://. https://) http://[ http://go.dev:99999", nil},
		{"https://bank.example@evil.example/ https://a:b@evil.example", nil},
		{"https://bank.example\u2044a.evil.example/", []string{"https://bank.example"}}, // no slash, though it looks like one
		{"https://bücher.example/ https://例え.example", []string{"https://bücher.example/ → https://xn--bcher-kva.example/", "https://例え.example → https://xn--r8jz45g.example/"}},
		{"https://bank.example\\@evil.example", []string{"https://bank.example\\@evil.example → https://bank.example/@evil.example"}},
		{"http\u017f://go.dev", nil}, // a long s, which ignoring the case takes for an s
		{"<a href=https://go.dev/a>", []string{"https://go.dev/a"}},
	} {
		server.says(chatAt(int64(id+1), "bob", test.text))
		ann.sees("bob: " + test.text) // to the letter
		ann.waitFor(fmt.Sprintf(`JSON.stringify(
			[...document.querySelectorAll("#messages li:last-child a")].map((link) => {
				const shown = link.textContent;
				return shown === link.href || shown + "/" === link.href ? shown : shown + " → " + link.href;
			})) === JSON.stringify(%s)`, quote(append([]string{}, test.links...))))
	}
	ann.fits()
	ann.screenshot("links")
	ann.passes(axeSource(t), "links")
}

func TestALinkGivesNothingAway(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	address := "http://" + s.addr + "/icon.svg"
	server.says(chatAt(1, "bob", address))
	ann.sees("bob: " + address)
	ann.click("#messages a")
	var alone bool
	s.findTab(address).eval(`opener === null && document.referrer === ""`, &alone)
	if !alone {
		t.Error("the page that a link opens knows where it comes from")
	}
	ann.isConnected() // and this page is still there
}

// A text of 2,000 letters must not keep the page busy.
func TestNoTextTakesLong(t *testing.T) {
	ann := openStage(t).newcomer()
	for _, part := range []string{"h", "http", "http://", "https://a", "http://a)", "http://a(", "http://a.", "http://.", "http://a ", ")", ".", "a.b@"} {
		for _, start := range []string{"", "https://go.dev/"} {
			text := (start + strings.Repeat(part, maxText))[:maxText]
			var milliseconds float64
			ann.eval(fmt.Sprintf(`import("/links.js").then(({withLinks}) => {
				const runs = Array.from({length: 5}, () => {
					const start = performance.now();
					withLinks(%s);
					return performance.now() - start;
				});
				return Math.min(...runs); // the machine may have other things to do
			})`, quote(text)), &milliseconds)
			if t.Logf("%.1f ms for %.30s…", milliseconds, text); milliseconds > 10 {
				t.Errorf("%.30s… takes %.1f ms", text, milliseconds)
			}
		}
	}
}

// findTab waits for a tab that the page has opened.
func (s *site) findTab(address string) *tab {
	s.t.Helper()
	for start := time.Now(); time.Since(start) < pagePatience; time.Sleep(10 * time.Millisecond) {
		var targets struct {
			TargetInfos []struct{ TargetID, URL string }
		}
		s.browser.devTools.call("Target.getTargets", nil, &targets)
		for _, target := range targets.TargetInfos {
			if target.URL == address {
				host := s.browser.devTools.ws.Config().Location.Host
				return &tab{t: s.t, devTools: dialDevTools(s.t, "ws://"+host+"/devtools/page/"+target.TargetID)}
			}
		}
	}
	s.t.Fatalf("no tab opens for %s", address)
	return nil
}
