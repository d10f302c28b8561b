package course

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// repo reads one git checkout. It keeps whole trees in memory: the checks
// read many files of a few commits, and one process for each file would make
// the quick checks slow.
type repo struct {
	dir   string
	trees map[string]map[string]string
}

func newRepo(dir string) *repo {
	return &repo{dir: dir, trees: map[string]map[string]string{}}
}

// git runs one git command. The fixed options keep a person's settings from
// changing its output.
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

// cleanEnv is the environment of every command that this package starts. It
// lacks CHAT_COURSE, because the checks would start themselves without end;
// CHAT_BROWSER, because the tests of older milestones start a browser if it
// is set; the variables that change the program's address; and those through
// which a git hook points at another repository.
func cleanEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		unwanted := []string{"CHAT_COURSE", "CHAT_BROWSER", "ADDR", "PORT", "PWD", "BASH_ENV",
			"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"}
		return slices.Contains(unwanted, name)
	})
	return append(env, "LC_ALL=C.UTF-8", "GIT_PAGER=cat")
}

// missingHistory is the error of a directory whose history is not all there.
// It says what is missing.
type missingHistory string

func (m missingHistory) Error() string { return string(m) }

// complete returns a missingHistory unless the directory is the root of a
// checkout with its whole history.
func (r *repo) complete() error {
	top, err := r.git("rev-parse", "--show-toplevel")
	if err != nil {
		return missingHistory("the course needs a git checkout and the git command: " + err.Error())
	}
	here, errHere := os.Stat(r.dir)
	there, errThere := os.Stat(filepath.FromSlash(strings.TrimSpace(top)))
	if errHere != nil || errThere != nil || !os.SameFile(here, there) {
		return missingHistory("the course needs a git checkout of its own, and this directory is a part of another one: go to its root, " + strings.TrimSpace(top))
	}
	shallow, err := r.git("rev-parse", "--is-shallow-repository")
	if err != nil || strings.TrimSpace(shallow) != "false" {
		return missingHistory("the course needs the whole history, and this checkout is shallow: run git fetch --unshallow")
	}
	return nil
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

// Commit is a commit of the history.
type Commit struct {
	Hash, Subject string
	Milestone     int // 0 for an ordinary commit

	body    string
	parents []string
	fixes   []string       // the values of its Fixes-Milestone trailers
	added   map[string]int // added lines by path
}

func (c Commit) String() string {
	if c.Milestone == 0 {
		return fmt.Sprintf("commit %.7s", c.Hash)
	}
	return fmt.Sprintf("milestone %d (%.7s)", c.Milestone, c.Hash)
}

// commits reads the history of HEAD, oldest first, with one process.
func (r *repo) commits() ([]Commit, error) {
	format := "--format=%x1e%H%x1f%P%x1f%s%x1f%(trailers:key=Fixes-Milestone,valueonly,separator=%x20)%x1f%b%x1f"
	log, err := r.git("log", "--topo-order", "--reverse", "--no-renames", "--numstat", format, "HEAD")
	if err != nil {
		return nil, err
	}
	var commits []Commit
	for record := range strings.SplitSeq(log, "\x1e") {
		fields := strings.Split(record, "\x1f")
		if len(fields) != 6 {
			continue
		}
		commits = append(commits, Commit{
			Hash: fields[0], Subject: fields[2], Milestone: milestoneNumber(fields[2]),
			body: fields[4], parents: strings.Fields(fields[1]), fixes: strings.Fields(fields[3]), added: readNumstat(fields[5]),
		})
	}
	return commits, nil
}

func readNumstat(text string) map[string]int {
	added := map[string]int{}
	for line := range strings.Lines(text) {
		if fields := strings.SplitN(strings.TrimSpace(line), "\t", 3); len(fields) == 3 {
			added[fields[2]], _ = strconv.Atoi(fields[0]) // git prints "-" for a binary file: no lines
		}
	}
	return added
}

// milestoneNumber looks only at the beginning of a subject, so that the checks
// report a mistake in the rest of it instead of overlooking the milestone.
func milestoneNumber(subject string) int {
	found := regexp.MustCompile(`^feat: milestone (\d+)\b`).FindStringSubmatch(subject)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1])
	return n
}
