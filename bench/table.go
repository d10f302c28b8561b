package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// The titles of the columns.
const (
	serverCPU  = "server's CPU, µs for a delivery"
	p50        = "p50, ms"
	p99        = "p99, ms"
	perSecond  = "deliveries/s"
	lost       = "lost, %"
	closed     = "closed" // clients that the server closed, without the slow ones
	slowClosed = "slow clients closed"
	doubled    = "doubled"
	reordered  = "out of order"
	memoryKB   = "KB for an idle client"
	loadCPU    = "load generator, % of a core"
)

// columns has the titles in the order of the table, and the formats of the figures.
var columns = []struct{ title, format string }{
	{serverCPU, "%.1f"}, {p50, "%.1f"}, {p99, "%.1f"}, {perSecond, "%.0f"}, {lost, "%.3g"}, {closed, "%.0f"},
	{slowClosed, "%.0f"}, {doubled, "%.0f"}, {reordered, "%.0f"}, {memoryKB, "%.1f"}, {loadCPU, "%.0f"},
}

// table collects results by scenario and server.
type table map[[2]string][]result

func (t table) add(sc scenario, s server, r result) {
	key := [2]string{sc.name, s.name}
	t[key] = append(t[key], r)
}

// print prints the medians as a table in Markdown.
func (t table) print(w io.Writer, scenarios []scenario, servers []server) {
	fmt.Fprint(w, "| scenario | server |")
	for _, c := range columns {
		fmt.Fprintf(w, " %s |", c.title)
	}
	fmt.Fprintf(w, "\n| --- | --- |%s\n", strings.Repeat(" ---: |", len(columns)))
	for _, sc := range scenarios {
		for _, s := range servers {
			printRow(w, sc.name, s.name, t[[2]string{sc.name, s.name}])
		}
	}
	fmt.Fprintln(w, "\n⚠ In at least one round, the server lost texts, or closed clients that were not slow. So it did less work than the others.")
}

func printRow(w io.Writer, scenario, server string, results []result) {
	if slices.ContainsFunc(results, func(r result) bool { return r[lost] > 0 || r[closed] > 0 }) {
		server += " ⚠"
	}
	fmt.Fprintf(w, "| %s | %s |", scenario, server)
	for _, c := range columns {
		fmt.Fprintf(w, " %s |", cell(results, c.title, c.format))
	}
	fmt.Fprintln(w)
}

// cell returns the median of one figure, or a dash if there is none.
func cell(results []result, title, format string) string {
	var values []float64
	for _, r := range results {
		if value, ok := r[title]; ok {
			values = append(values, value)
		}
	}
	if len(values) == 0 {
		return "–"
	}
	return fmt.Sprintf(format, median(values))
}

func median(values []float64) float64 {
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// machine describes the machine on which the figures are measured. The load average tells
// whether it has other work: it should be near zero before a run.
func machine() string {
	model := "an unknown model"
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo")
	if found := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(cpuinfo); found != nil {
		model = string(found[1])
	}
	load, _ := os.ReadFile("/proc/loadavg")
	average, _, _ := strings.Cut(string(load), " ")
	return fmt.Sprintf("%d cores of %s, %s, %s, load average %s before the run",
		runtime.NumCPU(), model, runtime.Version(), time.Now().Format(time.DateOnly), average)
}
