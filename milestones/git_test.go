package milestones

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// repo reads one git checkout. Whole trees are remembered, because every
// check asks for many files of few commits and a process for each file
// would make the learner's quick command slow.
type repo struct {
	dir   string
	trees map[string]map[string]string
}

func newRepo(dir string) *repo {
	return &repo{dir: dir, trees: map[string]map[string]string{}}
}

// git runs one git command. A person's settings must not change what the
// checks see, hence the fixed options.
func (r *repo) git(args ...string) (string, error) {
	fixed := []string{"-c", "core.quotePath=false", "-c", "log.showSignature=false", "-c", "core.hooksPath=" + os.DevNull}
	cmd := exec.Command("git", append(fixed, args...)...)
	cmd.Dir = r.dir
	cmd.Env = cleanEnv()
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("git %s: %s", strings.Join(args, " "), bytes.TrimSpace(failed.Stderr))
	}
	if err != nil {
		return "", fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
	}
	return string(out), nil
}

// tree returns all files of a commit by their paths.
func (r *repo) tree(hash string) (map[string]string, error) {
	if files, ok := r.trees[hash]; ok {
		return files, nil
	}
	packed, err := r.git("archive", "--format=tar", hash)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	archive := tar.NewReader(strings.NewReader(packed))
	for {
		entry, err := archive.Next()
		if err == io.EOF {
			r.trees[hash] = files
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the tree of %s: %w", hash, err)
		}
		if entry.Typeflag == tar.TypeReg {
			text, err := io.ReadAll(archive)
			if err != nil {
				return nil, fmt.Errorf("read %s of %s: %w", entry.Name, hash, err)
			}
			files[entry.Name] = string(text)
		}
	}
}

// noteHead looks at the files that change with HEAD. go test repeats an old
// "ok" as "(cached)" unless a file the test has looked at has changed, and it
// cannot know what git has read.
func (r *repo) noteHead() error {
	paths, err := r.git("rev-parse", "--git-path", "HEAD", "--git-path", "logs/HEAD", "--git-path", "packed-refs")
	for path := range strings.FieldsSeq(paths) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(r.dir, path)
		}
		os.Stat(path)
	}
	return err
}

// missingHistory says in a sentence why the history cannot be read here, or
// nothing when all of it is there.
func (r *repo) missingHistory() string {
	top, err := r.git("rev-parse", "--show-toplevel")
	if err != nil {
		return "the checks of the course need a git checkout and the git command, and found none: " + err.Error()
	}
	here, errHere := os.Stat(r.dir)
	there, errThere := os.Stat(filepath.FromSlash(strings.TrimSpace(top)))
	if errHere != nil || errThere != nil || !os.SameFile(here, there) {
		return "the checks of the course need a git checkout of their own, and this directory is only a part of another one"
	}
	shallow, err := r.git("rev-parse", "--is-shallow-repository")
	if err != nil || strings.TrimSpace(shallow) != "false" {
		return "the checks of the course need the whole history, and this checkout is shallow: run git fetch --unshallow"
	}
	return ""
}

// cleanEnv is the environment for every command the checks start: without
// the switches (the checks would call themselves without end), without what
// changes the program's address, and without the variables through which a
// git hook points at another repository.
func cleanEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		unwanted := []string{"CHAT_COURSE", "CHAT_BROWSER", "ADDR", "PORT", "PWD", "BASH_ENV",
			"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"}
		return slices.Contains(unwanted, name)
	})
	return append(env, "LC_ALL=C.UTF-8", "GIT_PAGER=cat")
}
