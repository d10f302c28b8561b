package milestones

import "strings"

func shapeMistakes() []change {
	inTwo := func(old, becomes string) func(*sample) {
		return func(s *sample) { s.replace(second, chapterTwo, old, becomes) }
	}
	return []change{
		{"another title", inTwo("# Milestone 2: hub", "# Milestone 3: hub"), []string{`milestones/02-hub.md:1: the chapter begins with "# Milestone 2: …"`}},
		{"a heading left out", inTwo("## Predict\n", ""), []string{`the heading "## Predict" is missing, or not in this order`}},
		{"headings swapped", inTwo("## Decided against\n## Predict", "## Predict\n## Decided against"), []string{`the heading "## Predict" is missing, or not`}},
		{"too short", inTwo("Plain words fill the chapter here.\n", ""), nil},
		{"too few words", inTwo(strings.Repeat("Plain words fill the chapter here.\n", 20), ""), []string{"words of prose, should have 600 to 1200"}},
		{"too many words", inTwo("## Not yet", strings.Repeat("word ", 600)+"\n## Not yet"), []string{"words of prose, should have 600 to 1200"}},
		{"late code", inTwo("At the end", strings.Repeat("word ", 150)+"\nAt the end"), []string{"the first code comes after 159 words"}},
		{"another milestone to stand on", inTwo("milestone 2 }", "milestone 1 }"), []string{`- git switch --detach "main^{/^feat: milestone 2 }"`}},
		{"a line number", inTwo("Another one:", "See line 42, or hub.go:42."), []string{`"line 42" is a line number`}},
		{"a line number behind a file", inTwo("Another one:", "See `hub.go:42`."), []string{`".go:42" is a line number`}},
	}
}

func markupMistakes() []change {
	inTwo := func(old, becomes string) func(*sample) {
		return func(s *sample) { s.replace(second, chapterTwo, old, becomes) }
	}
	return []change{
		{"a typo in a language", inTwo("```go file", "```golang file"), []string{`unknown language "golang"`}},
		{"a typo in an attribute", inTwo("```go file", "```go fiel"), []string{`unknown attribute "fiel=hub.go"`}},
		{"a value left out", inTwo("break=TestJoin race", "break race"), []string{`unknown attribute "break"`}},
		{"code from nowhere", inTwo("```go file=hub.go", "```go"), []string{"code says where it is from"}},
		{"another time", inTwo("main.go at=previous", "main.go at=next"), []string{"at= knows only at=previous"}},
		{"a diff that claims nothing", inTwo("diff break=TestJoin race", "diff"), []string{"a diff has one of break=TestX"}},
		{"race without break", inTwo("build=TestLeave compile", "build=TestLeave race"), []string{"race belongs to break="}},
		{"git switch in a checked block", inTwo("console unchecked", "console"), []string{"mark the block unchecked"}},
		{"a fence left open", inTwo("```text fails\nsomebody still waits\n```", "~~~text fails\nsomebody still waits"), []string{"its closing fence is missing"}},
		{"no fails block", inTwo("```text fails\nWARNING", "```text\nWARNING"), []string{"the next block must be ```text fails"}},
		{"an empty fails block", inTwo("WARNING: DATA RACE\n", ""), []string{"the next block must be ```text fails"}},
		{"a fails block alone", inTwo("## Decided against", "```text fails\nx\n```\n## Decided against"), []string{"a fails block follows its diff"}},
		{"an unfolded solution", inTwo("<details>", ""), []string{"inside <details>"}},
		{"no solution", inTwo("solution=TestLeave", "solution=TestLeft"), []string{"a diff solution=TestLeave is missing"}},
		{"one break too few", inTwo("diff break=TestJoin\n", "text\n"), []string{"has 1 diff break=TestX, needs at least 2"}},
		{"nothing to build", inTwo("diff build=TestLeave compile", "text"), []string{"has no diff build=TestX"}},
		{"a diff in README.md", func(s *sample) { s.replace(second, "README.md", "go file=hub.go", "diff break=TestJoin") }, []string{"a diff belongs into a chapter"}},
		{"a name in the reading list", inTwo("`Hub.Join`", "`Hub.Jion`"), []string{"`Hub.Jion` in the reading list is no file, flag or declared name at milestone 2", "the nearest is `Hub.Join`"}},
		{"a flag in the reading list", inTwo("`-addr`", "`-adr`"), []string{"`-adr` in the reading list"}},
		{"an empty reading list", inTwo("- `hub.go`: `Hub`, `Hub.Join`, `Hub.clients`, `-addr`, and `TestJoin` in `hub_test.go`", ""), []string{"## Read names no file"}},
	}
}

func testMistakes() []change {
	const chapterOne, fix = "milestones/01-basics.md", "fix: greet people without a name, too"
	return []change{
		{"a test in LEARNINGS.md", func(s *sample) { s.replace(second, "LEARNINGS.md", "TestJoin", "TestJoins") },
			[]string{"LEARNINGS.md:10: bullet", "names TestJoins, and no *_test.go declares it; the nearest is `TestJoin`"}},
		{"a test file in LEARNINGS.md", func(s *sample) { s.replace(second, "LEARNINGS.md", "`hub_test.go`", "`main_test.go`") },
			[]string{"names TestJoin in main_test.go, but it stands in hub_test.go"}},
		{"a bullet without a test", func(s *sample) { s.replace(second, "LEARNINGS.md", "`TestGreet`", "") },
			[]string{"does not end with the test that guards it"}},
		{"no section in LEARNINGS.md", func(s *sample) { s.replace(second, "LEARNINGS.md", "## Milestone 2", "## Number 2") },
			[]string{`the section "## Milestone 2: …" is missing`}},
		{"a section too many", func(s *sample) { s.replace(second, "LEARNINGS.md", "## Milestone 2", "## Milestone 3") },
			[]string{"is a section without a milestone commit"}},
		{"no bullet", func(s *sample) { delete(s.commits[later].files, chapterOne) },
			[]string{chapterOne + ": under \"## Found later\" a bullet is missing", "- " + fix}},
		{"no trailer", func(s *sample) { s.reword(later, "\nFixes-Milestone: 1\n", "") },
			[]string{"no commit with the trailer Fixes-Milestone: 1 has its subject in this bullet"}},
		{"a trailer of another milestone", func(s *sample) { s.reword(later, "Fixes-Milestone: 1", "Fixes-Milestone: 2") },
			[]string{"milestones/02-hub.md: under", "no commit with the trailer Fixes-Milestone: 1"}},
		{"a trailer of no milestone", func(s *sample) { s.reword(later, "Fixes-Milestone: 1", "Fixes-Milestone: 7") },
			[]string{"names no milestone of this history"}},
		{"a misspelt trailer", func(s *sample) { s.reword(later, "Fixes-Milestone: 1", "Fixes milestone 1") },
			[]string{"is no trailer"}},
		{"no regression test", func(s *sample) { delete(s.commits[later].files, "main_test.go") },
			[]string{"mends milestone 1 without a regression test"}},
		{"another test in the bullet", func(s *sample) { s.replace(later, chapterOne, "`TestGreetAgain`", "`TestJoin`") },
			[]string{"names no regression test of", "it has TestGreet, TestGreetAgain"}},
	}
}
