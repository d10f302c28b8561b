package milestones

import (
	"fmt"
	"strings"
)

// checkBudgets holds each milestone to what a person reads in ten minutes.
func checkBudgets(c *course) []string {
	var problems []string
	for _, one := range c.commits {
		if one.milestone == 0 {
			continue
		}
		code, page := 0, 0
		for path, lines := range one.added {
			switch {
			case strings.HasPrefix(path, "static/"):
				page += lines
			case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
				code += lines
			}
		}
		budget := 150
		switch one.milestone {
		case 5, 6, 8: // endings, the protocol, and all that runs beside the room
			budget = 200
		}
		if code > budget {
			problems = append(problems, fmt.Sprintf("%q adds %d lines of Go without tests, its budget is %d: move a comfort behind milestone 9",
				one.subject, code, budget))
		}
		if page > 250 {
			problems = append(problems, fmt.Sprintf("%q adds %d lines to static/, its budget is 250: move a comfort behind milestone 9",
				one.subject, page))
		}
	}
	return problems
}
