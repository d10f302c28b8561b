package course

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// session is one bash in which the commands of a console block run one after
// another. bash reads them from a pipe of their own, so that no command reads
// the next one as its input, and prints a mark when each command has ended.
type session struct {
	cmd      *exec.Cmd
	commands *os.File
	output   *os.File
	arrived  chan struct{} // something new was printed, or bash has ended
	helpers  sync.WaitGroup

	mu    sync.Mutex
	text  string
	ended bool
}

const (
	commandEnded = "\x01ended\x01"
	script       = `while IFS= read -r -u 3 line; do eval "$line" </dev/null 3<&-; printf '\001ended\001'; done; kill -KILL 0`
)

// startSession starts bash in a process group of its own. If this program is
// killed, the pipe closes, and bash kills its group.
func startSession(w *worktree) (*session, error) {
	theirs, commands, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	output, printed, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, commands.Close())
	}
	defer printed.Close()
	cmd := exec.Command("bash", "--norc", "--noprofile", "-c", script)
	cmd.Dir, cmd.Env = w.dir, cleanEnv()
	cmd.Stdout, cmd.Stderr = printed, printed
	cmd.ExtraFiles = []*os.File{theirs}
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, commands.Close(), output.Close())
	}
	s := &session{cmd: cmd, commands: commands, output: output, arrived: make(chan struct{}, 1)}
	s.helpers.Go(s.read)
	s.helpers.Go(s.wait)
	return s, nil
}

func (s *session) read() {
	buffer := make([]byte, 32<<10)
	for {
		n, err := s.output.Read(buffer)
		s.note(string(buffer[:n]), err != nil)
		if err != nil {
			return
		}
	}
}

// wait notices the end of bash even if a background command keeps the output
// open.
func (s *session) wait() {
	s.cmd.Wait()
	s.note("", true)
}

func (s *session) note(printed string, ended bool) {
	s.mu.Lock()
	s.text += printed
	s.ended = s.ended || ended
	s.mu.Unlock()
	select {
	case s.arrived <- struct{}{}:
	default: // one notice already waits
	}
}

// close kills everything that still runs.
func (s *session) close() {
	s.commands.Close()
	endGroup(s.cmd)
	s.output.SetReadDeadline(time.Now().Add(time.Second)) // in case a process left the group
	s.helpers.Wait()
	s.output.Close()
}

// start hands a command to bash.
func (s *session) start(command string) error {
	_, err := s.commands.WriteString(command + "\n")
	return err
}

// until waits until enough returns true for everything that was printed so far
// and the number of commands that have ended. It gives up when ctx ends, or
// when bash has ended.
func (s *session) until(ctx context.Context, enough func(printed string, ended int) bool) (string, bool) {
	for {
		s.mu.Lock()
		printed := strings.ReplaceAll(s.text, commandEnded, "\n")
		ok, over := enough(printed, strings.Count(s.text, commandEnded)), s.ended
		s.mu.Unlock()
		if ok || over {
			return printed, ok
		}
		select {
		case <-s.arrived:
		case <-ctx.Done():
			return printed, false
		}
	}
}
