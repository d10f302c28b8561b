package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Several files must agree with one another and with the program. Without this test,
// only a failed deploy would show that they do not.
func TestTheDeploymentFilesAgree(t *testing.T) {
	docker := readFile(t, "Dockerfile")
	fly := readFile(t, "fly.toml")
	render := readFile(t, "render.yaml")

	version := find(t, readFile(t, "go.mod"), `(?m)^go (\d+\.\d+)`)
	if got := find(t, docker, `FROM golang:(\d+\.\d+)`); got != version {
		t.Errorf("the Dockerfile builds with Go %s, go.mod asks for %s", got, version)
	}
	for _, image := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(docker, -1) {
		if !regexp.MustCompile(`@sha256:[0-9a-f]{64}$`).MatchString(image[1]) {
			t.Errorf("the Dockerfile names the image %s without a digest: tomorrow, this may be another image", image[1])
		}
	}
	if port, internal := find(t, fly, `PORT = "(\d+)"`), find(t, fly, `internal_port = (\d+)`); port != internal {
		t.Errorf("on Fly the program listens on port %s, but Fly connects to port %s", port, internal)
	}
	db := find(t, docker, `"-db", "(/\w+)/`)
	for platform, mount := range map[string]string{
		"Fly":    find(t, fly, `destination = "(.*)"`),
		"Render": find(t, render, `mountPath: (.*)`),
	} {
		if mount != db {
			t.Errorf("%s mounts the volume at %s, but the database is in %s", platform, mount, db)
		}
	}
	for platform, path := range map[string]string{
		"Docker": find(t, docker, `(?s)HEALTHCHECK .*http://127\.0\.0\.1:\$PORT(/\w+)`),
		"Fly":    find(t, fly, `path = "(.*)"`),
		"Render": find(t, render, `healthCheckPath: (.*)`),
	} {
		if path != "/healthz" {
			t.Errorf("%s checks the health of the program at %s, want /healthz", platform, path)
		}
	}
	command := strings.ReplaceAll(find(t, docker, `CMD \["(.*)"\]`), `", "`, " ")
	for platform, got := range map[string]string{
		"Fly":    find(t, fly, `app = "(chat .*)"`),
		"Render": find(t, render, `dockerCommand: docker-entrypoint.sh (.*)`),
	} {
		if !strings.HasPrefix(got, command+" -client-ip-header ") || !strings.Contains(got, " -max-per-address ") {
			t.Errorf("%s starts %q, want %q with -client-ip-header and -max-per-address", platform, got, command)
		}
	}
	compose := readFile(t, "compose.yaml")
	if got := find(t, compose, `command: (chat .*)`); !strings.HasPrefix(got, strings.TrimSuffix(command, " -log json")+" -nats ") {
		t.Errorf("compose.yaml starts %q, want %q with -nats", got, command)
	}
	if servers, replicas := strings.Count(compose, "hostname: nats"), find(t, compose, `-nats-replicas (\d)`); fmt.Sprint(servers) != replicas {
		t.Errorf("compose.yaml has %d NATS servers, and asks for %s replicas", servers, replicas)
	}
	timeout, err := time.ParseDuration(find(t, fly, `kill_timeout = "(.*)"`))
	if err != nil || timeout <= stopTimeout {
		t.Errorf("Fly kills the program after %v (error: %v), want more than %v, which a stop may take", timeout, err, stopTimeout)
	}
}

// Linux runs a script only if the file is executable and its first line does not end in
// a carriage return.
func TestEntryPointIsExecutable(t *testing.T) {
	if strings.Contains(readFile(t, "docker-entrypoint.sh"), "\r") {
		t.Error("docker-entrypoint.sh has Windows line endings")
	}
	info, err := os.Stat("docker-entrypoint.sh")
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode()&0o111 == 0 {
		t.Errorf("docker-entrypoint.sh is not executable: %v", info.Mode())
	}
}

// The first start hands the volume over to the user of the program, and later starts
// have nothing to hand over. A test may not change owners, so commands that print how
// they were called take the place of those that need root.
func TestEntryPointChangesOnlyOwnersThatDiffer(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no sh")
	}
	bin, volume := t.TempDir(), t.TempDir()
	for name, script := range map[string]string{
		"id":      "echo 0",
		"chown":   `echo chown "$@"`,
		"su-exec": `shift; exec "$@"`,
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(volume, "link")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))

	start := func(uid int) string {
		t.Helper()
		script := strings.NewReplacer("/data", volume, "-user chat", fmt.Sprint("-user ", uid)).Replace(readFile(t, "docker-entrypoint.sh"))
		output, err := exec.Command("sh", "-c", script, "docker-entrypoint.sh", "echo", "the program runs").CombinedOutput()
		if err != nil {
			t.Fatalf("the entry point failed: %v\n%s", err, output)
		}
		return string(output)
	}
	owner := os.Getuid()
	want := fmt.Sprintf("chown -h chat: %s %s/link\nthe program runs\n", volume, volume)
	if got := start(owner + 1); got != want {
		t.Errorf("if the volume belongs to somebody else, the entry point printed\n%swant\n%s", got, want)
	}
	if got, want := start(owner), "the program runs\n"; got != want {
		t.Errorf("if the volume belongs to the program's user already, the entry point printed\n%swant\n%s", got, want)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// find returns what the first group of the pattern matches. Without a match, the test
// fails.
func find(t *testing.T, text, pattern string) string {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("no line matches %s", pattern)
	}
	return match[1]
}
