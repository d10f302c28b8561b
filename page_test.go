package main

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// getPage sends GET for a path, with headers that are given as name, value, name, value, …
func getPage(path string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response := httptest.NewRecorder()
	servePage().ServeHTTP(response, request)
	return response
}

func TestUnchangedFilesAreNotLoadedAgain(t *testing.T) {
	first := getPage("/chat.js")
	tag := first.Header().Get("ETag")
	if first.Code != http.StatusOK || first.Header().Get("Cache-Control") != "no-cache" || tag == "" {
		t.Fatalf("status %d with the headers %v, want 200, no-cache and an ETag", first.Code, first.Header())
	}
	for _, encoding := range []string{"", "gzip"} {
		again := getPage("/chat.js", "If-None-Match", tag, "Accept-Encoding", encoding)
		if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("the second time, the status is %d with %d bytes, want 304 without any", again.Code, again.Body.Len())
		}
	}
	if changed := getPage("/chat.js", "If-None-Match", `W/"older"`); changed.Code != http.StatusOK {
		t.Errorf("with the tag of an older version, the status is %d, want 200", changed.Code)
	}
	if other := getPage("/list.js").Header().Get("ETag"); other == tag {
		t.Error("two files have the same tag")
	}
}

func TestPageIsCompressedIfTheBrowserTakesIt(t *testing.T) {
	for _, path := range []string{"/", "/index.html", "/chat.js", "/style.css", "/icon.svg"} {
		plain, compressed := getPage(path), getPage(path, "Accept-Encoding", "gzip, br")
		if plain.Header().Get("Content-Encoding") != "" || compressed.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: the encodings are %q and %q", path, plain.Header().Get("Content-Encoding"), compressed.Header().Get("Content-Encoding"))
		}
		if kind := compressed.Header().Get("Content-Type"); kind != plain.Header().Get("Content-Type") || !strings.ContainsAny(kind, "/") {
			t.Errorf("%s: compressed, the type is %q", path, kind)
		}
		unpacked, err := gzip.NewReader(compressed.Body)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(unpacked)
		if err != nil || string(content) != plain.Body.String() {
			t.Errorf("%s: unpacked, it is not the same file (error: %v)", path, err)
		}
	}
}
