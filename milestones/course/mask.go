package course

import (
	"regexp"
	"slices"
	"strings"
)

// maskRules are compiled once: a failed test may print thousands of lines.
var maskRules = func() []maskRule {
	const clock = `\d{2}:\d{2}:\d{2}(\.\d+)?`
	var rules []maskRule
	for _, rule := range [][2]string{
		{`\d{4}[-/]\d{2}[-/]\d{2}([T ]` + clock + `)?(Z|[+-]\d{2}:?\d{2})?`, "·"},      // dates, with their time
		{`(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} \w{3} \d{4} ` + clock + `( GMT)?`, "·"}, // dates in HTTP headers
		{`\b` + clock, "·"}, // times of day
		{`(localhost|\b\d+\.\d+\.\d+\.\d+|\[[0-9a-fA-F:]*\]):\d+`, "$1:·"}, // ports after an address
		{`\b0x[0-9a-fA-F]+`, "·"},
		{`\bgoroutine \d+`, "goroutine ·"},
		{`\b([pP][iI][dD]"?[ =:]+)\d+`, "$1·"},
		{`\b(\d+(\.\d+)?(ns|µs|ms|s|m|h))+\b`, "·"}, // durations
		{`\b\d+(\.\d+)? ns/op`, "· ns/op"},
		{`\(cached\)`, "·"}, // go test prints it in place of a duration
		{`[ \t]+`, " "},
	} {
		rules = append(rules, maskRule{regexp.MustCompile(rule[0]), rule[1]})
	}
	return rules
}()

type maskRule struct {
	pattern *regexp.Regexp
	becomes string
}

// mask is the one rule for comparing outputs: it replaces whatever differs
// from run to run with "·", and each run of blanks with one blank. WRITING.md
// describes it in words.
func mask(text string) string {
	for _, rule := range maskRules {
		text = rule.pattern.ReplaceAllString(text, rule.becomes)
	}
	return strings.TrimSpace(text)
}

// maskLines masks each line. It removes blank lines and the lines in which a
// shell reports on its jobs.
func maskLines(text string) []string {
	chatter := regexp.MustCompile(`^\[\d+\][+-]?( |$)|^\S+: line \d+: +\d+ (Terminated|Killed|Interrupt|Hangup|Done|Exit)`)
	var lines []string
	for l := range strings.SplitSeq(strings.ReplaceAll(text, "\r", ""), "\n") {
		if masked := mask(l); masked != "" && !chatter.MatchString(l) {
			lines = append(lines, masked)
		}
	}
	return lines
}

// matchLines compares outputs. A line of want that is only "…" stands for any
// number of lines.
func matchLines(want, got []string) bool {
	pieces := [][]string{nil}
	for _, l := range want {
		if l == "…" {
			pieces = append(pieces, nil)
			continue
		}
		pieces[len(pieces)-1] = append(pieces[len(pieces)-1], l)
	}
	head, tail := pieces[0], pieces[len(pieces)-1]
	if len(pieces) == 1 {
		return slices.Equal(want, got)
	}
	if len(got) < len(head)+len(tail) || !slices.Equal(got[:len(head)], head) || !slices.Equal(got[len(got)-len(tail):], tail) {
		return false
	}
	rest := got[len(head) : len(got)-len(tail)]
	for _, piece := range pieces[1 : len(pieces)-1] {
		at := indexLines(rest, piece)
		if at < 0 {
			return false
		}
		rest = rest[at+len(piece):]
	}
	return true
}

// indexLines returns the index of the first place where text has the lines of
// piece one after another, or -1.
func indexLines(text, piece []string) int {
	for i := range len(text) - len(piece) + 1 {
		if slices.Equal(text[i:i+len(piece)], piece) {
			return i
		}
	}
	return -1
}

// diffLines shows two outputs as one: "- " marks a line that the chapter
// quotes, "+ " a line that was printed. It omits printed lines that a "…" may
// stand for.
func diffLines(want, got []string) string {
	want, got = want[:min(len(want), 200)], got[:min(len(got), 200)]
	common := commonLines(want, got)
	var out []string
	i, j, skipping := 0, 0, false
	for i < len(want) || j < len(got) {
		switch {
		case i < len(want) && j < len(got) && want[i] == got[j]:
			out = append(out, "  "+want[i])
			i, j, skipping = i+1, j+1, false
		case i < len(want) && want[i] == "…":
			out = append(out, "  …")
			i, skipping = i+1, true
		case j < len(got) && (i == len(want) || common[i][j+1] >= common[i+1][j]) && skipping:
			j++
		case i < len(want) && (j == len(got) || common[i+1][j] >= common[i][j+1]):
			out = append(out, "- "+want[i])
			i++
		default:
			out = append(out, "+ "+got[j])
			j++
		}
	}
	if len(out) > 60 {
		out = append(out[:60], "(and so on)")
	}
	return strings.Join(out, "\n")
}

// commonLines is the usual table of a diff: table[i][j] is the number of lines
// that a from i on and b from j on have in common.
func commonLines(a, b []string) [][]int {
	table := make([][]int, len(a)+1)
	for i := range table {
		table[i] = make([]int, len(b)+1)
	}
	for i := range slices.Backward(a) {
		for j := range slices.Backward(b) {
			table[i][j] = max(table[i+1][j], table[i][j+1])
			if a[i] == b[j] {
				table[i][j] = table[i+1][j+1] + 1
			}
		}
	}
	return table
}
