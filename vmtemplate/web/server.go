package web

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
	"github.com/jrun-hpc/jrun/vmtemplate/web/bench"
	"github.com/jrun-hpc/jrun/vmtemplate/web/desk"
	"github.com/jrun-hpc/jrun/vmtemplate/web/guard"
)

// Options are what a Server works with.
type Options struct {
	Desk  *desk.Desk
	Guard *guard.Guard
	// Bench is the workspace in which a shell runs, and Images are the user's in the
	// registry.
	Bench  bench.Bench
	Images bench.Images
	// Job is what a job script of the site looks like.
	Job site.Job
	// Printer is for those whose browser asks for no language that the catalogue has.
	Printer *message.Printer
	// About is what the page shows before somebody has logged in: nothing secret.
	About About
}

// About says what this page is.
type About struct {
	Registry string `json:"registry"` // its host
	Password bool   `json:"password"` // the owner may log in with the registry's password
	Version  string `json:"version"`
}

// Server is the page's server.
type Server struct {
	o       Options
	run     string // a word of its own for each process
	closing context.Context
	close   context.CancelFunc

	visited chan struct{} // closed when a page has come
	visit   func()

	mu    sync.Mutex
	again context.CancelFunc // ends the session that is held, so that it begins anew
	spoke *message.Printer   // the language of who has answered last

	requests sync.WaitGroup
	underWay atomic.Int64 // requests
	last     atomic.Int64 // when a request has ended, in nanoseconds of Unix
}

// New makes a server; Handler is what it serves.
func New(o Options) *Server {
	s := &Server{o: o, run: rand.Text(), visited: make(chan struct{})}
	s.visit = sync.OnceFunc(func() { close(s.visited) })
	s.last.Store(time.Now().UnixNano())
	s.closing, s.close = context.WithCancel(context.Background())
	return s
}

// Printer has the language of the page that the session speaks with: the one that has
// answered last, or chosen a language.
func (s *Server) Printer() *message.Printer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spoke == nil {
		return s.o.Printer
	}
	return s.spoke
}

func (s *Server) speaks(p *message.Printer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoke = p
}

// Close ends all sockets, which http.Server.Shutdown does not.
func (s *Server) Close() { s.close() }

// Handler serves the page and what it asks for.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /", http.HandlerFunc(s.servePage))
	mux.Handle("GET /assets/", http.HandlerFunc(serveAsset))
	mux.HandleFunc("GET /api/about", s.serveAbout)
	mux.HandleFunc("GET /api/texts", s.serveTexts)
	mux.HandleFunc("POST /api/login", s.serveLogin)
	for pattern, handle := range s.routes() {
		mux.Handle(pattern, s.o.Guard.Require(handle))
	}
	return s.count(bounded(bodyWithin, s.o.Guard.Wrap(mux)))
}

// routes are those that need a session.
func (s *Server) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /api/desk":    s.serveDesk,
		"GET /api/screen":  s.serveScreen,
		"GET /api/session": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"POST /api/logout": s.serveLogout,

		"GET /api/bench/files":   s.serveFiles,
		"GET /api/bench/file":    s.atOnce(mostTransfers, s.serveFile),
		"PUT /api/bench/file":    s.atOnce(mostTransfers, s.serveUpload),
		"POST /api/bench/folder": s.serveFolder,
		"POST /api/bench/finish": s.atOnce(1, s.serveFinish),
		"GET /api/bench/changes": s.atOnce(1, s.serveChanges),
		"GET /api/bench/recipe":  s.atOnce(1, s.serveRecipe),
		"GET /api/bench/search":  s.atOnce(1, s.serveSearch),

		"GET /api/images":        s.atOnce(2, s.serveImages),
		"DELETE /api/images/tag": s.atOnce(1, s.serveDeleteTag),
		"POST /api/members":      s.atOnce(1, s.serveAddMember),
		"DELETE /api/members":    s.atOnce(1, s.serveRemoveMember),

		"POST /api/script": s.serveScript,
	}
}

// mostTransfers of files go on at once, in each direction.
const mostTransfers = 6

// words are in the language that the page asks for, with ?lang= or as browsers do.
func (s *Server) words(r *http.Request) words {
	if p, ok := message.For(r.URL.Query().Get("lang")); ok {
		return words{p}
	}
	for preferred := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		lang, _, _ := strings.Cut(strings.TrimSpace(preferred), ";")
		if p, ok := message.For(lang); ok {
			return words{p}
		}
	}
	return words{s.o.Printer}
}

func (s *Server) serveAbout(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		About
		Language  string   `json:"language"`
		Languages []string `json:"languages"`
	}{s.o.About, s.words(r).Language(), message.Languages})
}

// serveTexts gives the page its own words.
func (s *Server) serveTexts(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "private, max-age=300")
	writeJSON(w, http.StatusOK, s.words(r).Under("page."))
}

// mostBody is more than any request of JSON has, in bytes.
const mostBody = 1 << 20

// readJSON reads a request's body, and answers when it is none.
func readJSON(w http.ResponseWriter, r *http.Request, value any) bool {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" {
		writeJSON(w, http.StatusUnsupportedMediaType, failure{Error: "request", Text: "application/json is wanted"})
		return false
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, mostBody)).Decode(value); err != nil {
		writeJSON(w, http.StatusBadRequest, failure{Error: "request", Text: err.Error()})
		return false
	}
	return true
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the page may be gone
}
