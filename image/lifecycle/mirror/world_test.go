package mirror

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// world is a Harbor, a store and a directory.
type world struct {
	testing.TB
	fake   *fakeharbor.Server
	root   string // of the store
	state  state.Dir
	people directory
	log    *bytes.Buffer
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, fake: fakeharbor.New(fakeharbor.Options{LoginDelay: time.Millisecond}), root: filepath.Join(t.TempDir(), "store"), state: state.Open(t.TempDir()), log: &bytes.Buffer{}}
	t.Cleanup(w.fake.Close)
	check(t, store.InitSite(w.root))
	w.people = directory{persons: map[string]people.Person{}, groups: map[string]people.Group{}}
	return w
}

func (w *world) options() Options {
	base, err := url.Parse(w.fake.URL)
	check(w, err)
	return Options{
		Harbor:   harbor.New(harbor.Options{Base: base, User: fakeharbor.AdminUser, Password: fakeharbor.AdminPassword, RetryTotal: -1}),
		Registry: w.fake.Host, Store: w.root, Login: image.Login{User: fakeharbor.AdminUser, Password: fakeharbor.AdminPassword},
		Directory: &w.people, State: w.state, Audit: audit.Open(filepath.Join(w.state.Path(), "audit.jsonl"), "test"),
		Log: slog.New(slog.NewTextHandler(w.log, nil)), UndeleteFor: time.Hour, Version: "test",
		firstPause: time.Millisecond,
	}
}

// mirror is one that runs until the test ends, or stop is called.
func (w *world) mirror(change func(*Options)) (m *Mirror, stop func()) {
	w.Helper()
	o := w.options()
	if change != nil {
		change(&o)
	}
	m, err := New(o)
	check(w, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			check(w, <-done)
		}
	}
	w.Cleanup(stop)
	return m, stop
}

// settle waits until there is nothing to do.
func (w *world) settle(m *Mirror) {
	w.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if m.Idle() {
			return
		}
	}
	w.Fatalf("it does not come to an end: %+v\n%s", m.Status(), w.log)
}

// digests are the objects of a project.
func (w *world) digests(project string) map[digest.Digest]bool {
	w.Helper()
	s, err := store.OpenSite(w.root, store.Place{Registry: w.fake.Host, Project: project})
	check(w, err)
	objects, err := s.List()
	check(w, err)
	found := map[digest.Digest]bool{}
	for _, o := range objects {
		found[o.Digest] = true
	}
	return found
}

// names are those of a project, without the registry, and what they stand for.
func (w *world) names(project string) map[string]digest.Digest {
	w.Helper()
	s, err := store.OpenSite(w.root, store.Place{Registry: w.fake.Host, Project: project})
	check(w, err)
	refs, err := s.Refs()
	check(w, err)
	found := map[string]digest.Digest{}
	for _, r := range refs {
		found[strings.TrimPrefix(r.Name, w.fake.Host+"/")] = r.Digest
	}
	return found
}

func testImage(t testing.TB, seed string) v1.Image { return fakeharbor.Image(t, seed, "amd64") }

func check(t testing.TB, err error) {
	if err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

// directory is one in memory.
type directory struct {
	persons map[string]people.Person
	groups  map[string]people.Group
	err     error // instead of answers
}

func (d *directory) Person(_ context.Context, id string) (people.Person, error) {
	p, ok := d.persons[id]
	if d.err == nil && !ok {
		return p, fmt.Errorf("%s: %w", id, people.ErrUnknown)
	}
	return p, d.err
}

func (d *directory) Group(_ context.Context, dn string) (people.Group, error) {
	g, ok := d.groups[dn]
	if d.err == nil && !ok {
		return g, fmt.Errorf("%s: %w", dn, people.ErrUnknown)
	}
	return g, d.err
}

// lines of the audit log that have a word.
func (w *world) audited(word string) int {
	b, err := os.ReadFile(filepath.Join(w.state.Path(), "audit.jsonl"))
	check(w, err)
	return strings.Count(string(b), word)
}
