//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// What a person does with a page: look at it in a window of some size, press
// keys, click. The events are the browser's own, so that a covered button or a
// key that the page swallows is found.

// resize makes the window this wide and high, in CSS pixels. A page that is
// zoomed to 200 % sees half the window, at a scale of 2.
func (tab *tab) resize(width, height int, scale float64) {
	tab.t.Helper()
	tab.devTools.call("Emulation.setDeviceMetricsOverride", params{
		"width": width, "height": height, "deviceScaleFactor": scale, "mobile": false,
	}, nil)
	tab.waitFor(fmt.Sprintf("innerWidth === %d && innerHeight === %d", width, height))
}

// screenshot writes a picture of the page, if CHAT_SCREENSHOTS names a
// directory for it.
func (tab *tab) screenshot(name string) {
	tab.t.Helper()
	directory := os.Getenv("CHAT_SCREENSHOTS")
	if directory == "" {
		return
	}
	var picture struct{ Data []byte } // base64 in the reply; encoding/json takes it back
	tab.devTools.call("Page.captureScreenshot", params{"format": "png"}, &picture)
	if err := os.MkdirAll(directory, 0o755); err != nil {
		tab.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, name+".png"), picture.Data, 0o644); err != nil {
		tab.t.Fatal(err)
	}
}

// press presses a key that has a name, alone or with Shift.
func (tab *tab) press(name string) {
	tab.t.Helper()
	const shift = 8
	key, shifted := strings.CutPrefix(name, "Shift+")
	arguments := params{"key": key, "code": key}
	switch key {
	case "Enter":
		arguments["text"] = "\r"
		arguments["windowsVirtualKeyCode"] = 13
	case "Tab":
		arguments["windowsVirtualKeyCode"] = 9
	case "Home":
		arguments["windowsVirtualKeyCode"] = 36
	case "End":
		arguments["windowsVirtualKeyCode"] = 35
	default:
		tab.t.Fatalf("press does not know the key %s", key)
	}
	if shifted {
		arguments["modifiers"] = shift
	}
	tab.key("keyDown", arguments)
	tab.key("keyUp", arguments)
}

// types presses and releases a key for every character.
func (tab *tab) types(text string) {
	tab.t.Helper()
	for _, character := range text {
		arguments := params{"key": string(character), "text": string(character)}
		tab.key("keyDown", arguments)
		tab.key("keyUp", arguments)
	}
}

func (tab *tab) key(event string, arguments params) {
	tab.t.Helper()
	arguments["type"] = event
	tab.devTools.call("Input.dispatchKeyEvent", arguments, nil)
}

// pastes puts in text all at once, as the clipboard and emoji keyboards do.
func (tab *tab) pastes(text string) {
	tab.t.Helper()
	tab.devTools.call("Input.insertText", params{"text": text}, nil)
}

// click clicks on the middle of an element: on whatever lies on top there.
func (tab *tab) click(selector string) {
	tab.t.Helper()
	var middle struct{ X, Y float64 }
	tab.eval(fmt.Sprintf(`(() => {
		const box = document.querySelector(%s).getBoundingClientRect();
		return {x: box.x + box.width / 2, y: box.y + box.height / 2};
	})()`, quote(selector)), &middle)
	for _, event := range []string{"mousePressed", "mouseReleased"} {
		tab.devTools.call("Input.dispatchMouseEvent", params{
			"type": event, "x": middle.X, "y": middle.Y, "button": "left", "clickCount": 1,
		}, nil)
	}
}
