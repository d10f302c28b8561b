//go:build unix

package main

import (
	"os"
	"testing"
)

func TestNewMessagesAreReadOut(t *testing.T) {
	s := openSite(t)
	ann, bob := s.visitor("ann"), s.visitor("bob")
	ann.waitFor(`log.getAttribute("aria-live") === "polite"`) // the history is through
	bob.says("Can you hear me?")
	ann.sees("bob: Can you hear me?")
	ann.hears("Can you hear me?")
}

func TestAxeFindsNothing(t *testing.T) {
	axe := axeSource(t)
	s := openSite(t)
	ann := s.visitor("ann")
	ann.expects("ERR_CONNECTION_REFUSED") // the answer to attempts while the server is away
	ann.passes(axe, "the empty room")
	for range 30 {
		ann.says("something")
		ann.sees("ann: something")
	}
	ann.passes(axe, "the full room")
	ann.resize(320, 568, 1)
	ann.passes(axe, "the full room on a phone")
	s.stop()
	ann.isDisconnected()
	ann.passes(axe, "the page without its server")
}

// axeSource is axe itself, a script of half a megabyte.
func axeSource(t *testing.T) []byte {
	t.Helper()
	path := os.Getenv("CHAT_AXE")
	if path == "" {
		t.Skip("CHAT_AXE is not set: it names a copy of axe.min.js, from the npm package axe-core")
	}
	axe, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return axe
}

// passes has axe look at the page. axe is put into the page by way of DevTools,
// which the Content-Security-Policy does not concern.
func (p *person) passes(axe []byte, what string) {
	p.t.Helper()
	p.eval("typeof axe === 'object' || "+string(axe), nil)
	var violations []string
	p.eval(`axe.run().then(({violations}) => violations.flatMap(({help, nodes}) =>
		nodes.map((node) => help + ": " + node.html)))`, &violations)
	for _, violation := range violations {
		p.t.Errorf("axe, looking at %s: %s", what, violation)
	}
}

// hears fails the test unless the text is in a live region, which screen
// readers read out as it grows. What counts is the tree that Chromium makes for
// them, not how the page is written.
func (p *person) hears(text string) {
	p.t.Helper()
	var tree struct{ Nodes []accessibleNode }
	p.devTools.call("Accessibility.getFullAXTree", nil, &tree)
	nodes := make(map[string]accessibleNode)
	for _, node := range tree.Nodes {
		nodes[node.NodeID] = node
	}
	for _, node := range tree.Nodes {
		if node.Name.Value == text && readOut(nodes, node) {
			return
		}
	}
	p.t.Errorf("a screen reader does not read out %q", text)
}

// readOut tells whether a node, or one above it, is a live region, with nothing
// on the way that is still busy.
func readOut(nodes map[string]accessibleNode, node accessibleNode) bool {
	for ok := true; ok; node, ok = nodes[node.ParentID] {
		live := node.property("live") != nil // off, too, is nil
		busy := node.property("busy") != nil
		if live || busy {
			return !busy
		}
	}
	return false
}

type accessibleNode struct {
	NodeID, ParentID string
	Name             struct{ Value any }
	Properties       []struct {
		Name  string
		Value struct{ Value any }
	}
}

func (n accessibleNode) property(name string) any {
	for _, property := range n.Properties {
		if property.Name == name {
			return property.Value.Value
		}
	}
	return nil
}
