package main

import (
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Several files have to agree with one another and with the program. The
// platforms would tell only after a deploy.
func TestTheDeploymentFilesAgree(t *testing.T) {
	docker := readFile(t, "Dockerfile")
	fly := readFile(t, "fly.toml")
	render := readFile(t, "render.yaml")

	version := find(t, readFile(t, "go.mod"), `(?m)^go (\d+\.\d+)`)
	if got := find(t, docker, `FROM golang:(\d+\.\d+)`); got != version {
		t.Errorf("the Dockerfile builds with Go %s, go.mod asks for %s", got, version)
	}
	if port, internal := find(t, fly, `PORT = "(\d+)"`), find(t, fly, `internal_port = (\d+)`); port != internal {
		t.Errorf("on Fly the program listens on %s, and is expected on %s", port, internal)
	}
	db := find(t, docker, `"-db", "(/\w+)/`)
	for platform, mount := range map[string]string{
		"Fly":    find(t, fly, `destination = "(.*)"`),
		"Render": find(t, render, `mountPath: (.*)`),
	} {
		if mount != db {
			t.Errorf("on %s the volume is at %s, and the database in %s", platform, mount, db)
		}
	}
	for platform, path := range map[string]string{
		"Fly":    find(t, fly, `path = "(.*)"`),
		"Render": find(t, render, `healthCheckPath: (.*)`),
	} {
		if path != "/healthz" {
			t.Errorf("%s asks %s for the health of the program", platform, path)
		}
	}
	timeout, err := time.ParseDuration(find(t, fly, `kill_timeout = "(.*)"`))
	if err != nil || timeout <= stopTimeout {
		t.Errorf("Fly kills after %v, %v; a stop may take %v", timeout, err, stopTimeout)
	}
}

// The first line of a script must not end in a carriage return, and the file
// has to be executable.
func TestTheEntryPointCanRun(t *testing.T) {
	if strings.Contains(readFile(t, "docker-entrypoint.sh"), "\r") {
		t.Error("docker-entrypoint.sh has Windows line ends")
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

// find returns the first group of a pattern, which must be there.
func find(t *testing.T, text, pattern string) string {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("nothing matches %s", pattern)
	}
	return match[1]
}
