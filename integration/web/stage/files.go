package stage

import (
	"encoding/json"
	"io"
	"net/http"
	"path"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/jobscript"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
)

// files are those of the workspace, by path.
type files struct {
	mu   sync.Mutex
	all  map[string][]byte
	Full bool // the disk is
}

func newFiles() *files {
	return &files{all: map[string][]byte{"/root/main.py": []byte("print(1)\n"), "/root/results/energy.dat": make([]byte, 4200), "/etc/hostname": []byte("vm\n")}}
}

// File is one of the workspace, as a test sees it.
func (s *Stage) File(name string) (string, bool) {
	s.files.mu.Lock()
	defer s.files.mu.Unlock()
	b, ok := s.files.all[name]
	return string(b), ok
}

func (s *Stage) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /api/bench/files":   s.files.list,
		"GET /api/bench/file":    s.files.get,
		"PUT /api/bench/file":    s.files.put,
		"GET /api/bench/changes": s.changes,
		"GET /api/bench/recipe":  s.recipe,
		"GET /api/bench/search":  search,
		"GET /api/images":        s.images.list,
		"DELETE /api/images/tag": s.images.remove,
		"POST /api/members":      s.images.share,
		"DELETE /api/members":    s.images.unshare,
		"POST /api/script":       script,
	}
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the page may be gone
}

type object = map[string]any

func (f *files) list(w http.ResponseWriter, r *http.Request) {
	dir := path.Clean(r.URL.Query().Get("path"))
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := map[string]bool{}
	entries := []object{}
	for name, b := range f.all {
		rest, ok := strings.CutPrefix(name, strings.TrimSuffix(dir, "/")+"/")
		if !ok {
			continue
		}
		first, _, deeper := strings.Cut(rest, "/")
		if seen[first] {
			continue
		}
		seen[first] = true
		kind, size := "file", len(b)
		if deeper {
			kind, size = "directory", 0
		}
		entries = append(entries, object{"name": first, "kind": kind, "bytes": size, "modified": time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)})
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i]["name"].(string) < entries[j]["name"].(string) })
	answer(w, http.StatusOK, object{"path": dir, "entries": entries})
}

func (f *files) get(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.all[r.URL.Query().Get("path")]
	if !ok {
		answer(w, http.StatusNotFound, object{"error": "not-found", "text": "there is no such file"})
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(b)
}

func (f *files) put(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("path")
	f.mu.Lock()
	_, there := f.all[name]
	f.mu.Unlock()
	if there && r.URL.Query().Get("overwrite") != "yes" {
		answer(w, http.StatusConflict, object{"error": "exists", "text": name + " exists"})
		return
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return // the page has stopped
	}
	f.mu.Lock()
	f.all[name] = b
	f.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (s *Stage) changes(w http.ResponseWriter, _ *http.Request) {
	packages := []object{}
	for _, p := range s.Engine.Changed.Packages {
		packages = append(packages, object{"manager": p.Manager, "name": p.Name, "was": p.Was, "is": p.Is})
	}
	answer(w, http.StatusOK, object{"summary": "5 packages, 1204 files, 218.0 MB", "packages": packages, "suspects": []object{{"path": "/root/.ssh/id_ed25519", "why": "a private key"}}})
}

func (s *Stage) recipe(w http.ResponseWriter, r *http.Request) {
	text, _ := s.Engine.Recipe(r.Context(), "") // it has one
	answer(w, http.StatusOK, object{"text": text})
}

func search(w http.ResponseWriter, r *http.Request) {
	packages := []object{}
	for _, name := range []string{"gromacs", "gromacs-mpich", "gromacs-data", "python3-numpy"} {
		if strings.Contains(name, r.URL.Query().Get("words")) {
			packages = append(packages, object{"manager": "apt", "name": name, "version": "2026.1-1", "summary": "Molecular dynamics simulator, with building and analysis tools", "command": "apt-get install -y " + name})
		}
	}
	answer(w, http.StatusOK, object{"packages": packages})
}

func script(w http.ResponseWriter, r *http.Request) {
	var o struct {
		Kind, Image, Queue, Mail, Command string
	}
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		answer(w, http.StatusBadRequest, object{"error": "request", "text": err.Error()})
		return
	}
	p, _ := message.For(r.URL.Query().Get("lang"))
	text, err := jobscript.Script(p, jobscript.Job{Image: o.Image, Kind: jobscript.Kind(o.Kind)}, site.Config{}.Job)
	if err != nil {
		answer(w, http.StatusBadRequest, object{"error": "failed", "text": err.Error()})
		return
	}
	answer(w, http.StatusOK, object{"file": path.Base(strings.Split(o.Image, ":")[0]) + ".sh", "text": text})
}
