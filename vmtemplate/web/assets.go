package web

import (
	"bytes"
	"compress/gzip"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/jrun-hpc/jrun/vmtemplate/web/guard"
	"github.com/jrun-hpc/jrun/vmtemplate/web/page"
)

// servePage gives the page, whose scripts find out the rest. Every address that is no
// other thing is the page's: it has views of its own.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/") || path.Ext(r.URL.Path) != "" {
		http.NotFound(w, r)
		return
	}
	index, err := page.Files.ReadFile("dist/index.html")
	if err != nil {
		http.Error(w, "the page is not in this build: make web", http.StatusInternalServerError)
		return
	}
	t, err := template.New("page").Delims("[[", "]]").Parse(string(index))
	if err != nil {
		http.Error(w, "the page is damaged", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = t.Execute(w, map[string]string{"Nonce": guard.Nonce(w), "Language": s.words(r).Language()}) // the browser may be gone
}

// asset is a file as browsers get it.
type asset struct{ plain, packed []byte }

var packed sync.Map // of assets by their names

func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	known, ok := packed.Load(name)
	if !ok {
		plain, err := fs.ReadFile(page.Files, "dist/"+name)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one
		_, _ = z.Write(plain)                                 // into memory
		_ = z.Close()
		known, _ = packed.LoadOrStore(name, asset{plain, b.Bytes()})
	}
	a := known.(asset)
	h := w.Header()
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	h.Set("Cache-Control", "public, max-age=31536000, immutable") // names have a hash of the content
	h.Set("Vary", "Accept-Encoding")
	body := a.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && len(a.packed) < len(a.plain) {
		h.Set("Content-Encoding", "gzip")
		body = a.packed
	}
	_, _ = w.Write(body)
}
