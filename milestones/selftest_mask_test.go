package milestones

import (
	"slices"
	"strings"
	"testing"
)

// The masking rule, by examples: it must hide what differs from run to run,
// and nothing a chapter tells.
func TestMask(t *testing.T) {
	rows := []struct{ printed, masked string }{
		{"2026/01/02 15:04:05 INFO join name=ada", "· INFO join name=ada"},
		{"time=2026-01-02T15:04:05.123+01:00 level=INFO", "time=· level=INFO"},
		{`{"at":"2026-01-02T15:04:05.123Z","id":7}`, `{"at":"·","id":7}`},
		{"Date: Mon, 02 Jan 2026 15:04:05 GMT", "Date: ·"},
		{"ok  \tchat\t1.234s", "ok chat ·"},
		{"ok  \tchat\t(cached)", "ok chat ·"},
		{"--- FAIL: TestHub (0.01s)", "--- FAIL: TestHub (·)"},
		{"after=1m30.5s took=12µs, 200ms", "after=· took=·, ·"},
		{"BenchmarkSave 1234.5 ns/op", "BenchmarkSave · ns/op"},
		{"http://localhost:8080/ 127.0.0.1:4711 [::1]:80", "http://localhost:·/ 127.0.0.1:· [::1]:·"},
		{"goroutine 17 [running]: 0xc0000123", "goroutine · [running]: ·"},
		{"stopped pid=4711", "stopped pid=·"},
		{"HTTP/1.1 404 Not Found\r", "HTTP/1.1 404 Not Found"},
		{"hub_test.go:42: 3 of 10 messages", "hub_test.go:42: 3 of 10 messages"},
	}
	for _, row := range rows {
		if got := strings.Join(maskLines(row.printed), "\n"); got != row.masked {
			t.Errorf("masked %q\n- %s\n+ %s", row.printed, row.masked, got)
		}
	}
	shell := "[1] 4711\nbash: line 1: 4711 Terminated   ./chat\n[1]+  Done    ./chat\n\nlistening"
	if got := maskLines(shell); !slices.Equal(got, []string{"listening"}) {
		t.Errorf("of a shell's chatter remains %q", got)
	}
}

func TestMatchLines(t *testing.T) {
	got := []string{"a", "b", "c", "b", "d"}
	rows := []struct {
		want    string
		matches bool
	}{
		{"a b c b d", true}, {"a b c b", false}, {"…", true}, {"a …", true}, {"… d", true}, {"… c", false},
		{"a … b d", true}, {"a … c … d", true}, {"a … d … c", false}, {"a b c … c b d", false}, {"… b … b …", true}, {"", false},
	}
	for _, row := range rows {
		if matches := matchLines(strings.Fields(row.want), got); matches != row.matches {
			t.Errorf("%q against %q: %t", row.want, got, matches)
		}
	}
}
