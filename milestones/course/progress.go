package course

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// progress is what the learner has done, in course/progress.json. If the file is
// lost, nothing but this list is lost.
type progress struct {
	root string
	done map[int]*done // by milestone
}

// done is the progress in one milestone.
type done struct {
	Breaks []int `json:"breaks,omitempty"` // that were tried
	Hints  int   `json:"hints,omitempty"`  // that were shown
	Built  bool  `json:"built,omitempty"`  // the learner's code has passed
}

func loadProgress(root string) (*progress, error) {
	p := &progress{root: root, done: map[int]*done{}}
	text, err := os.ReadFile(p.file())
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read your progress: %w", err)
	}
	if err := json.Unmarshal(text, &p.done); err != nil {
		return nil, fmt.Errorf("read your progress from %s (delete it to begin anew): %w", p.file(), err)
	}
	if p.done == nil { // the file has null
		p.done = map[int]*done{}
	}
	return p, nil
}

func (p *progress) save() error {
	text, err := json.MarshalIndent(p.done, "", "  ")
	if err != nil {
		return fmt.Errorf("encode your progress: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(p.file()), 0o755); err != nil {
		return fmt.Errorf("save your progress: %w", err)
	}
	if err := os.WriteFile(p.file(), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("save your progress: %w", err)
	}
	return nil
}

// of returns the progress in milestone n, which the caller may change.
func (p *progress) of(n int) *done {
	if p.done[n] == nil {
		p.done[n] = &done{}
	}
	return p.done[n]
}

func (p *progress) file() string {
	return filepath.Join(p.root, "course", "progress.json")
}

// place is the learner's directory for milestone n, from the root.
func (p *progress) place(n int) string {
	return fmt.Sprintf("course/%02d", n)
}

// path is the same, for the operating system.
func (p *progress) path(n int) string {
	return filepath.Join(p.root, filepath.FromSlash(p.place(n)))
}

// started reports whether the learner's directory is there.
func (p *progress) started(n int) bool {
	_, err := os.Stat(filepath.Join(p.path(n), ".git"))
	return err == nil
}
