package milestones

// slowChange is a change with the one check that has to see it.
type slowChange struct {
	change
	check func(*course) []string
}

func aloneMistakes() []slowChange {
	inHub := func(mistake, old, becomes string, told ...string) slowChange {
		return slowChange{change{mistake, func(s *sample) { s.replace(second, "hub.go", old, becomes) }, told}, checkStandalone}
	}
	return []slowChange{
		inHub("not formatted", "clients int", "clients  int", "milestone 2 (", "does not stand alone: gofmt -l . says\n  | hub.go"),
		inHub("not vetted", "h.clients++", "h.clients = h.clients", "go vet ./... says"),
		inHub("not compiling", "h.clients++", "h.client++", "go build ./... says", "h.client undefined"),
		inHub("a failing test", "h.clients++", "h.clients += 2", "go test -race -count=1 ./... says", "10 joined, 20 are here"),
		{change{"not tidy", func(s *sample) {
			s.commits[first].files["go.mod"] = "module chat\n\ngo 1.26\n\nrequire chat/nothing v0.0.0\n\nreplace chat/nothing => ./nothing\n"
			s.commits[first].files["nothing/go.mod"] = "module chat/nothing\n"
		}, []string{"go mod tidy -diff says"}}, checkStandalone},
	}
}

func exerciseMistakes() []slowChange {
	const one = "milestones/01-basics.md"
	broken := func(mistake, file, old, becomes string, told ...string) slowChange {
		return slowChange{change{mistake, func(s *sample) { s.edit(file, old, becomes) }, told}, checkBreaks}
	}
	built := func(mistake, old, becomes string, told ...string) slowChange {
		return slowChange{change{mistake, func(s *sample) { s.edit(one, old, becomes) }, told}, checkBuilds}
	}
	return []slowChange{
		broken("a line in a diff", one, "-\treturn \"hello, \" + name", "-\treturn \"hallo, \" + name", one+":141: block ```diff break=TestGreet (“--- a/main.go”): ", "the diff does not apply"),
		broken("a diff that breaks nothing", one, "+\treturn \"hello \" + name", "+\treturn (\"hello, \" + name)", "the diff breaks nothing: TestGreet still passes"),
		broken("a diff that does not compile", one, "+\treturn \"hello \" + name", "+\treturn hello", "with the diff the program does not compile"),
		broken("a word in the quoted line", one, `greet said "hello bob"`, `greet says "hello bob"`, "does not print (after masking):\n- greet says \"hello bob\"", `main_test.go:7: greet said "hello bob"`),
		broken("no such test", one, "break=TestGreet", "break=TestGreeting", "there is no test TestGreeting"),
		broken("a word in the second break", chapterTwo, "-\tdefer h.mu.Unlock()\n \th.clients++\n }\n```\n\n```text fails\nsomebody", "-\tdefer h.mu.Unlock()\n \th.clients++\n }\n```\n\n```text fails\nnobody", "- nobody still waits"),
		broken("race where there is none", one, "break=TestGreet", "break=TestGreet race", "no data race is reported"),
		{change{"a test that never passes", func(s *sample) { s.replace(first, "main_test.go", "hello, bob", "hi, bob") }, []string{"TestGreet does not even pass without the diff"}}, checkBreaks},
		{change{"a deadlock nobody reports", func(s *sample) { s.replace(second, "hub_test.go", "5 * time.Second", "5 * time.Hour") }, []string{"runs into its time-out of 8s instead of reporting the failure itself"}}, checkBreaks},
		built("no test added", "func TestNobody", "func TestSomebody", "the diff adds no test TestNobody"),
		built("a test that passes already", "greet(\"\") != \"hello\"", "greet(\"\") == \"hello\"", "TestNobody already passes without the solution"),
		built("a test that does not compile", "greet(\"\") != \"hello\"", "great(\"\") != \"hello\"", "the test does not compile without the solution"),
		built("a line in the solution", " \treturn \"hello, \" + name\n }\n```\n\n</details>", " \treturn \"hallo, \" + name\n }\n```\n\n</details>", "block ```diff solution=TestNobody", "the solution does not apply on top of the diff build=TestNobody"),
		built("a solution that solves nothing", "+\t\treturn \"hello\"", "+\t\treturn \"hallo\"", "with the solution TestNobody does not pass"),
	}
}

func outputMistakes() []slowChange {
	printed := func(mistake, old, becomes string, told ...string) slowChange {
		return slowChange{change{mistake, func(s *sample) { s.edit(chapterTwo, old, becomes) }, told}, checkOutputs}
	}
	return []slowChange{
		printed("a word in an output", "hello, bob", "hello, bib", "after $ go run . && go vet ./... the output is another one", "- hello, bib\n+ hello, bob"),
		printed("not the previous commit", "console at=previous", "console", "- hello, ada\n+ hello, bob"),
		printed("a word behind …", "--- PASS: TestJoin", "--- PASS: TestLeave", "  …\n- --- PASS: TestLeave (·)"),
		printed("an output without a command", "$ go run .\nhello, ada", "go run .\nhello, ada", "begins with an output"),
		printed("a word of a server", "listening at 01", "is listening at 01", "- is listening at · on localhost:·\n+ listening at · on localhost:·"),
		printed("output nobody quotes", "$ kill %1", "$ (sleep 0.1; echo surplus) &", "in the end there is more output", "+ surplus"),
		printed("a shell that ends", "$ kill %1", "$ exit 3\n$ kill %1", "ended the shell"),
	}
}
