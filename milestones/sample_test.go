package milestones

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// sample is a course in miniature, with a history that each row of the
// self-test changes a little before it is built.
type sample struct {
	t       *testing.T
	commits []*sampleCommit
}

type sampleCommit struct {
	message string
	files   map[string]string
	parents []int // indexes; nil for the commit before
}

// replace changes a text in a file of one commit. That the text is there is
// part of the test: otherwise a row would show nothing.
func (s *sample) replace(at int, file, old, becomes string) {
	s.t.Helper()
	text := s.commits[at].files[file]
	if !strings.Contains(text, old) {
		s.t.Fatalf("the sample's %s has no %q", file, old)
	}
	s.commits[at].files[file] = strings.Replace(text, old, becomes, 1)
}

// edit changes a chapter after its milestone, whose commit stays the same.
func (s *sample) edit(file, old, becomes string) {
	s.t.Helper()
	if s.commits[later].files[file] == "" {
		s.commits[later].files[file] = s.commits[second].files[file]
	}
	s.replace(later, file, old, becomes)
}

// reword changes a text in a commit's message.
func (s *sample) reword(at int, old, becomes string) {
	s.t.Helper()
	if !strings.Contains(s.commits[at].message, old) {
		s.t.Fatalf("the sample's commit %d has no %q in its message", at, old)
	}
	s.commits[at].message = strings.Replace(s.commits[at].message, old, becomes, 1)
}

// build makes a repository with this history and loads it as a course.
func (s *sample) build() *course {
	s.t.Helper()
	dir := s.t.TempDir()
	s.git(dir, "", "init", "--quiet", "--template=", "--initial-branch=main")
	s.git(dir, s.stream(), "fast-import", "--quiet")
	s.git(dir, "", "reset", "--quiet", "--hard")
	return s.load(dir)
}

func (s *sample) load(dir string) *course {
	s.t.Helper()
	c, err := loadCourse(s.t.Context(), dir)
	if err != nil {
		s.t.Fatal(err)
	}
	c.cacheDir = s.t.TempDir()
	return c
}

func (s *sample) git(dir, stdin string, args ...string) {
	s.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, cleanEnv(), strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// stream writes the history down for git fast-import.
func (s *sample) stream() string {
	var out strings.Builder
	for i, one := range s.commits {
		fmt.Fprintf(&out, "commit refs/heads/main\nmark :%d\n", i+1)
		fmt.Fprintf(&out, "committer Ada <ada@example.org> %d +0000\n", 1_700_000_000+i)
		fmt.Fprintf(&out, "data %d\n%s\n", len(one.message), one.message)
		for j, parent := range one.parents {
			fmt.Fprintf(&out, "%s :%d\n", []string{"from", "merge"}[min(j, 1)], parent+1)
		}
		for name, text := range one.files {
			fmt.Fprintf(&out, "M 100644 inline %s\ndata %d\n%s\n", name, len(text), text)
		}
		out.WriteString("\n")
	}
	return out.String()
}

// newSample is a course that passes every check: two milestones, and a
// mistake in the first that was found later.
func newSample(t *testing.T) *sample {
	filler := strings.Repeat("Plain words fill the chapter here.\n", 100)
	ticks := strings.NewReplacer("~", "`", "FILLER\n", filler)
	chapterTwo := ticks.Replace(sampleChapterTwo)
	return &sample{t: t, commits: []*sampleCommit{
		{message: "chore: an empty module", files: map[string]string{"go.mod": "module chat\n\ngo 1.26\n"}},
		{message: subjects()[0] + "\n\nA greeting.\n", files: map[string]string{
			"main.go": sampleMain, "main_test.go": sampleMainTest, "static/chat.js": sampleScript,
			"LEARNINGS.md":            ticks.Replace(sampleLearningsOne),
			"milestones/01-basics.md": ticks.Replace(sampleChapterOne),
		}},
		{message: subjects()[1] + "\n\nA hub.\n", files: map[string]string{
			"main.go": strings.Replace(sampleMain, `"ada"`, `"bob"`, 1), "hub.go": sampleHub, "hub_test.go": sampleHubTest,
			"LEARNINGS.md":         ticks.Replace(sampleLearningsOne + sampleLearningsTwo),
			"README.md":            ticks.Replace(sampleReadme),
			"milestones/02-hub.md": chapterTwo,
		}},
		{message: "fix: greet people without a name, too\n\nNobody was greeted.\n\nFixes-Milestone: 1\n", files: map[string]string{
			"main_test.go":            sampleMainTest + sampleLaterTest,
			"milestones/01-basics.md": ticks.Replace(sampleChapterOne + sampleFoundLater),
		}},
	}}
}
