package web

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/web/bench"
)

// stallsAfter is how long a transfer may stand still: a laptop sleeps, and what it takes
// part in must not stay open for it.
const stallsAfter = time.Minute

// serveFiles lists a directory: GET /api/bench/files?path=PATH.
func (s *Server) serveFiles(w http.ResponseWriter, r *http.Request) {
	l, err := s.o.Bench.List(r.Context(), r.URL.Query().Get("path"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	type entry struct {
		Name     string     `json:"name"`
		Kind     bench.Kind `json:"kind"`
		Bytes    int64      `json:"bytes"`
		Modified time.Time  `json:"modified"`
	}
	out := struct {
		Path    string  `json:"path"`
		Entries []entry `json:"entries"`
		More    bool    `json:"more,omitempty"`
	}{Path: l.Path, Entries: []entry{}, More: l.More}
	for _, e := range l.Entries {
		out.Entries = append(out.Entries, entry(e))
	}
	writeJSON(w, http.StatusOK, out)
}

// serveFile takes a file out, or a directory as a .tar.gz: GET /api/bench/file?path=PATH.
// HEAD tells whether there is one.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	f, err := s.o.Bench.Open(r.Context(), r.URL.Query().Get("path"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream") // whatever it is, no browser shows it
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name()}))
	out := &slowly{w: w, c: http.NewResponseController(w)}
	if f.Bytes() >= 0 {
		h.Set("Content-Length", decimal(f.Bytes()))
	}
	if r.Method == http.MethodHead {
		return
	}
	if err := f.Send(r.Context(), out); err != nil {
		panic(http.ErrAbortHandler) // so that nobody takes a part for the whole
	}
}

// serveUpload brings a file in: PUT /api/bench/file?path=PATH&overwrite=yes|no.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	body := &patiently{r: r.Body, c: http.NewResponseController(w)}
	err := s.o.Bench.Put(r.Context(), query.Get("path"), body, r.ContentLength, query.Get("overwrite") == "yes")
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if body.lost {
		err = errors.Join(bench.ErrIncomplete, err)
	}
	// A browser that still sends does not read what is answered.
	_, _ = io.Copy(io.Discard, body)
	s.fail(w, r, err)
}

// serveFolder makes a directory: POST /api/bench/folder {"path": PATH}.
func (s *Server) serveFolder(w http.ResponseWriter, r *http.Request) {
	var in struct{ Path string }
	if readJSON(w, r, &in) {
		s.done(w, r, s.o.Bench.MakeFolder(r.Context(), in.Path))
	}
}

// patiently reads a body that may take long, but not forever.
type patiently struct {
	r    io.Reader
	c    *http.ResponseController
	lost bool
}

func (p *patiently) Read(b []byte) (int, error) {
	_ = p.c.SetReadDeadline(time.Now().Add(stallsAfter))
	n, err := p.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		p.lost = true
	}
	return n, err
}

// slowly writes an answer in the same way.
type slowly struct {
	w io.Writer
	c *http.ResponseController
}

func (s *slowly) Write(b []byte) (int, error) {
	_ = s.c.SetWriteDeadline(time.Now().Add(stallsAfter))
	return s.w.Write(b)
}

// atOnce lets so many requests of a kind through at a time; others wait, and are refused
// when that takes long.
func (s *Server) atOnce(most int, next http.HandlerFunc) http.HandlerFunc {
	turns := make(chan struct{}, most)
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		select {
		case turns <- struct{}{}:
			defer func() { <-turns }()
			next(w, r)
		case <-ctx.Done():
			w.Header().Set("Retry-After", "5")
			writeJSON(w, http.StatusTooManyRequests, failure{Error: "busy", Text: s.words(r).Say("web.busy")})
		}
	}
}
