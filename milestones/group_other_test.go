//go:build !unix

package milestones

import "os/exec"

// Without process groups only the command itself can be ended.
func ownGroup(*exec.Cmd) {}

func endGroup(cmd *exec.Cmd) error {
	return cmd.Process.Kill()
}
