package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"
)

// static holds the page. The compiler copies the directory into the program, so
// the program is one file that runs anywhere. The price: after a change to the
// page, you have to start the program again.
//
//go:embed static
var static embed.FS

// pageFile is a file of the page. Both forms are made once, at the start.
type pageFile struct {
	name           string
	plain, gzipped []byte
	tag            string // the ETag
}

// servePage serves the page's files. http.FileServerFS would be shorter. But embedded
// files have no time of modification, so a browser would load all of them again at each
// visit. With an ETag, a hash of the content, it learns that it has the file already.
// ("no-cache" lets it keep the file, and makes it ask each time.)
func servePage() http.Handler {
	files, err := pageFiles()
	if err != nil {
		panic(err) // cannot happen: the files are in memory
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, found := files[strings.TrimSuffix(r.URL.Path, "index.html")]
		if !found {
			http.NotFound(w, r)
			return
		}
		content := file.plain
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			content = file.gzipped
			w.Header().Set("Content-Encoding", "gzip")
		}
		w.Header().Set("Vary", "Accept-Encoding")
		w.Header().Set("ETag", file.tag)
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, file.name, time.Time{}, bytes.NewReader(content)) // 304 if the browser has this tag
	})
}

// pageFiles returns the files of the page, by the path of their address.
func pageFiles() (map[string]pageFile, error) {
	files := make(map[string]pageFile)
	err := fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		plain, err := fs.ReadFile(static, name)
		if err != nil {
			return err
		}
		var gzipped bytes.Buffer
		w := gzip.NewWriter(&gzipped)
		w.Write(plain)
		w.Close() // no error: it writes to memory
		path := strings.TrimPrefix(name, "static")
		path = strings.TrimSuffix(path, "index.html")
		// W/ makes the tag weak: it says the same of both forms.
		files[path] = pageFile{name, plain, gzipped.Bytes(), fmt.Sprintf(`W/"%x"`, sha256.Sum256(plain))}
		return nil
	})
	return files, err
}
