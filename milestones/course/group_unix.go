//go:build unix

package course

import (
	"os/exec"
	"syscall"
)

// ownGroup gives a command a process group of its own, so that endGroup also
// reaches the processes that it starts: go run starts the program as a child.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

func endGroup(cmd *exec.Cmd) error {
	return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
