package leaving

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/opencontainers/go-digest"
)

// world is everything outside of the Office, in memory: what is in it outlasts the
// process, which may end before or after any call (see point).
type world struct {
	rng      *rand.Rand
	now      time.Time
	people   map[string]people.Person
	projects map[string]*fakeProject
	lastID   int64
	shelf    map[string]*fakeBundle
	sent     map[string]Letter
	delivery map[string]int // by key: how often a letter has left
	docs     map[string][]byte
	locked   map[string]bool
	acts     []audit.Act
	site     map[string]map[digest.Digest]bool // converted images by project
	pinned   map[digest.Digest]bool            // in the site's store
	cited    map[digest.Digest]string
	jobs     map[digest.Digest]bool
	robots   map[string]bool // of people, outside of projects: enabled

	down struct{ harbor, directory, mail, disk, audit bool }
	// point is called before and after every call; it may panic with killed{}.
	point func(call string, after bool)
	calls int
}

type killed struct{ at string }

type fakeProject struct {
	id      int64
	name    string
	meta    harbor.Metadata
	quota   int64
	members []harbor.Member
	robots  []*harbor.Robot
	repos   map[string]map[digest.Digest]*fakeArtifact
	rules   []harbor.ImmutableRule
}

// immutable reports whether a rule keeps an artifact; only whole tags and ** are known here.
func (p *fakeProject) immutable(a *fakeArtifact) bool {
	return a != nil && slices.ContainsFunc(p.rules, func(r harbor.ImmutableRule) bool {
		pattern, _ := r.Pattern()
		return !r.Disabled && (pattern == "**" && len(a.tags) > 0 || slices.Contains(a.tags, pattern))
	})
}

// holds reports whether a rule keeps a tag from being moved to another artifact.
func (p *fakeProject) holds(repo, tag string) bool {
	for _, a := range p.repos[repo] {
		if slices.Contains(a.tags, tag) && p.immutable(&fakeArtifact{tags: []string{tag}}) {
			return true
		}
	}
	return false
}

type fakeArtifact struct {
	tags     []string
	layers   []int // shared ones are the same number; each has a hundred bytes
	children []digest.Digest
}

type fakeBundle struct {
	images  []Image
	content map[string]*fakeArtifact
	whole   bool
	damaged bool
}

const layerBytes = 100

func newWorld(rng *rand.Rand) *world {
	return &world{
		rng: rng, people: map[string]people.Person{}, projects: map[string]*fakeProject{}, shelf: map[string]*fakeBundle{}, sent: map[string]Letter{}, delivery: map[string]int{},
		docs: map[string][]byte{}, locked: map[string]bool{}, site: map[string]map[digest.Digest]bool{}, pinned: map[digest.Digest]bool{}, cited: map[digest.Digest]string{},
		jobs: map[digest.Digest]bool{}, robots: map[string]bool{}, point: func(string, bool) {},
	}
}

func (w *world) id() int64 { w.lastID++; return w.lastID }

func (w *world) addProject(name string, quota int64) *fakeProject {
	p := &fakeProject{id: w.id(), name: name, quota: quota, repos: map[string]map[digest.Digest]*fakeArtifact{}}
	p.members = []harbor.Member{{ID: w.id(), Name: "admin", Kind: harbor.UserMember, Role: harbor.ProjectAdmin}}
	w.projects[name] = p
	return p
}

func (w *world) addMember(project, name, kind string, role harbor.Role) {
	p := w.projects[project]
	p.members = append(p.members, harbor.Member{ID: w.id(), Name: name, Kind: kind, Role: role, Entity: 7})
}

func (p *fakeProject) push(repo, tag string, layers ...int) digest.Digest {
	d := digest.FromString(fmt.Sprint(repo, layers))
	return p.put(repo, d, tag, &fakeArtifact{layers: layers})
}

func (p *fakeProject) put(repo string, d digest.Digest, tag string, a *fakeArtifact) digest.Digest {
	if p.repos[repo] == nil {
		p.repos[repo] = map[digest.Digest]*fakeArtifact{}
	}
	if p.repos[repo][d] == nil {
		p.repos[repo][d] = a
	}
	if tag != "" {
		p.tag(repo, d, tag)
	}
	return d
}

func (p *fakeProject) tag(repo string, d digest.Digest, tag string) {
	for _, a := range p.repos[repo] {
		a.tags = slices.DeleteFunc(a.tags, func(t string) bool { return t == tag })
	}
	p.repos[repo][d].tags = append(p.repos[repo][d].tags, tag)
}

func (p *fakeProject) has(d digest.Digest) bool {
	for _, repo := range p.repos {
		for have, a := range repo {
			if have == d || slices.Contains(a.children, d) {
				return true
			}
		}
	}
	return false
}

func (p *fakeProject) used(more ...*fakeArtifact) int64 {
	layers := map[int]bool{}
	add := func(a *fakeArtifact) {
		for _, l := range a.layers {
			layers[l] = true
		}
	}
	for _, repo := range p.repos {
		for _, a := range repo {
			add(a)
		}
	}
	for _, a := range more {
		add(a)
	}
	return int64(len(layers)) * layerBytes
}

// call is what every method of a peer goes through.
func call[T any](w *world, name string, down bool, do func() (T, error)) (T, error) {
	w.calls++
	w.point(name, false)
	if down {
		var none T
		return none, fmt.Errorf("%s: it is down", name)
	}
	v, err := do()
	w.point(name, true)
	return v, err
}

func callErr(w *world, name string, down bool, do func() error) error {
	_, err := call(w, name, down, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

func refusedWith(status int) error { return &harbor.Error{Status: status} }

// fakeBundler is the world as a Bundler, and fakeShelf as a Shelf.
type fakeBundler struct{ *world }

func (f fakeBundler) Make(_ context.Context, dir string, c Contents) error {
	if f.shelf[dir] == nil {
		f.shelf[dir] = &fakeBundle{content: map[string]*fakeArtifact{}}
	}
	for _, i := range c.Images { // one by one: it may end between any two
		err := callErr(f.world, "Make "+dir+" "+i.key(), f.down.harbor || f.down.disk, func() error {
			p := f.projects[c.Project]
			if p == nil || p.repos[i.Repository][i.Digest] == nil {
				return refusedWith(http.StatusNotFound)
			}
			a := p.repos[i.Repository][i.Digest]
			f.shelf[dir].content[i.key()] = &fakeArtifact{layers: a.layers, children: a.children, tags: i.Tags}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return callErr(f.world, "Make "+dir, f.down.disk, func() error {
		f.shelf[dir].images, f.shelf[dir].whole = c.Images, true
		return nil
	})
}

func (f fakeBundler) Verify(_ context.Context, dir string) (Proof, error) {
	return call(f.world, "Verify "+dir, false, func() (Proof, error) {
		b := f.shelf[dir]
		if b == nil || !b.whole || b.damaged {
			return Proof{}, fmt.Errorf("reading %s: %w", dir, ErrDamaged)
		}
		p := Proof{Checksum: "sum of " + dir}
		for _, i := range b.images {
			p.Digests = append(p.Digests, i.Digest)
		}
		return p, nil
	})
}

func (f fakeBundler) Restore(_ context.Context, dir, project string, images []Image) error {
	b := f.shelf[dir]
	if b == nil || !b.whole || b.damaged {
		return fmt.Errorf("restoring %s: %w", dir, ErrDamaged)
	}
	for _, i := range b.images {
		if !slices.ContainsFunc(images, func(want Image) bool { return want.key() == i.key() }) {
			continue
		}
		err := callErr(f.world, "Restore "+i.key()+" "+project, f.down.harbor, func() error {
			p := f.projects[project]
			if p == nil {
				return refusedWith(http.StatusNotFound)
			}
			a := b.content[i.key()]
			p.put(i.Repository, i.Digest, "", &fakeArtifact{layers: a.layers, children: a.children})
			for _, t := range i.Tags {
				p.tag(i.Repository, i.Digest, t)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

type fakeShelf struct{ *world }

func (f fakeShelf) Move(_ context.Context, from, to string) error {
	return callErr(f.world, "Move "+from, f.down.disk, func() error {
		switch {
		case f.shelf[to] != nil:
		case f.shelf[from] == nil:
			return fs.ErrNotExist
		default:
			f.shelf[to] = f.shelf[from]
		}
		delete(f.shelf, from)
		return nil
	})
}

func (f fakeShelf) Remove(_ context.Context, dir string) error {
	return callErr(f.world, "Remove "+dir, f.down.disk, func() error { delete(f.shelf, dir); return nil })
}

type fakePost struct{ *world }

func (f fakePost) Send(_ context.Context, l Letter) error {
	return callErr(f.world, "Send "+l.Key, f.down.mail, func() error {
		if _, ok := f.sent[l.Key]; !ok {
			f.sent[l.Key] = l
			f.delivery[l.Key]++
		}
		return nil
	})
}

type fakeDirectory struct{ *world }

func (f fakeDirectory) Person(_ context.Context, id string) (people.Person, error) {
	return call(f.world, "Person "+id, f.down.directory, func() (people.Person, error) {
		p, ok := f.people[strings.ToLower(id)]
		if !ok {
			return p, people.ErrUnknown
		}
		return p, nil
	})
}

type fakeRealm struct{ *world }

func (f fakeRealm) InUse(_ context.Context, project string) ([]digest.Digest, error) {
	return call(f.world, "InUse "+project, false, func() ([]digest.Digest, error) {
		var used []digest.Digest
		for d := range f.site[project] {
			if f.jobs[d] {
				used = append(used, d)
			}
		}
		slices.Sort(used)
		return used, nil
	})
}

func (f fakeRealm) Clear(_ context.Context, project string) ([]digest.Digest, error) {
	return call(f.world, "Clear "+project, f.down.disk, func() ([]digest.Digest, error) {
		var kept []digest.Digest
		for d := range f.site[project] {
			if f.pinned[d] {
				kept = append(kept, d)
				continue
			}
			delete(f.site[project], d)
		}
		slices.Sort(kept)
		return kept, nil
	})
}

type fakeUses struct{ *world }

func (f fakeUses) Cited(context.Context) (map[digest.Digest]string, error) {
	return call(f.world, "Cited", false, func() (map[digest.Digest]string, error) { return maps.Clone(f.cited), nil })
}

type fakeCredentials struct{ *world }

func (f fakeCredentials) set(what, id string, enabled bool) error {
	return callErr(f.world, what+" "+id, f.down.harbor, func() error {
		if _, ok := f.robots[id]; ok {
			f.robots[id] = enabled
		}
		return nil
	})
}
func (f fakeCredentials) Disable(_ context.Context, id string) error {
	return f.set("Disable", id, false)
}
func (f fakeCredentials) Enable(_ context.Context, id string) error { return f.set("Enable", id, true) }
func (f fakeCredentials) Remove(_ context.Context, id string) error {
	return callErr(f.world, "RemoveRobot "+id, f.down.harbor, func() error { delete(f.robots, id); return nil })
}

type fakeTrail struct{ *world }

func (f fakeTrail) Acts(_ context.Context, departure string) ([]string, error) {
	return call(f.world, "Acts", false, func() ([]string, error) {
		var ids []string
		for i, a := range f.acts {
			if a.Details["departure"] == departure {
				ids = append(ids, fmt.Sprint("A", i))
			}
		}
		return ids, nil
	})
}

// fakeAudit records before it does, and may end between the two.
type fakeAudit struct{ *world }

func (f fakeAudit) Do(act audit.Act, do func() error) error {
	if f.down.audit {
		return errors.New("it was not done, because the audit log cannot be written")
	}
	f.acts = append(f.acts, act)
	f.point("audit "+act.Action+" "+act.Subject, false)
	err := do()
	f.point("audit "+act.Action+" "+act.Subject, true)
	return err
}

// fakeDocuments are JSON, as on the disk.
type fakeDocuments struct{ *world }

func (f fakeDocuments) Load(kind, name string, v any) error {
	b, ok := f.docs[kind+"/"+name]
	if !ok {
		return fmt.Errorf("%s of %q: %w", kind, name, state.ErrNotFound)
	}
	return json.Unmarshal(b, v)
}

func (f fakeDocuments) Save(kind, name string, v any) error {
	label := "Save " + kind + "/" + name
	if d, ok := v.(*Departure); ok {
		label = fmt.Sprintf("%s %s", label, d.Stage)
	}
	return callErr(f.world, label, f.down.disk, func() error {
		b, err := json.Marshal(v)
		f.docs[kind+"/"+name] = b
		return err
	})
}

func (f fakeDocuments) Names(kind string) ([]string, error) {
	var all []string
	for name := range f.docs {
		if rest, ok := strings.CutPrefix(name, kind+"/"); ok {
			all = append(all, rest)
		}
	}
	slices.Sort(all)
	return all, nil
}

func (f fakeDocuments) Lock(kind string) (func(), error) {
	if f.locked[kind] {
		panic("a lock is taken twice: " + kind)
	}
	f.locked[kind] = true
	return func() { f.locked[kind] = false }, nil
}

// testRules are those of all tests.
func testRules() Rules {
	return Rules{
		NoticeDays: []int{90, 30, 7}, Undelete: 30 * 24 * time.Hour, BundleDir: "/bundles", ArchiveDir: "/archive", HandOver: ToSupervisor, AdminMail: "admin@example.ac.jp", TroubleDays: 3,
	}
}

// office is a new process in the world.
func (w *world) office(r Rules) *Office {
	w.locked = map[string]bool{} // the kernel has given them back
	return &Office{
		Rules: r, Host: "harbor.example.ac.jp", Account: "admin", Registry: fakeHarbor{w}, Bundler: fakeBundler{w}, Shelf: fakeShelf{w}, Post: fakePost{w},
		Directory: fakeDirectory{w}, Realm: fakeRealm{w}, Uses: fakeUses{w}, Credentials: fakeCredentials{w}, Trail: fakeTrail{w}, Audit: fakeAudit{w}, Documents: fakeDocuments{w},
	}
}
