package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/runtime/inject"
)

// siteSession is a session whose store has a site's part, and a function that returns
// what the site was told.
func siteSession(t testing.TB) (*session, func() []provenance.Report) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "store")
	if err := store.InitSite(root); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenReports(root); err != nil { // as jadm does
		t.Fatal(err)
	}
	owner, box := os.Getuid(), filepath.Join(root, "site", "reports")
	if owner == 0 { // which is no service account
		owner = 2001
		for _, dir := range []string{root, filepath.Dir(box), box} {
			if err := os.Chown(dir, owner, owner); err != nil {
				t.Fatal(err)
			}
		}
	}
	st, err := store.Open(root, store.Options{SiteOwner: owner})
	if err != nil {
		t.Fatal(err)
	}
	s := &session{store: st, client: image.NewClient(image.Options{}), report: &progress{out: io.Discard}}
	return s, func() []provenance.Report {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(box, "*.report"))
		if err != nil {
			t.Fatal(err)
		}
		var reports []provenance.Report
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r, err := provenance.ParseReport(b)
			if err != nil || r.UID != os.Getuid() {
				t.Fatalf("%q: %v", b, err)
			}
			reports = append(reports, r)
		}
		return reports
	}
}

func nothingBrought() []inject.Item { return nil }

func aRun() provenance.Record {
	return provenance.Record{Version: provenance.Version, Job: "4711.pbs01", Started: ranTime, Image: provenance.Image{
		Name: "lab/sim:2", Reference: "reg.example/lab/sim:2", Digest: ranDigest, Resolved: ranDigest, Source: provenance.FromOwn}}
}

// TestTheSiteIsTold: once for all processes of a job, with the record unless that is
// private, and of images of registries only.
func TestTheSiteIsTold(t *testing.T) {
	for name, tt := range map[string]struct {
		change  func(*session, *provenance.Record)
		reports int
		records bool
	}{
		"an image of a registry": {func(*session, *provenance.Record) {}, 1, true},
		"kept private":           {func(s *session, _ *provenance.Record) { no := false; s.config.ShareRecords = &no }, 1, false},
		"a long command": {func(_ *session, r *provenance.Record) {
			r.Command.Arguments = []string{strings.Repeat("x", store.MostReportBytes)}
		}, 1, false},
		"a file":     {func(_ *session, r *provenance.Record) { r.Image.Source = provenance.FromFile }, 0, false},
		"an archive": {func(_ *session, r *provenance.Record) { r.Image.Reference = "oci-archive:/data/x.tar" }, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, reports := siteSession(t)
			r := aRun()
			tt.change(s, &r)
			var ranks sync.WaitGroup
			for range 16 {
				ranks.Go(func() { s.record(r, store.Object{Digest: ranDigest}, nothingBrought) })
			}
			ranks.Wait()
			got := reports()
			if len(got) != tt.reports {
				t.Fatalf("16 ranks have left %d reports, want %d", len(got), tt.reports)
			}
			if tt.reports > 0 && (got[0].Digest != ranDigest || got[0].Kind != provenance.Used || (got[0].Record != nil) != tt.records) {
				t.Errorf("the report is %+v", got[0])
			}
		})
	}
}

// TestManyRunsOfAJob: what is not recorded any more is still told, once.
func TestManyRunsOfAJob(t *testing.T) {
	s, reports := siteSession(t)
	for i := range store.RecordLimit + 20 {
		r := aRun()
		r.Command.Arguments = []string{strings.Repeat("x", i)}
		s.record(r, store.Object{Digest: ranDigest}, nothingBrought)
	}
	if n := len(reports()); n != store.RecordLimit+1 {
		t.Errorf("%d reports, want %d and one", n, store.RecordLimit)
	}
}

func TestPinsAreToldToTheSite(t *testing.T) {
	s, reports := siteSession(t)
	keep(t, s, ranDigest)
	object, err := s.store.Get(ranDigest)
	if err != nil {
		t.Fatal(err)
	}
	if said, err := s.askSite(provenance.Pin, object, "cited", "reg.example/other/sim:3"); err != nil || said == "" {
		t.Errorf("says %q, %v", said, err)
	}
	object.Site = true
	if _, err := s.askSite(provenance.Unpin, object, "", ranDigest.String()); err != nil {
		t.Error(err)
	}
	names := map[provenance.ReportKind]string{}
	for _, r := range reports() {
		names[r.Kind] = r.Reference
	}
	if names[provenance.Pin] != "reg.example/other/sim:3" || names[provenance.Unpin] != "reg.example/lab/sim:2" {
		t.Errorf("they name %v", names)
	}
	object.Meta.Reference = "oci-archive:/data/x.tar"
	if _, err := s.askSite(provenance.Pin, object, "cited", ranDigest.String()); err == nil {
		t.Error("an image of no registry was pinned at the site")
	}
	object.Site = false
	if _, err := s.askSite(provenance.Pin, object, "cited", ranDigest.String()); err != nil {
		t.Errorf("an own one: %v", err)
	}
}

// TestRecordsAreSharedOnlyWhereBothSaySo: the site or the user.
func TestRecordsAreSharedOnlyWhereBothSaySo(t *testing.T) {
	yes, no := true, false
	for _, tt := range []struct {
		site, own *bool
		want      bool
	}{{nil, nil, true}, {&no, nil, false}, {&no, &yes, false}, {&yes, &no, false}, {nil, &no, false}, {&yes, &yes, true}} {
		if got := (config{ShareRecords: tt.site}).with(config{ShareRecords: tt.own}).sharesRecords(); got != tt.want {
			t.Errorf("%v, %v: %v", tt.site, tt.own, got)
		}
	}
}

// BenchmarkTell is what the first process of a job pays for telling the site. The
// others pay nothing: they do not come so far.
func BenchmarkTell(b *testing.B) {
	s, _ := siteSession(b)
	for b.Loop() {
		s.tellUse(aRun())
	}
}
