package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const startWait = 10 * time.Second // for a server to listen

// process is a running server.
type process struct {
	addr string
	cmd  *exec.Cmd
}

// startServer starts a server, and returns when it listens.
func startServer(ctx context.Context, s server, dir string) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	args := s.command(dir, addr)
	p := &process{addr, exec.CommandContext(ctx, args[0], args[1:]...)}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // if this program is killed, so is the server
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if err := waitUntilListening(addr); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// stop kills the server: nobody needs what it might still save.
func (p *process) stop() {
	p.cmd.Process.Kill()
	p.cmd.Wait() // its error says that the server was killed
}

// nextPort is where freeAddr looks next. For outgoing connections, the kernel takes ports
// from 32768 on, so a lower port stays free until the server starts.
var nextPort = 21000

// freeAddr returns a new address each time.
func freeAddr() (string, error) {
	for nextPort < 26000 {
		addr := "127.0.0.1:" + strconv.Itoa(nextPort)
		nextPort++
		if listener, err := net.Listen("tcp", addr); err == nil {
			listener.Close()
			return addr, nil
		}
	}
	return "", errors.New("no free port between 21000 and 25999")
}

func waitUntilListening(addr string) error {
	for deadline := time.Now().Add(startWait); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return nil
		}
	}
	return fmt.Errorf("it does not listen on %s after %v", addr, startWait)
}

// cpuTime returns how much CPU time a process has used, for its own code and in the kernel.
func cpuTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read the CPU time: %w", err)
	}
	// The second field is the program's name in parentheses, which may contain spaces. So
	// the 14th and the 15th field are the 12th and the 13th after the last parenthesis.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, userErr := strconv.Atoi(fields[11])
	kernel, kernelErr := strconv.Atoi(fields[12])
	const tick = 10 * time.Millisecond // the unit of these fields
	return time.Duration(user+kernel) * tick, errors.Join(userErr, kernelErr)
}

// memory returns how many bytes of a process are in RAM. Socket buffers are not among them:
// they belong to the kernel.
func memory(pid int) (int, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory: %w", err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
	return pages * os.Getpagesize(), err
}
