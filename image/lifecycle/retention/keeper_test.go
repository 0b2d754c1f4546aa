package retention_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
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

// site is a Harbor, the fake or a real one (HARBOR_URL), and a real store.
type site struct {
	*testing.T
	client  *harbor.Client
	base    *url.URL
	user    string
	secret  string
	project string
	root    string
	store   *store.Store
	keeper  retention.Keeper
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{T: t, user: os.Getenv("HARBOR_USER"), secret: os.Getenv("HARBOR_PASSWORD"), project: "ret" + strings.ToLower(rand.Text()[:8]), root: filepath.Join(t.TempDir(), "store")}
	address := os.Getenv("HARBOR_URL")
	if address == "" {
		fake := fakeharbor.New(fakeharbor.Options{})
		t.Cleanup(fake.Close)
		address, s.user, s.secret = fake.URL, fakeharbor.AdminUser, fakeharbor.AdminPassword
	}
	var err error
	s.base, err = url.Parse(address)
	check(t, err)
	s.client = harbor.New(harbor.Options{Base: s.base, User: s.user, Password: s.secret})
	check(t, s.client.CreateProject(t.Context(), harbor.NewProject{Name: s.project}))
	t.Cleanup(func() {
		ctx := context.Background()
		_ = s.client.DeleteRepository(ctx, s.project, "cfd/sim")
		_ = s.client.DeleteProject(ctx, s.project)
	})
	check(t, store.InitSite(s.root))
	s.store, err = store.OpenSite(s.root, store.Place{Registry: "harbor.example", Project: s.project})
	check(t, err)
	box, err := store.OpenReports(s.root)
	check(t, err)
	dir := state.Open(t.TempDir())
	s.keeper = retention.Keeper{
		Registry: s.client, Reports: box, Dir: dir, Acts: audit.Open(filepath.Join(dir.Path(), "audit.jsonl"), "test"),
		Book:    usage.Book{Dir: dir, Registry: "harbor.example", Rights: usage.Everybody{}, Acts: audit.None{}, PinsPerUser: 10},
		Objects: func(string) (retention.Objects, error) { return retention.SiteObjects{Store: s.store}, nil },
	}
	return s
}

// push pushes an image and converts it.
func (s *site) push(tag string) digest.Digest {
	s.Helper()
	img, err := random.Image(256, 1)
	check(s, err)
	ref, err := name.ParseReference(s.base.Host+"/"+s.project+"/cfd/sim:"+tag, name.Insecure)
	check(s, err)
	check(s, remote.Write(ref, img, remote.WithAuth(&authn.Basic{Username: s.user, Password: s.secret})))
	got, err := img.Digest()
	check(s, err)
	d := digest.Digest(got.String())
	pending, err := s.store.Create(s.Context(), d, nil)
	check(s, err)
	defer pending.Abort()
	_, err = pending.File.WriteString("squashfs of " + tag)
	check(s, err)
	_, err = pending.Commit(store.Meta{Reference: "harbor.example/" + s.project + "/cfd/sim:" + tag, RawConfig: []byte(`{}`)})
	check(s, err)
	return d
}

// tell leaves a report in the drop box, as jrun does.
func (s *site) tell(kind provenance.ReportKind, d digest.Digest, at time.Time) {
	s.Helper()
	r := provenance.Report{Kind: kind, UID: os.Getuid(), Time: at, Reference: "harbor.example/" + s.project + "/cfd/sim:x", Digest: d, Resolved: d, Reason: "Suzuki 2027"}
	b, err := r.Encode()
	check(s, err)
	check(s, os.WriteFile(filepath.Join(s.root, "site", "reports", rand.Text()+".report"), b, 0o644))
}

func (s *site) retain(r retention.Rules, between func()) retention.Result {
	s.Helper()
	p, err := s.keeper.Plan(s.Context(), s.project, r, time.Now())
	check(s, err)
	between()
	result, err := s.keeper.Apply(s.Context(), p, r, time.Now())
	check(s, err)
	return result
}

func nothing() {}

// pulls reports whether a tag or digest can be pulled.
func (s *site) pulls(reference string) bool {
	s.Helper()
	_, err := s.client.Artifact(s.Context(), s.project, "cfd/sim", reference)
	if err != nil && harbor.Status(err) != http.StatusNotFound {
		s.Fatal(err)
	}
	return err == nil
}

func (s *site) has(d digest.Digest) bool {
	_, err := s.store.Get(d)
	return err == nil
}

// TestBothSides: a tag that no rule keeps goes, with its object; it can be had back, and
// goes for good when its time is over; what is cited stays on both sides.
func TestBothSides(t *testing.T) {
	s := newSite(t)
	s.keeper.UndeleteFor = time.Hour
	rules := retention.Rules{Last: 1}
	cited, old := s.push("cited"), s.push("old")
	s.tell(provenance.Pin, cited, time.Now())
	kept := s.push("kept")
	if _, err := s.keeper.Book.Collect(t.Context(), s.keeper.Reports, time.Now()); err != nil {
		t.Fatal(err)
	}
	result := s.retain(rules, nothing)
	if len(result.Untagged) != 1 || result.Untagged[0].Tag != "old" || len(result.Discarded) != 1 || result.Discarded[0] != old || len(result.Deleted) != 0 {
		t.Fatalf("removed: %+v", result)
	}
	if s.pulls("old") || !s.pulls(old.String()) || !s.pulls("cited") || !s.pulls("kept") || s.has(old) || !s.has(cited) || !s.has(kept) {
		t.Error("something is not as it should be")
	}
	if pins, err := s.store.Pins(); err != nil || pins[cited].Reason != "jadm: Suzuki 2027" || len(pins) != 1 {
		t.Errorf("pins in the store: %v, %v", pins, err)
	}
	everything := func(retention.Item) bool { return true }
	if u, err := s.keeper.Undo(t.Context(), s.project, time.Now(), everything, true); err != nil || len(u.Restored) != 1 || s.pulls("old") {
		t.Errorf("a dry run: %+v, %v", u, err)
	}
	u, err := s.keeper.Undo(t.Context(), s.project, time.Now(), everything, false)
	if err != nil || len(u.Restored) != 1 || len(u.Objects) != 1 || len(u.Failed) != 0 || !s.pulls("old") || !s.has(old) {
		t.Errorf("undone: %+v, %v", u, err)
	}
	result = s.retain(retention.Rules{Tags: []string{"kept"}}, nothing)
	if len(result.Untagged) != 1 || s.has(old) {
		t.Fatalf("again: %+v", result)
	}
	s.keeper.UndeleteFor = 0
	result = s.retain(retention.Rules{Tags: []string{"kept"}}, nothing)
	if len(result.Deleted) != 1 || result.Purged == 0 || s.pulls(old.String()) || !s.pulls("cited") || !s.has(cited) {
		t.Errorf("for good: %+v", result)
	}
	if u, err := s.keeper.Undo(t.Context(), s.project, time.Now(), everything, false); err != nil || len(u.Restored)+len(u.Failed) != 0 {
		t.Errorf("undone when it is gone: %+v, %v", u, err)
	}
}

// TestLooksAgain: between the plan and the removal somebody pushes, runs, pins.
func TestLooksAgain(t *testing.T) {
	for what, tt := range map[string]struct {
		between func(s *site, d digest.Digest)
		gone    bool
	}{
		"nothing":    {func(*site, digest.Digest) {}, true},
		"a push":     {func(s *site, _ digest.Digest) { s.push("old") }, false},
		"a run":      {func(s *site, d digest.Digest) { s.tell(provenance.Used, d, time.Now()) }, false},
		"a pin":      {func(s *site, d digest.Digest) { s.tell(provenance.Pin, d, time.Now()) }, false},
		"an old run": {func(s *site, d digest.Digest) { s.tell(provenance.Used, d, time.Now().Add(-100*day)) }, true},
		"a deletion": {func(s *site, d digest.Digest) {
			check(s, s.client.DeleteArtifact(s.Context(), s.project, "cfd/sim", d.String()))
		}, true},
		"another name": {func(s *site, d digest.Digest) {
			check(s, s.client.AddTag(s.Context(), s.project, "cfd/sim", d.String(), "more"))
		}, true},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t)
			s.keeper.LongestJob, s.keeper.UndeleteFor = day, day
			d := s.push("old")
			s.push("kept")
			result := s.retain(retention.Rules{Tags: []string{"kept"}}, func() { tt.between(s, d) })
			if s.pulls("old") == tt.gone {
				t.Errorf("after %s the tag is gone: %v; %+v", what, tt.gone, result)
			}
			if (what == "a run" || what == "a pin") && !s.has(d) {
				t.Error("the object is gone")
			}
		})
	}
}

// TestAPlanChangesNothing, and says the same again.
func TestAPlanChangesNothing(t *testing.T) {
	s := newSite(t)
	d := s.push("old")
	for range 2 {
		p, err := s.keeper.Plan(t.Context(), s.project, retention.Rules{Tags: []string{"kept"}}, time.Now())
		check(t, err)
		if len(p.Verdicts) != 1 || p.Verdicts[0].Keep || len(p.Objects) != 1 || p.Objects[0].Keep {
			t.Errorf("the plan is %+v", p)
		}
	}
	if !s.pulls("old") || !s.has(d) {
		t.Error("it is gone")
	}
}

// TestCitedOutlivesTheRegistry: the object of what is cited stays, whoever deletes it in
// Harbor.
func TestCitedOutlivesTheRegistry(t *testing.T) {
	s := newSite(t)
	cited, other := s.push("cited"), s.push("other")
	s.push("kept")
	s.tell(provenance.Pin, cited, time.Now())
	if _, err := s.keeper.Book.Collect(t.Context(), s.keeper.Reports, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, d := range []digest.Digest{cited, other} {
		check(t, s.client.DeleteArtifact(t.Context(), s.project, "cfd/sim", d.String()))
	}
	for range 2 {
		s.retain(retention.Rules{Tags: []string{"kept"}}, nothing)
	}
	if !s.has(cited) || s.has(other) {
		t.Errorf("the cited object is there: %v, the other one: %v", s.has(cited), s.has(other))
	}
}

// TestWhatCannotBeReadKeepsEverything: without the pins nobody knows what may go.
func TestWhatCannotBeReadKeepsEverything(t *testing.T) {
	s := newSite(t)
	d := s.push("old")
	s.push("kept")
	rules := retention.Rules{Tags: []string{"kept"}}
	file := filepath.Join(s.keeper.Dir.Path(), "pins", s.project+".json")
	check(t, os.MkdirAll(filepath.Dir(file), 0o700))
	p, err := s.keeper.Plan(t.Context(), s.project, rules, time.Now())
	check(t, err)
	check(t, os.WriteFile(file, []byte(`{"pins":[{`), 0o600))
	if _, err := s.keeper.Plan(t.Context(), s.project, rules, time.Now()); err == nil {
		t.Error("a plan was made without the pins")
	}
	if _, err := s.keeper.Apply(t.Context(), p, rules, time.Now()); err == nil {
		t.Error("a plan was applied without the pins")
	}
	if !s.pulls("old") || !s.has(d) {
		t.Error("it is gone")
	}
}
