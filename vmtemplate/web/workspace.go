package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// patience is how long a request waits for its turn.
const patience = 10 * time.Second

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// leaves is what one types to leave a shell. Ctrl-C takes back a line that is typed already.
const leaves = "\x03\nexit\n"

// serveFinish leaves the shell: POST /api/bench/finish {"anyway": BOOL}. While another
// program has the terminal it is refused: what is typed would go to that program, and what
// is not saved in an editor would be lost. Anyway ends that program first.
func (s *Server) serveFinish(w http.ResponseWriter, r *http.Request) {
	var in struct{ Anyway bool }
	if !readJSON(w, r, &in) {
		return
	}
	program, err := s.o.Bench.Busy(r.Context())
	if err == nil && program != "" {
		if !in.Anyway {
			writeJSON(w, http.StatusConflict, failure{Error: "program", Text: s.words(r).Say("web.finish.program", printable.Line(program))})
			return
		}
		err = s.o.Bench.HangUp(r.Context())
	}
	if screen := s.o.Desk.Screen(); err == nil && screen != nil {
		err = screen.Type([]byte(leaves))
	}
	s.done(w, r, err)
}

// serveChanges tells what differs from the base: GET /api/bench/changes.
func (s *Server) serveChanges(w http.ResponseWriter, r *http.Request) {
	c, err := s.o.Bench.Changes(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	type changed struct {
		Manager string `json:"manager"`
		Name    string `json:"name"`
		Was     string `json:"was"`
		Is      string `json:"is"`
	}
	type left struct {
		Why   string `json:"why"`
		Files int    `json:"files"`
		Bytes int64  `json:"bytes"`
	}
	type suspect struct {
		Path string `json:"path"`
		Why  string `json:"why"`
	}
	p := s.words(r)
	out := struct {
		Summary  string    `json:"summary"`
		Packages []changed `json:"packages"`
		Files    int       `json:"files"`
		Bytes    int64     `json:"bytes"`
		Left     []left    `json:"left"`
		Suspects []suspect `json:"suspects"`
	}{Summary: p.summary(c), Packages: []changed{}, Files: c.Files, Bytes: c.Bytes, Left: []left{}, Suspects: []suspect{}}
	for _, pkg := range c.Packages {
		out.Packages = append(out.Packages, changed{pkg.Manager, printable.Text(pkg.Name), printable.Text(pkg.Was), printable.Text(pkg.Is)})
	}
	for _, l := range c.Left {
		out.Left = append(out.Left, left{p.say(l.Text()), l.Files, l.Bytes})
	}
	for _, suspected := range c.Suspects {
		out.Suspects = append(out.Suspects, suspect{printable.Text(suspected.Path), p.say(suspected.Why)})
	}
	writeJSON(w, http.StatusOK, out)
}

func (w words) summary(c flow.Changes) string {
	if c.None() {
		return w.Say("web.changes.none")
	}
	return w.Say("web.changes", len(c.Packages), c.Files, message.Bytes(c.Bytes))
}

// serveRecipe gives the Dockerfile: GET /api/bench/recipe.
func (s *Server) serveRecipe(w http.ResponseWriter, r *http.Request) {
	text, err := s.o.Bench.Recipe(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"text": text})
}

// serveSearch finds packages: GET /api/bench/search?words=WORDS.
func (s *Server) serveSearch(w http.ResponseWriter, r *http.Request) {
	found, err := s.o.Bench.Search(r.Context(), r.URL.Query().Get("words"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	type pkg struct {
		Manager   string `json:"manager"`
		Name      string `json:"name"`
		Version   string `json:"version"`
		Summary   string `json:"summary"`
		Command   string `json:"command"`
		Installed string `json:"installed,omitempty"` // the version that is there
	}
	out := struct {
		Packages []pkg  `json:"packages"`
		Prepare  string `json:"prepare,omitempty"`
	}{Packages: []pkg{}, Prepare: found.Prepare}
	p := s.words(r)
	for _, f := range found.Packages {
		out.Packages = append(out.Packages, pkg{f.Manager, f.Name, f.Version, p.say(f.Summary), f.Command, f.Installed})
	}
	writeJSON(w, http.StatusOK, out)
}
