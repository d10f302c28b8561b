package main

import (
	"strings"
	"testing"
	"time"
)

func TestTallyCountsTextsThatCameTwiceOrOutOfOrder(t *testing.T) {
	tests := []struct {
		name                      string
		numbers                   []int
		fresh, doubled, reordered int
	}{
		{"all", []int{0, 1, 2, 3}, 4, 0, 0},
		{"one lost", []int{0, 1, 3}, 3, 0, 0},
		{"the first lost", []int{1, 2, 3}, 3, 0, 0},
		{"one twice", []int{0, 1, 1, 2}, 3, 1, 0},
		{"one twice, later", []int{0, 1, 2, 3, 1}, 4, 1, 0},
		{"two swapped", []int{0, 2, 1, 3}, 4, 0, 1},
		{"swapped and twice", []int{1, 0, 0}, 2, 1, 1},
	}
	for _, test := range tests {
		tally := newTally(2)
		fresh := 0
		for _, number := range test.numbers {
			if tally.add(marker{sender: 1, number: number}) {
				fresh++
			}
		}
		if fresh != test.fresh || tally.doubled != test.doubled || tally.reordered != test.reordered {
			t.Errorf("%s: %d new, doubled %d, reordered %d; want %d, %d, %d", test.name,
				fresh, tally.doubled, tally.reordered, test.fresh, test.doubled, test.reordered)
		}
	}
}

func TestTallyKeepsSendersApart(t *testing.T) {
	tally := newTally(2)
	first := tally.add(marker{sender: 0, number: 5})
	second := tally.add(marker{sender: 1, number: 0})
	if !first || !second || tally.doubled != 0 || tally.reordered != 0 {
		t.Errorf("new: %v and %v, doubled %d, reordered %d; want two new texts", first, second, tally.doubled, tally.reordered)
	}
}

func TestPercentile(t *testing.T) {
	var l latencies
	if got, ok := l.percentile(50); ok {
		t.Errorf("without deliveries, p50 is %.1f ms", got)
	}
	for i := range 100 {
		l.add(time.Duration(i)*time.Millisecond + time.Microsecond) // 0 to 99 ms, and a little
	}
	for percent, want := range map[float64]float64{1: 0.1, 50: 49.1, 99: 98.1, 100: 99.1} {
		if got, _ := l.percentile(percent); got != want {
			t.Errorf("p%.0f is %.1f ms, want %.1f ms", percent, got, want)
		}
	}
}

func TestLatencyOutOfRangeIsCounted(t *testing.T) {
	var l latencies
	l.add(-time.Second) // a text that was sent a little before it was due
	l.add(time.Hour)
	low, _ := l.percentile(50)
	high, _ := l.percentile(100)
	if low != 0.1 || high != 20_000 {
		t.Errorf("got %.1f ms and %.1f ms, want 0.1 ms and 20000.0 ms", low, high)
	}
}

func TestTableShowsMediansAndMarksServersThatLose(t *testing.T) {
	results := table{}
	sc := scenario{name: "lively"}
	for _, latency := range []float64{30, 10, 20} {
		results.add(sc, server{name: "honest"}, result{p99: latency, lost: 0})
	}
	results.add(sc, server{name: "loser"}, result{p99: 1, lost: 0})
	results.add(sc, server{name: "loser"}, result{p99: 2, lost: 0.5})
	var out strings.Builder
	results.print(&out, []scenario{sc}, []server{{name: "honest"}, {name: "loser"}})
	for _, want := range []string{"| lively | honest | – | – | 20.0 |", "| lively | loser ⚠ | – | – | 1.5 | – | 0.25 |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, &out)
		}
	}
}
