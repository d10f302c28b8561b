//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// causes starts a process that causes trouble for the program.
func (p *program) causes(trouble string, flags ...string) *exec.Cmd {
	p.t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"-addr", p.addr, "-trouble", trouble}, flags...)...)
	cmd.Env = append(os.Environ(), "CHAT_TEST_RUN_MAIN=1")
	cmd.Stderr = p.t.Output()
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

// shows waits until the variables of the debug server are as wanted.
func (p *program) shows(what string, wanted func(variables) bool) {
	p.t.Helper()
	var v variables
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		response, err := http.Get("http://" + p.debugAddr + "/debug/vars")
		if err != nil {
			p.t.Fatal(err)
		}
		v = variables{}
		err = json.NewDecoder(response.Body).Decode(&v)
		response.Body.Close()
		if err != nil {
			p.t.Fatal(err)
		}
		if wanted(v) {
			return
		}
	}
	p.t.Fatalf("waited in vain for %s: %+v", what, v)
}

func startTroubledProgram(t *testing.T) (p *program, db string) {
	t.Helper()
	db = filepath.Join(t.TempDir(), "chat.db")
	return startProgram(t, db, "-debug-addr", "127.0.0.1:0", "-rate", "5"), db
}

func TestPeopleTalkAndLeaveWithTheirProcess(t *testing.T) {
	t.Parallel()
	p, _ := startTroubledProgram(t)
	talk := p.causes("talk")
	p.shows("20 who talk", func(v variables) bool { return v.Clients == 20 && v.Messages > 20 })
	talk.Process.Kill()
	p.shows("nobody", func(v variables) bool { return v.Clients == 0 })
}

// A process that was killed can end nothing that it has started.
func TestTroubleEndsWithItsParent(t *testing.T) {
	t.Parallel()
	p, _ := startTroubledProgram(t)
	shell := exec.Command("sh", "-c", `"$0" -addr "$1" -trouble talk & wait`, os.Args[0], p.addr)
	shell.Env = append(os.Environ(), "CHAT_TEST_RUN_MAIN=1")
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	p.shows("20 who talk", func(v variables) bool { return v.Clients == 20 })
	shell.Process.Kill()
	shell.Wait()
	p.shows("nobody", func(v variables) bool { return v.Clients == 0 })
}

// The server does not let a whole crowd in at once. The people whom it refuses try again.
func TestCrowdIsLetInLittleByLittle(t *testing.T) {
	t.Parallel()
	p, _ := startTroubledProgram(t)
	p.causes("crowd")
	p.shows("refusals", func(v variables) bool { return v.Refused["too many people at once"] > 0 })
	p.shows("more clients than come in at once", func(v variables) bool { return v.Clients > joinBurst })
}

func TestStalledVisitorIsDisconnectedAlone(t *testing.T) {
	t.Parallel()
	p, _ := startTroubledProgram(t)
	p.causes("stall")
	p.shows("one who is too slow, and 20 who stay", func(v variables) bool { return v.Ended["too slow"] == 1 && v.Clients == 20 })
}

func TestFlooderAndTheCutOffHurtNobody(t *testing.T) {
	t.Parallel()
	p, _ := startTroubledProgram(t)
	for _, trouble := range []string{"flood", "cut", "delay"} {
		p.causes(trouble)
	}
	p.shows("everybody", func(v variables) bool { return v.Clients == 23 })
	ann := p.join("ann")
	ann.says("can you hear me?")
	ann.hearsAmongOthers("ann: can you hear me?")
}

func TestLockedDatabaseHoldsMessagesBack(t *testing.T) {
	t.Parallel()
	p, db := startTroubledProgram(t)
	lock := p.causes("lock", "-db", db)
	ann := p.join("ann")
	var seen int
	p.shows("a message that waits", func(v variables) bool {
		ann.says("hello")
		seen = v.Messages
		return *v.Pending > 5
	})
	lock.Process.Kill()
	p.shows("all of them", func(v variables) bool { return *v.Pending == 0 && v.Messages > seen })
}

func TestLockNeedsADatabase(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.db")
	err := causeTrouble(t.Context(), &config{trouble: "lock", db: missing})
	if err == nil || !strings.Contains(err.Error(), "lock "+missing) {
		t.Errorf("the error is %v, want one that names the file", err)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("the database was made")
	}
}

// post presses a button of the lab, and returns the status.
func (p *program) post(path string) int {
	p.t.Helper()
	response, err := http.Post("http://"+p.debugAddr+"/lab/"+path, "", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// The lab starts and ends such processes, and a server that stops does not wait until their
// time is over.
func TestTheLabCausesTrouble(t *testing.T) {
	t.Parallel()
	p := startProgram(t, filepath.Join(t.TempDir(), "chat.db"), "-lab", "-debug-addr", "127.0.0.1:0")
	p.post("trouble/talk")
	p.shows("20 who talk", func(v variables) bool { return v.Clients == 20 })
	if status := p.post("trouble/talk"); status != http.StatusConflict {
		t.Errorf("a second trouble of the same name has status %d, want 409", status)
	}
	p.post("stop")
	p.shows("nobody", func(v variables) bool { return v.Clients == 0 })
	p.shows("that the trouble is over", func(variables) bool { return p.post("trouble/talk") == http.StatusNoContent })
	p.shows("20 again", func(v variables) bool { return v.Clients == 20 })
	p.signal(os.Interrupt)
	late := time.AfterFunc(testTimeout, func() { p.cmd.Process.Kill() }) // half of what the trouble lasts
	if status := p.exit(); status.ExitStatus() != 0 {
		t.Errorf("the program ended with %v", status)
	}
	late.Stop()
}

// The lab's server is a process of its own, so that even kill -9 is one of the troubles.
func TestTheLabRestartsTheServer(t *testing.T) {
	t.Parallel()
	p := startProgram(t, filepath.Join(t.TempDir(), "chat.db"), "-lab", "-debug-addr", "127.0.0.1:0")
	var seen []string
	for n, trouble := range []string{"kill", "stop"} {
		ann := p.join("ann")
		text := fmt.Sprint("before ", trouble)
		ann.says(text)
		seen = append(seen, "ann: "+text)
		ann.hears(seen...)
		p.post("trouble/" + trouble)
		p.logs("the server has ended, and starts again")
		p.findsAddresses()
		if n == 1 {
			p.join("bob").hears(seen...)
		}
	}
	p.signal(os.Interrupt)
	if status := p.exit(); status.ExitStatus() != 0 {
		t.Errorf("the program ended with %v", status)
	}
}

// A save that hangs makes no error. The messages are shown when it has ended.
func TestTheLabLetsASaveHang(t *testing.T) {
	t.Parallel()
	p := startProgram(t, filepath.Join(t.TempDir(), "chat.db"), "-lab", "-debug-addr", "127.0.0.1:0")
	ann := p.join("ann")
	p.post("trouble/hang")
	p.shows("messages that wait", func(v variables) bool {
		ann.says("hello") // the first ones may still be saved
		return *v.Pending > 5
	})
	p.post("stop")
	p.shows("all of them", func(v variables) bool { return *v.Pending == 0 && v.Messages > 5 })
}

// startLabWithStream starts a NATS server, and a program with a lab that follows a stream there.
func startLabWithStream(t *testing.T) (p *program, nats string) {
	t.Helper()
	nats = startNATSServer(t, fmt.Sprintf("jetstream { store_dir: %q }", t.TempDir())).url()
	p = startProgram(t, filepath.Join(t.TempDir(), "chat.db"), "-lab", "-debug-addr", "127.0.0.1:0", "-nats", nats)
	(&machine{program: p}).becomesHealthy() // before, it lets nobody in
	return p, nats
}

// Nobody sees what is not in the stream. Afterwards, all machines have the same order.
func TestTheLabCutsTheStreamOff(t *testing.T) {
	t.Parallel()
	p, nats := startLabWithStream(t)
	other := startProgram(t, filepath.Join(t.TempDir(), "other.db"), "-nats", nats)
	(&machine{program: other}).becomesHealthy()
	ann, bob := p.join("ann"), other.join("bob")
	p.post("trouble/cutoff")
	p.logs(errCut.Error())
	ann.says("second")
	bob.says("first")
	bob.hears("bob: first")
	time.Sleep(time.Second) // meanwhile, the machine tries to connect several times
	if heard := ann.heard(); len(heard) > 0 {
		t.Errorf("while this machine is cut off, ann heard %q", heard)
	}
	p.post("stop")
	ann.hears("bob: first", "ann: second")
	bob.hears("ann: second")
}

func TestTheLabAsksTheLeaderToStepDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, fake := dialFakeNATS(t, "nats://x")
		stream := &Stream{name: "chat", dial: func(context.Context) (*natsConn, error) { return conn, nil }}
		result := make(chan error)
		go func() { result <- stream.stepDown(t.Context()) }()
		fake.hears("SUB " + conn.inbox)
		request := strings.Fields(fake.hears("PUB $JS.API.STREAM.LEADER.STEPDOWN.chat "))
		fake.says(fmt.Sprintf("MSG %s 1 16\r\n{\"success\":true}\r\n", request[2]))
		if err := <-result; err != nil {
			t.Error(err)
		}
		if _, open := <-conn.ended; open {
			t.Error("the connection is still there")
		}
	})
}

// With a single server, nobody else could lead.
func TestLeaderThatIsAloneDoesNotStepDown(t *testing.T) {
	t.Parallel()
	p, _ := startLabWithStream(t)
	p.post("trouble/leader")
	if line := p.logs("cannot cause trouble"); !strings.Contains(line, "name=leader") || !strings.Contains(line, "JetStream error") {
		t.Errorf("the log says %s, want that the leader does not step down", line)
	}
}

// If the process that keeps the server running dies, the server stops, too.
func TestServerEndsWithItsLab(t *testing.T) {
	t.Parallel()
	p := startProgram(t, filepath.Join(t.TempDir(), "chat.db"), "-lab", "-debug-addr", "127.0.0.1:0")
	ann := p.join("ann")
	p.signal(os.Kill)
	if code := ann.waitForClose(); code != closeGoingAway {
		t.Errorf("the close code is %d, want %d", code, closeGoingAway)
	}
}
