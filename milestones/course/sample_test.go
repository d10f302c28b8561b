package course

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// sample is a small course. Each row of the self-tests changes its history a
// little before building it.
type sample struct {
	t       *testing.T
	commits []*sampleCommit
}

type sampleCommit struct {
	message string
	files   map[string]string
	parents []int // indexes; nil means the commit before
}

// replace changes a text in a file of one commit. It fails if the text is
// missing: the row would then change nothing.
func (s *sample) replace(at int, file, old, becomes string) {
	s.t.Helper()
	text := s.commits[at].files[file]
	if !strings.Contains(text, old) {
		s.t.Fatalf("the sample's %s has no %q", file, old)
	}
	s.commits[at].files[file] = strings.Replace(text, old, becomes, 1)
}

// edit changes a chapter after its milestone, so the milestone's commit stays
// the same.
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

// build makes a repository with this history and loads the course in it.
func (s *sample) build() *Course {
	s.t.Helper()
	dir := s.t.TempDir()
	s.git(dir, "", "init", "--quiet", "--template=", "--initial-branch=main")
	s.git(dir, s.stream(), "fast-import", "--quiet")
	s.git(dir, "", "reset", "--quiet", "--hard")
	c, err := Load(dir)
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

// stream writes the history for git fast-import.
func (s *sample) stream() string {
	var out strings.Builder
	for i, commit := range s.commits {
		fmt.Fprintf(&out, "commit refs/heads/main\nmark :%d\n", i+1)
		fmt.Fprintf(&out, "committer Ada <ada@example.org> %d +0000\n", 1_700_000_000+i)
		fmt.Fprintf(&out, "data %d\n%s\n", len(commit.message), commit.message)
		for j, parent := range commit.parents {
			fmt.Fprintf(&out, "%s :%d\n", []string{"from", "merge"}[min(j, 1)], parent+1)
		}
		for name, text := range commit.files {
			fmt.Fprintf(&out, "M 100644 inline %s\ndata %d\n%s\n", name, len(text), text)
		}
		out.WriteString("\n")
	}
	return out.String()
}

// The indexes of the sample's commits, and the chapters that its rows change.
const (
	first, second, pageFix, later = 1, 2, 3, 4

	chapterOne = "milestones/01-basics.md"
	chapterTwo = "milestones/02-hub.md"
)

// newSample is a course that passes every check: two milestones, and two
// mistakes in the first that were found later.
func newSample(t *testing.T) *sample {
	filler := strings.Repeat("Plain words fill the chapter here.\n", 100)
	ticks := strings.NewReplacer("~", "`", "FILLER\n", filler)
	return &sample{t: t, commits: []*sampleCommit{
		{message: "chore: an empty module", files: map[string]string{"go.mod": "module chat\n\ngo 1.26\n"}},
		{message: plans()[0].subject + "\n\nA greeting.\n", files: map[string]string{
			"main.go": sampleMain, "main_test.go": sampleMainTest, "static/chat.js": sampleScript,
			"LEARNINGS.md": ticks.Replace(sampleLearningsOne),
			chapterOne:     ticks.Replace(sampleChapterOne),
		}},
		{message: plans()[1].subject + "\n\nA hub.\n", files: map[string]string{
			"main.go": strings.Replace(sampleMain, `"ada"`, `"bob"`, 1), "hub.go": sampleHub, "hub_test.go": sampleHubTest,
			"browser/page.test.js": sampleBrowserTest,
			"LEARNINGS.md":         ticks.Replace(sampleLearningsOne + sampleLearningsTwo),
			"README.md":            ticks.Replace(sampleReadme),
			chapterTwo:             ticks.Replace(sampleChapterTwo),
		}},
		{message: "fix: the page greets everyone\n\nFixes-Milestone: 1\n", files: map[string]string{
			"browser/page.test.js": sampleBrowserTest + sampleLaterBrowserTest,
		}},
		{message: "fix: greet people without a name, too\n\nNobody was greeted.\n\nFixes-Milestone: 1\n", files: map[string]string{
			"main_test.go": sampleMainTest + sampleLaterTest,
			chapterOne:     ticks.Replace(sampleChapterOne + sampleFoundLater),
		}},
	}}
}
