package stage

import (
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/flow/fakeengine"
)

// images are the user's own, with a verdict on each.
type images struct {
	engine  *fakeengine.Engine
	mu      sync.Mutex
	members []object
	Down    bool // the registry is
}

func newImages(e *fakeengine.Engine) *images {
	return &images{engine: e, members: []object{{"id": 1, "name": "taro", "role": "owner", "own": true}, {"id": 2, "name": "hanako", "role": "guest"}}}
}

// RegistryDown makes the registry unreachable for the list of images, or reachable.
func (s *Stage) RegistryDown(down bool) {
	s.images.mu.Lock()
	defer s.images.mu.Unlock()
	s.images.Down = down
}

func (i *images) list(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.Down {
		answer(w, http.StatusBadGateway, object{"error": "unreachable", "text": "harbor.example.ac.jp cannot be reached.", "next": []string{"Try again in a minute."}})
		return
	}
	scans := []object{{"status": "Success", "severity": "High", "total": 12, "fixable": 9}, {"status": "Success", "total": 0}, {"status": "Running"}}
	all := []object{}
	for _, image := range i.engine.Mine {
		tags := []object{}
		for n, t := range i.engine.Versions[image.Repository] {
			tags = append(tags, object{"name": t.Name, "reference": image.Repository + ":" + t.Name, "bytes": t.Bytes, "pushed": t.Pushed, "pulled": time.Time{}, "immutable": t.Immutable, "scan": scans[n%3]})
		}
		all = append(all, object{"repository": image.Repository, "name": path.Base(image.Repository), "description": image.Description, "tags": tags})
	}
	answer(w, http.StatusOK, object{"quota": object{"used": 7.7e9, "limit": 20e9}, "project": "taro", "members": i.members, "images": all})
}

func (i *images) remove(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	q := r.URL.Query()
	i.engine.Versions[q.Get("repository")] = slices.DeleteFunc(i.engine.Versions[q.Get("repository")], func(t flow.Tag) bool { return t.Name == q.Get("tag") })
	w.WriteHeader(http.StatusNoContent)
}

func (i *images) share(w http.ResponseWriter, r *http.Request) {
	var m struct{ User, Role string }
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil || m.User == "nobody" {
		answer(w, http.StatusNotFound, object{"error": "not-found", "text": "There is no user " + m.User + "."})
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.members = append(i.members, object{"id": len(i.members) + 1, "name": m.User, "role": m.Role})
	w.WriteHeader(http.StatusNoContent)
}

func (i *images) unshare(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.members = slices.DeleteFunc(i.members, func(m object) bool { return m["id"] == r.URL.Query().Get("id") })
	w.WriteHeader(http.StatusNoContent)
}
