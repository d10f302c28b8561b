package course

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// nearestPlace shows the place in a file that an excerpt was probably copied
// from, and the first line that differs.
func nearestPlace(piece, file []string) string {
	best, bestScore := 0, -1.0
	for start := range file {
		same, first := alignment(piece, file[start:])
		score := float64(same) + likeness(piece[first], lineAt(file, start+first))
		if score > bestScore {
			best, bestScore = start, score
		}
	}
	same, first := alignment(piece, file[best:])
	var out strings.Builder
	fmt.Fprintf(&out, "The nearest place has %d of its %d lines; the first that differs (- chapter, + file):\n", same, len(piece))
	for _, l := range piece[max(0, first-2):first] {
		fmt.Fprintf(&out, "  %s\n", l)
	}
	fmt.Fprintf(&out, "- %s\n+ %s", piece[first], lineAt(file, best+first))
	return out.String()
}

// alignment lays piece upon the beginning of file, counts the lines that are
// the same, and finds the first that is not.
func alignment(piece, file []string) (same, first int) {
	first = -1
	for i, l := range piece {
		if i < len(file) && file[i] == l {
			same++
		} else if first < 0 {
			first = i
		}
	}
	return same, max(first, 0)
}

func lineAt(file []string, i int) string {
	if i >= len(file) {
		return "(the end of the file)"
	}
	return file[i]
}

// likeness is the share of the longer text, from 0 to 1, with which both
// texts begin or end.
func likeness(a, b string) float64 {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	longer, shorter := max(len(a), len(b)), min(len(a), len(b))
	if longer == 0 {
		return 0
	}
	start := 0
	for start < shorter && a[start] == b[start] {
		start++
	}
	end := 0
	for end < shorter-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	return float64(start+end) / float64(longer)
}

// didYouMean suggests the most similar of the names, if any is similar.
func didYouMean(name string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	best := slices.MaxFunc(names, func(a, b string) int { return cmp.Compare(likeness(a, name), likeness(b, name)) })
	if likeness(best, name) < 0.5 {
		return ""
	}
	return fmt.Sprintf("; the nearest is `%s`", best)
}
