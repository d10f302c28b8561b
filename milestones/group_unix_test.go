//go:build unix

package milestones

import (
	"os/exec"
	"syscall"
)

// ownGroup gives a command a process group, so that endGroup reaches what it
// has started, too: go run starts the program as a child.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

func endGroup(cmd *exec.Cmd) error {
	return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
