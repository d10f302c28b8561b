package milestones

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// isCode says which languages claim to quote a file.
func isCode(lang string) bool {
	return slices.Contains([]string{"go", "js", "sql", "css", "html", "toml", "yaml", "dockerfile"}, lang)
}

// allowed lists the attributes of a language; "=" marks those with a value.
func allowed(lang string) ([]string, bool) {
	switch {
	case isCode(lang):
		return []string{"file=", "at=", "from="}, true
	case lang == "diff":
		return []string{"break=", "race", "build=", "compile", "solution="}, true
	case lang == "console":
		return []string{"at=", "unchecked"}, true
	case lang == "text":
		return []string{"fails"}, true
	}
	return nil, lang == "" || lang == "mermaid"
}

// checkMarkup refuses what no other check would look at: a typo in an info
// string would otherwise turn a claim into decoration.
func checkMarkup(doc *document) []string {
	problems := slices.Clone(doc.faults)
	for _, b := range doc.blocks {
		attributes, known := allowed(b.lang)
		if !known {
			problems = append(problems, b.problem("unknown language %q: known are go, js, sql, css, html, toml, yaml, dockerfile,"+
				" diff, console, text, mermaid",
				b.lang))
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(b.attrs)) {
			if value := b.attrs[key]; !slices.Contains(attributes, written(key, value)) {
				problems = append(problems, b.problem("unknown attribute %q: a %s block knows %s",
					written(key, value)+value, b.lang, strings.Join(attributes, ", ")))
			}
		}
		if wrong := combination(b, doc.number > 0); wrong != "" {
			problems = append(problems, b.problem("%s", wrong))
		}
	}
	return problems
}

func written(key, value string) string {
	if value == "" {
		return key
	}
	return key + "="
}

// combination says what is wrong with the attributes taken together.
func combination(b *block, chapter bool) string {
	kinds := 0
	for _, kind := range []string{"break", "build", "solution"} {
		if b.has(kind) {
			kinds++
		}
	}
	switch {
	case isCode(b.lang) && b.has("file") == b.has("from"):
		return "code says where it is from: file=… or from=elsewhere"
	case b.has("from") && b.attrs["from"] != "elsewhere":
		return "from= knows only from=elsewhere"
	case b.has("at") && (b.attrs["at"] != "previous" || b.has("from") || !chapter):
		return "at= knows only at=previous, in a chapter, for a file of this project"
	case b.lang == "diff" && !chapter:
		return "a diff belongs into a chapter, where it is tried"
	case b.lang == "diff" && kinds != 1:
		return "a diff has one of break=TestX, build=TestX, solution=TestX (a diff only to look at is a text block)"
	case b.has("race") && !b.has("break"), b.has("compile") && !b.has("build"):
		return "race belongs to break=, compile to build="
	case b.lang == "console" && !b.has("unchecked") && strings.Contains(strings.Join(b.body, "\n"), "git switch") && chapter:
		return "git switch would move the check's own worktree: mark the block unchecked"
	}
	return ""
}

// checkSequence looks at blocks that need each other.
func checkSequence(doc *document) []string {
	var problems []string
	built := map[string]bool{}
	solved := map[string]bool{}
	for i, b := range doc.blocks {
		previous, next := neighbour(doc, i-1), neighbour(doc, i+1)
		if b.has("break") && (!next.has("fails") || strings.Trim(strings.Join(next.body, ""), "… \t") == "") {
			problems = append(problems, b.problem("the next block must be ```text fails, with lines of what the broken test prints"))
		}
		if b.has("fails") && !previous.has("break") {
			problems = append(problems, b.problem("a fails block follows its diff break=TestX at once"))
		}
		if test := b.attrs["build"]; test != "" {
			built[test] = true
		}
		if test := b.attrs["solution"]; test != "" {
			solved[test] = true
			if !built[test] || !b.folded {
				problems = append(problems, b.problem("a solution stands after the diff build=%s, inside <details>", test))
			}
		}
	}
	for _, b := range doc.blocks {
		if test := b.attrs["build"]; test != "" && !solved[test] {
			problems = append(problems, b.problem("a diff solution=%s is missing", test))
		}
	}
	return append(problems, checkExercises(doc)...)
}

// neighbour is the block at an index, or an empty one at either end.
func neighbour(doc *document, i int) *block {
	if i < 0 || i >= len(doc.blocks) {
		return &block{}
	}
	return doc.blocks[i]
}

// checkExercises counts what there is to break and to build.
func checkExercises(doc *document) []string {
	breaks, builds := 0, 0
	for _, b := range doc.blocks {
		if b.has("break") {
			breaks++
		}
		if b.has("build") {
			builds++
		}
	}
	wanted := 1
	if slices.Contains([]int{2, 3, 5, 7, 8}, doc.number) {
		wanted = 2
	}
	var problems []string
	if breaks < wanted {
		problems = append(problems, fmt.Sprintf("%s: has %d diff break=TestX, needs at least %d", doc.name, breaks, wanted))
	}
	if builds < 1 {
		problems = append(problems, fmt.Sprintf("%s: has no diff build=TestX", doc.name))
	}
	return problems
}
