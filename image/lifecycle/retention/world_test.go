package retention_test

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/retention"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/image/lifecycle/usage"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// A world is a project of a fake Harbor with its part of a store, jobs that use it and
// people who push to it, over simulated years; and jadm, which is killed now and then.
type world struct {
	*testing.T
	random *rand.Rand
	now    time.Time // the true time, which Harbor has, too
	fake   *fakeharbor.Server
	client *harbor.Client
	book   usage.Book
	shelf  *shelf
	box    *box
	keeper retention.Keeper
	rules  retention.Rules

	crashIn int // so many steps from now jadm is killed; 0 for not at all

	// What is true, and jadm must learn.
	tags    map[string]digest.Digest          // by repository:tag, as people have left them
	used    map[digest.Digest]time.Time       // as far as jadm was told
	pinned  map[digest.Digest]bool            // as far as jadm was told
	pushed  map[digest.Digest]time.Time       // artifacts that were ever there
	repo    map[digest.Digest]string          // theirs
	late    map[time.Time][]provenance.Report // that arrive at some time to come
	part    map[digest.Digest]digest.Digest   // of an index, which jobs run
	needed  map[digest.Digest]bool            // objects of what is cited, that were there
	counted map[string]int
}

const simProject = "lab"

// inProcess asks the fake without a network.
type inProcess struct{ http.Handler }

func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec.Result(), nil
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{
		T: t, random: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2027, 1, 1, 3, 0, 0, 0, time.UTC), shelf: newShelf(), box: &box{},
		tags: map[string]digest.Digest{}, used: map[digest.Digest]time.Time{}, pinned: map[digest.Digest]bool{}, pushed: map[digest.Digest]time.Time{},
		repo: map[digest.Digest]string{}, late: map[time.Time][]provenance.Report{}, part: map[digest.Digest]digest.Digest{}, needed: map[digest.Digest]bool{},
		counted: map[string]int{},
	}
	w.fake = fakeharbor.New(fakeharbor.Options{Now: func() time.Time { return w.now }})
	t.Cleanup(w.fake.Close)
	w.fake.AddProject(fakeharbor.Project{Name: simProject})
	base, err := url.Parse(w.fake.URL)
	check(t, err)
	w.client = harbor.New(harbor.Options{Base: base, User: fakeharbor.AdminUser, Password: fakeharbor.AdminPassword, HTTP: &http.Client{Transport: inProcess{w.fake}}, RetryTotal: -1})
	dir := state.Open(t.TempDir())
	w.book = usage.Book{Dir: dir, Registry: "harbor.example", Rights: usage.Everybody{}, Acts: killed{w}, PinsPerUser: 1000}
	w.shelf.now = func() time.Time { return w.now }
	w.keeper = retention.Keeper{
		Registry: registry{w.client, w}, Book: w.book, Reports: reports{w.box, w}, Dir: dir, Acts: killed{w},
		Objects: func(string) (retention.Objects, error) { return objects{w.shelf, w}, nil },
		Safety:  retention.Safety{Grace: day, LongestJob: 7 * day}, UndeleteFor: 30 * day,
	}
	return w
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// crash is the panic that stands for kill -9.
type crash struct{}

// step is where jadm may be killed.
func (w *world) step() {
	if w.crashIn > 0 {
		if w.crashIn--; w.crashIn == 0 {
			panic(crash{})
		}
	}
}

// jadm runs something that may be killed, until it is not.
func (w *world) jadm(what string, do func() error) {
	w.Helper()
	for tries := 0; ; tries++ {
		w.crashIn = 0
		if w.random.IntN(4) == 0 {
			w.crashIn = 1 + w.random.IntN(40)
		}
		died := func() (died bool) {
			defer func() {
				if r := recover(); r != nil {
					if _, ok := r.(crash); !ok {
						panic(r)
					}
					died = true
				}
			}()
			if err := do(); err != nil {
				w.Fatalf("%s: %v", what, err)
			}
			return false
		}()
		w.crashIn = 0
		if !died {
			return
		}
		w.counted["killed"]++
		w.holds(what + ", killed")
		if w.random.IntN(3) == 0 {
			return // nobody ran it again today
		}
	}
}

// killed is an audit log in which jadm may be killed, before and after an act.
type killed struct{ w *world }

func (k killed) Do(act audit.Act, do func() error) error {
	k.w.step()
	err := do()
	k.w.counted[act.Action]++
	k.w.step()
	return err
}

// registry is Harbor's client, after each of whose changes jadm may be killed.
type registry struct {
	*harbor.Client
	w *world
}

func (r registry) ProjectArtifacts(ctx context.Context, project string) iter.Seq2[harbor.Artifact, error] {
	r.w.step()
	return r.Client.ProjectArtifacts(ctx, project)
}

// Artifact is asked for right before something is removed: people push and run things at
// just that moment.
func (r registry) Artifact(ctx context.Context, project, repository, reference string) (harbor.Artifact, error) {
	switch r.w.random.IntN(20) {
	case 0:
		r.w.push()
	case 1:
		r.w.use()
	}
	return r.Client.Artifact(ctx, project, repository, reference)
}

func (r registry) DeleteTag(ctx context.Context, project, repository, reference, tag string) error {
	err := r.Client.DeleteTag(ctx, project, repository, reference, tag)
	if err == nil && r.w.tags[repository+":"+tag] == digest.Digest(reference) {
		delete(r.w.tags, repository+":"+tag)
	}
	r.w.step()
	return err
}

func (r registry) DeleteArtifact(ctx context.Context, project, repository, reference string) error {
	err := r.Client.DeleteArtifact(ctx, project, repository, reference)
	r.w.step()
	return err
}

// reports is the drop box.
type reports struct {
	*box
	w *world
}

func (r reports) Done(told []store.Told) error {
	r.w.step()
	err := r.box.Done(told)
	r.w.step()
	return err
}

type box struct{ told []store.Told }

func (b *box) leave(r provenance.Report) {
	text, err := r.Encode()
	if err != nil {
		panic(err)
	}
	b.told = append(b.told, store.Told{UID: r.UID, Name: fmt.Sprint(len(b.told), r.Digest, r.Time, r.Kind), Content: text})
}

func (b *box) Read(limit int) ([]store.Told, int, error) {
	return slices.Clone(b.told[:min(limit, len(b.told))]), 0, nil
}

func (b *box) Done(told []store.Told) error {
	b.told = slices.DeleteFunc(b.told, func(t store.Told) bool {
		return slices.ContainsFunc(told, func(o store.Told) bool { return o.Name == t.Name })
	})
	return nil
}

// shelf is the objects of the project, as package store keeps them.
type shelf struct {
	now     func() time.Time
	objects map[digest.Digest]retention.Object
	deleted map[digest.Digest]retention.Object
	gone    map[digest.Digest]time.Time // when what is deleted was
	running map[digest.Digest]int
}

func newShelf() *shelf {
	return &shelf{objects: map[digest.Digest]retention.Object{}, deleted: map[digest.Digest]retention.Object{}, gone: map[digest.Digest]time.Time{}, running: map[digest.Digest]int{}}
}

func (s *shelf) List() ([]retention.Object, error) {
	var all []retention.Object
	for d, o := range s.objects {
		o.Users = s.running[d]
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b retention.Object) int { return cmp.Compare(a.Digest, b.Digest) })
	return all, nil
}

func (s *shelf) Discard(d digest.Digest) (bool, error) {
	o, ok := s.objects[d]
	if !ok {
		return false, store.ErrNotFound
	}
	if s.running[d] > 0 {
		return true, nil
	}
	delete(s.objects, d)
	s.deleted[d], s.gone[d] = o, s.now()
	return false, nil
}

func (s *shelf) Restore(d digest.Digest) error {
	o, ok := s.deleted[d]
	if !ok {
		return store.ErrNotFound
	}
	s.objects[d] = o
	delete(s.deleted, d)
	return nil
}

func (s *shelf) Purge(_ context.Context, after time.Duration) (int, error) {
	n := 0
	for d := range s.deleted {
		if s.now().Sub(s.gone[d]) >= after {
			delete(s.deleted, d)
			n++
		}
	}
	return n, nil
}

func (s *shelf) Pin([]usage.Pin) error { return nil }

type objects struct {
	*shelf
	w *world
}

func (o objects) Discard(d digest.Digest) (bool, error) {
	kept, err := o.shelf.Discard(d)
	o.w.step()
	return kept, err
}

// push is somebody who pushes a new image, under a new name or an old one.
func (w *world) push() {
	repository := fmt.Sprint("app", w.random.IntN(3))
	tag := fmt.Sprint("t", w.random.IntN(25))
	if w.random.IntN(4) == 0 {
		tag = "latest"
	}
	var d digest.Digest
	if w.random.IntN(3) == 0 {
		idx, err := random.Index(8, 1, 2, random.WithSource(source{w.random}))
		check(w, err)
		d = w.fake.PushIndex(simProject+"/"+repository, tag, idx)
		m, err := idx.IndexManifest()
		check(w, err)
		w.part[d] = digest.Digest(m.Manifests[0].Digest.String())
	} else {
		img, err := random.Image(8, 1, random.WithSource(source{w.random}))
		check(w, err)
		d = w.fake.Push(simProject+"/"+repository, tag, img)
	}
	w.tags[repository+":"+tag] = d
	w.pushed[d], w.repo[d] = w.now, repository
	if w.random.IntN(2) == 0 { // jadm serve converts it
		w.convert(d)
	}
	w.counted["pushed"]++
}

// use is a job that runs what a tag stands for, or a digest that somebody has noted. The
// report of one in ten is late, of one in twenty lost.
func (w *world) use() {
	d, ok := w.any()
	if !ok || w.missing(d) {
		return
	}
	if w.random.IntN(3) == 0 && w.shelf.Restore(w.runs(d)) != nil { // it is among the deleted ones, or made again
		w.convert(d)
	}
	r := w.report(d)
	switch n := w.random.IntN(20); {
	case n == 0:
		w.counted["lost reports"]++
	case n < 3:
		at := w.now.Add(time.Duration(1+w.random.IntN(20)) * day)
		w.late[at] = append(w.late[at], r)
	default:
		w.used[d] = w.now
		w.box.leave(r)
	}
	w.counted["used"]++
}

// runs is the manifest that a job runs when d is named.
func (w *world) runs(d digest.Digest) digest.Digest {
	if part, ok := w.part[d]; ok {
		return part
	}
	return d
}

// convert makes the object of what d names.
func (w *world) convert(d digest.Digest) {
	o := retention.Object{Digest: w.runs(d), SizeBytes: 1, Used: w.now}
	if o.Digest != d {
		o.Index = d
	}
	w.shelf.objects[o.Digest] = o
}

// any is one of the images, most likely one with a tag.
func (w *world) any() (digest.Digest, bool) {
	var all []digest.Digest
	if w.random.IntN(5) > 0 {
		for _, d := range w.tags {
			all = append(all, d)
		}
	} else {
		for d := range w.pushed {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return "", false
	}
	slices.Sort(all)
	return all[w.random.IntN(len(all))], true
}

func (w *world) report(d digest.Digest) provenance.Report {
	return provenance.Report{Kind: provenance.Used, UID: 1003, Time: w.now, Reference: "harbor.example/" + simProject + "/" + w.repo[d] + ":x", Digest: w.runs(d), Resolved: d}
}

// cite is somebody who pins an image, or takes that back.
func (w *world) cite() {
	d, ok := w.any()
	if !ok || w.missing(d) {
		return
	}
	r := w.report(d)
	r.Kind, r.Reason = provenance.Pin, "a paper"
	if w.pinned[d] {
		r.Kind, r.Reason = provenance.Unpin, ""
	}
	w.pinned[d] = !w.pinned[d]
	w.box.leave(r)
	w.counted["cited"]++
}

// source is the world's chance for go-containerregistry.
type source struct{ *rand.Rand }

func (s source) Seed(int64)   {}
func (s source) Int63() int64 { return s.Int64() }
