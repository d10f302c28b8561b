//go:build unix

package main

import "testing"

var schemes = []string{"light", "dark"}

// The colours are those that the browser draws, the formula is WCAG's. 4.5 is
// what text needs, 3 what has to be told apart from its surroundings.
func TestColoursHaveContrast(t *testing.T) {
	s := openStage(t)
	ann, server := s.visitor("ann")
	server.says(Message{ID: 1, Kind: "announcement", Name: "server", Text: "see https://go.dev/", At: on("2024-02-29T12:00:00Z")})
	ann.sees("server: see https://go.dev/")
	for _, scheme := range schemes {
		ann.prefers(scheme)
		var problems []string
		ann.eval(`(() => {
			const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
			const luminance = (color) => {
				canvas.fillStyle = color;
				canvas.fillRect(0, 0, 1, 1);
				const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((byte) =>
					byte / 255 <= 0.04045 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4);
				return 0.2126 * r + 0.7152 * g + 0.0722 * b;
			};
			const problems = [];
			const check = (what, color, background, least) => {
				const [dark, light] = [luminance(color), luminance(background)].sort((a, b) => a - b);
				const contrast = (light + 0.05) / (dark + 0.05);
				if (!(contrast >= least)) problems.push(what + ": " + color + " on " + background + " is " + contrast);
			};
			const style = (selector, pseudo) => getComputedStyle(document.querySelector(selector), pseudo);
			const ground = style("body").backgroundColor, paper = style("#log").backgroundColor;

			const name = document.querySelector("#messages b");
			for (let hue = 0; hue < 360; hue++) {
				name.style.setProperty("--hue", hue);
				check("a name of hue " + hue, getComputedStyle(name).color, paper, 4.5);
				check("a name of hue " + hue, getComputedStyle(name).color, ground, 4.5);
			}
			for (const [selector, pseudo] of [["#messages span"], ["#messages a"], ["#messages time"],
				["#messages .day"], ["#text-error"], ["#name-error"], ["#text"], ["#text", "::placeholder"]]) {
				check(selector, style(selector, pseudo).color, paper, 4.5);
				check(selector, style(selector, pseudo).color, ground, 4.5);
			}
			check("the title", style("h1").color, ground, 4.5);
			check("the status", style("#status").color, ground, 4.5);
			const button = document.querySelector("#compose button");
			check("a button", style("#compose button").color, style("#compose button").backgroundColor, 4.5);
			check("the dot, connected", style("#status", "::before").color, ground, 3);
			document.getElementById("status").className = "";
			check("the dot, not connected", style("#status", "::before").color, ground, 3);
			document.getElementById("status").className = "connected";
			button.disabled = true;
			check("a button, disabled", style("#compose button").color, style("#compose button").backgroundColor, 3);
			check("a button, disabled", style("#compose button").backgroundColor, ground, 3);
			button.disabled = false;
			check("a field", style("#text").borderColor, paper, 3);
			check("a field", style("#text").borderColor, ground, 3);
			check("the focus", style("#text").outlineColor, paper, 3); // the ring has the field inside
			check("the focus", style("#text").outlineColor, ground, 3);
			return problems;
		})()`, &problems)
		for _, problem := range problems {
			t.Errorf("%s: %s", scheme, problem)
		}
	}
}

func TestAxeFindsNothingInTheDark(t *testing.T) {
	axe := axeSource(t)
	s := openStage(t)
	ann, server := s.visitor("ann")
	for _, scheme := range schemes {
		ann.prefers(scheme)
		server.says(chatAt(1, "bob", "see https://go.dev/"), chatAt(2, "bob", "and more"), chatAt(3, "cleo", "thanks"),
			Message{ID: 4, Kind: "announcement", Name: "server", Text: "be kind", At: on("2024-02-29T12:00:00Z")})
		ann.sees("server: be kind")
		ann.passes(axe, "a room that is "+scheme)
		ann.screenshot("room-" + scheme)
	}
	eve := s.newcomer()
	for _, scheme := range schemes {
		eve.prefers(scheme)
		eve.passes(axe, "a join form that is "+scheme)
		eve.screenshot("join-" + scheme)
	}
}

// prefers sets what the system of this person is: light or dark.
func (p *person) prefers(scheme string) {
	p.t.Helper()
	p.devTools.call("Emulation.setEmulatedMedia", params{
		"features": []params{{"name": "prefers-color-scheme", "value": scheme}},
	}, nil)
	p.waitFor(`matchMedia("(prefers-color-scheme: ` + scheme + `)").matches`)
}
