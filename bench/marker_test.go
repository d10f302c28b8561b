package main

import (
	"slices"
	"strings"
	"testing"
)

func TestMarkersAreFoundWhateverIsAroundThem(t *testing.T) {
	one := marker{sender: 1, number: 2, due: 3}
	two := marker{sender: 9, number: 12_345_678, due: 30_000_000_000}
	tests := []struct {
		name, message string
		want          []marker
	}{
		{"nothing", one.text(100), []marker{one}},
		{"JSON", `[{"text":"` + one.text(100) + `"},{"text":"` + two.text(100) + `"}]`, []marker{one, two}},
		{"other texts", one.text(100) + "\n" + two.text(100), []marker{one, two}},
		{"a character that begins no marker", "~ ~~" + one.text(100), []marker{one}},
		{"half a marker", one.text(100) + two.text(100)[:20], []marker{one}},
		{"an error", `[{"kind":"error","text":"not saved yet"}]`, nil},
	}
	for _, test := range tests {
		if got := slices.Collect(markers(slices.Clip([]byte(test.message)))); !slices.Equal(got, test.want) {
			t.Errorf("%s: got the markers %v, want %v", test.name, got, test.want)
		}
	}
}

func TestTextHasItsSize(t *testing.T) {
	text := marker{sender: 1, number: 2, due: 3}.text(100)
	if len(text) != 100 || strings.Count(text, "~") != 1 {
		t.Errorf("got %d bytes: %s", len(text), text)
	}
}
