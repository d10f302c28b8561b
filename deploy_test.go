package main

import (
	"os"
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
