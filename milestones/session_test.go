package milestones

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// session is one bash in which the commands of a console block run one
// after the other. bash reads them from a pipe of their own, so that no
// command eats the next one, and says on its output when each has ended.
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

// startSession starts bash in a process group of its own. If the check
// itself is killed, the pipe closes, and bash takes the group with it.
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

// wait notices the end of bash even while a command in the background keeps
// its output open.
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
	default: // one notice is enough
	}
}

// close ends all that still runs.
func (s *session) close() {
	s.commands.Close()
	endGroup(s.cmd)
	s.output.SetReadDeadline(time.Now().Add(time.Second)) // in case something escaped the group
	s.helpers.Wait()
	s.output.Close()
}

// start hands a command to bash.
func (s *session) start(command string) error {
	_, err := s.commands.WriteString(command + "\n")
	return err
}

// until waits until enough says so about all that was printed so far and the
// number of commands that have ended. It gives up with ctx, or when bash is
// gone.
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
