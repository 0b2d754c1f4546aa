package usage_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/image/lifecycle/usage"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

var (
	noon      = time.Date(2027, 4, 1, 12, 0, 0, 0, time.UTC)
	image1    = digest.FromString("image")
	index1    = digest.FromString("index")
	lab       = store.Place{Registry: "harbor.example", Project: "lab"}
	errAbsent = errors.New("the directory is down")
)

// box is a drop box in memory.
type box struct {
	told  []store.Told
	keeps bool // reports are not removed: jadm was killed before
}

func (b *box) leave(uid int, r provenance.Report) {
	text, err := r.Encode()
	if err != nil {
		panic(err)
	}
	b.told = append(b.told, store.Told{UID: uid, Name: fmt.Sprint("r", len(b.told), uid, r.Time), Content: text})
}

func (b *box) Read(limit int) ([]store.Told, int, error) {
	return b.told[:min(limit, len(b.told))], 0, nil
}

func (b *box) Done(told []store.Told) error {
	if b.keeps {
		return errors.New("killed")
	}
	gone := map[string]bool{}
	for _, t := range told {
		gone[t.Name] = true
	}
	var left []store.Told
	for _, t := range b.told {
		if !gone[t.Name] {
			left = append(left, t)
		}
	}
	b.told = left
	return nil
}

// rights is who may what; down while that cannot be told.
type rights struct {
	may  map[int]string
	down bool
}

func (r *rights) May(_ context.Context, uid int, project string) (bool, error) {
	if r.down {
		return false, errAbsent
	}
	return r.may[uid] == project, nil
}

func newBook(t testing.TB) (usage.Book, *rights) {
	t.Helper()
	r := &rights{may: map[int]string{1003: "lab", 1004: "lab", 1005: "other"}}
	return usage.Book{Dir: state.Open(t.TempDir()), Registry: "harbor.example", Names: []string{"harbor"}, Rights: r, Acts: audit.None{}, PinsPerUser: 3}, r
}

func used(uid int, at time.Time) provenance.Report {
	record := provenance.Record{Version: provenance.Version, Job: "1.pbs", UID: uid, Started: at, Image: provenance.Image{
		Name: "lab/sim:2", Reference: "harbor.example/lab/cfd/sim:2", Digest: image1, Resolved: index1, Source: provenance.FromOwn}}
	return provenance.UseOf(record, true)
}

func pinned(kind provenance.ReportKind, uid int, at time.Time) provenance.Report {
	r := used(uid, at)
	r.Kind, r.Record = kind, nil
	if kind == provenance.Pin {
		r.Reason = "Suzuki 2027"
	}
	return r
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func collect(t testing.TB, b usage.Book, x *box, now time.Time) usage.Collected {
	t.Helper()
	c, err := b.Collect(t.Context(), x, now)
	check(t, err)
	return c
}

func lastUsed(t testing.TB, b usage.Book, d digest.Digest) time.Time {
	t.Helper()
	at, err := b.LastUsed(lab, d)
	check(t, err)
	return at
}

func recordsOf(t testing.TB, b usage.Book, uid int) int {
	t.Helper()
	n := 0
	for _, err := range b.Records(uid) {
		check(t, err)
		n++
	}
	return n
}

func TestWhatIsBelieved(t *testing.T) {
	with := func(change func(*provenance.Report)) provenance.Report {
		r := used(1003, noon)
		change(&r)
		return r
	}
	rename := func(name string) provenance.Report {
		return with(func(r *provenance.Report) { r.Reference, r.Record.Image.Reference = name, name })
	}
	for name, tt := range map[string]struct {
		owner  int
		report provenance.Report
		want   usage.Collected
	}{
		"a use":                  {1003, used(1003, noon), usage.Collected{Uses: 1, Records: 1}},
		"without a record":       {1003, with(func(r *provenance.Report) { r.Record = nil }), usage.Collected{Uses: 1}},
		"by another name":        {1003, rename("harbor/lab/cfd/sim@" + image1.String()), usage.Collected{Uses: 1, Records: 1}},
		"of another user":        {1004, used(1003, noon), usage.Collected{Refused: 1}},
		"still to come":          {1003, used(1003, noon.Add(time.Hour)), usage.Collected{Refused: 1}},
		"a clock that is ahead":  {1003, used(1003, noon.Add(time.Minute)), usage.Collected{Uses: 1, Records: 1}},
		"another registry":       {1003, rename("docker.io/library/debian:12"), usage.Collected{Foreign: 1, Records: 1}},
		"out of the directory":   {1003, rename("harbor.example/../etc/passwd"), usage.Collected{Foreign: 1, Records: 1}},
		"out of the project":     {1003, rename("harbor.example/lab/../other/sim:2"), usage.Collected{Foreign: 1, Records: 1}},
		"no project":             {1003, rename("harbor.example/sim"), usage.Collected{Foreign: 1, Records: 1}},
		"of somebody else's":     {1005, used(1005, noon), usage.Collected{Refused: 1, Records: 1}},
		"a pin":                  {1003, pinned(provenance.Pin, 1003, noon), usage.Collected{Pins: 1}},
		"a pin of somebody else": {1005, pinned(provenance.Pin, 1005, noon), usage.Collected{Refused: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := newBook(t)
			x := &box{}
			x.leave(tt.owner, tt.report)
			if diff := cmp.Diff(tt.want, collect(t, b, x, noon)); diff != "" {
				t.Errorf("collected (-want +got):\n%s", diff)
			}
			if len(x.told) != 0 {
				t.Error("the report is still there")
			}
			at := tt.report.Time
			if tt.want.Uses == 0 {
				at = time.Time{}
			}
			if got := lastUsed(t, b, index1); !got.Equal(at) || !lastUsed(t, b, image1).Equal(at) {
				t.Errorf("last used at %v, want %v", got, at)
			}
			if n := recordsOf(t, b, tt.owner); n != tt.want.Records {
				t.Errorf("%d records", n)
			}
			if pins, err := b.Pins(); err != nil || len(pins) != tt.want.Pins {
				t.Errorf("pins are %v, %v", pins, err)
			}
		})
	}
}

// TestReportsWait: while nobody knows who may what, nothing is lost, and what needs no
// rights goes on.
func TestReportsWait(t *testing.T) {
	b, r := newBook(t)
	x := &box{}
	for i := range 1000 {
		x.leave(1003, used(1003, noon.Add(-time.Duration(i)*time.Second)))
	}
	r.down = true
	if got := collect(t, b, x, noon); got.Uses != 0 || got.Waiting == 0 || len(x.told) != 1000 {
		t.Errorf("collected %+v, %d left", got, len(x.told))
	}
	r.down = false
	if diff := cmp.Diff(usage.Collected{Uses: 1000, Records: 1000}, collect(t, b, x, noon)); diff != "" || len(x.told) != 0 {
		t.Errorf("collected (-want +got):\n%s%d left", diff, len(x.told))
	}
}

// TestKilledBeforeReportsAreRemoved: what was taken is taken again and counts once, also
// after a line that was cut off.
func TestKilledBeforeReportsAreRemoved(t *testing.T) {
	b, _ := newBook(t)
	x := &box{keeps: true}
	x.leave(1003, used(1003, noon))
	x.leave(1003, pinned(provenance.Pin, 1003, noon))
	x.leave(1003, pinned(provenance.Unpin, 1003, noon.Add(-time.Hour)))
	for range 3 {
		if _, err := b.Collect(t.Context(), x, noon); err == nil {
			t.Fatal("it was not killed")
		}
	}
	file := filepath.Join(b.Dir.Path(), "records", "1003", "2027-04.jsonl")
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	check(t, err)
	_, err = f.WriteString(`{"id":"cut","record":{"ver`)
	check(t, err)
	check(t, f.Close())
	x.keeps = false
	x.leave(1003, used(1003, noon.Add(-time.Minute)))
	collect(t, b, x, noon)
	if n := recordsOf(t, b, 1003); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
	pins, err := b.Pins()
	check(t, err)
	if len(pins) != 1 || !pins[0].Is(index1) || !pins[0].Is(image1) || pins[0].UID != 1003 || pins[0].Reason != "Suzuki 2027" {
		t.Errorf("pins are %+v", pins)
	}
	uses, err := b.Uses("lab")
	check(t, err)
	if use := uses["cfd/sim"][image1]; use.Index != index1 || !use.Named.IsZero() || len(use.By) != 1 {
		t.Errorf("the image is %+v", use)
	}
}

// TestPinsInAnyOrder: the later of a pin and an unpin holds, whichever comes first.
func TestPinsInAnyOrder(t *testing.T) {
	pin, unpin := pinned(provenance.Pin, 1003, noon), pinned(provenance.Unpin, 1003, noon.Add(time.Minute))
	again := pinned(provenance.Pin, 1003, noon.Add(2*time.Minute))
	for name, tt := range map[string]struct {
		order []provenance.Report
		want  int
	}{
		"pin, unpin": {[]provenance.Report{pin, unpin}, 0}, "unpin, pin": {[]provenance.Report{unpin, pin}, 0},
		"again": {[]provenance.Report{pin, unpin, again}, 1}, "again, late": {[]provenance.Report{again, unpin, pin}, 1},
		"unpin late": {[]provenance.Report{pin, again, unpin}, 1},
	} {
		b, _ := newBook(t)
		for _, r := range tt.order {
			x := &box{}
			x.leave(1003, r)
			collect(t, b, x, noon.Add(time.Hour))
		}
		if pins, err := b.Pins(); err != nil || len(pins) != tt.want {
			t.Errorf("%s: %+v, %v", name, pins, err)
		}
	}
}

func TestPinsAreBoundedAndOnesOwn(t *testing.T) {
	b, _ := newBook(t)
	x := &box{}
	for i := range 5 {
		r := pinned(provenance.Pin, 1003, noon)
		r.Digest = digest.FromString(fmt.Sprint(i))
		r.Resolved = r.Digest
		x.leave(1003, r)
	}
	x.leave(1004, pinned(provenance.Pin, 1004, noon))
	x.leave(1003, pinned(provenance.Unpin, 1003, noon.Add(time.Second)))
	if got := collect(t, b, x, noon.Add(time.Minute)); got.Pins != 5 || got.Refused != 2 {
		t.Errorf("collected %+v", got)
	}
	pins, err := b.PinsOf("lab")
	check(t, err)
	if len(pins) != 4 {
		t.Errorf("pins are %+v", pins)
	}
	n, err := b.RemovePin(usage.Pin{Project: "lab", Repository: "cfd/sim", Digest: image1, UID: usage.Administrator, Time: noon.Add(time.Hour)}, true, noon.Add(time.Hour))
	if err != nil || n != 1 {
		t.Errorf("the administrator has removed %d, %v", n, err)
	}
}

// TestKeepAlive: what was used since the last time, once a day, the index where that was
// named; what is gone is said and not asked for again.
func TestKeepAlive(t *testing.T) {
	now := noon
	fake := fakeharbor.New(fakeharbor.Options{Now: func() time.Time { return now }})
	t.Cleanup(fake.Close)
	base, err := url.Parse(fake.URL)
	check(t, err)
	client := harbor.New(harbor.Options{Base: base, User: fakeharbor.AdminUser, Password: fakeharbor.AdminPassword, RetryTotal: -1})
	fake.AddProject(fakeharbor.Project{Name: "lab"})
	idx, err := random.Index(64, 1, 1)
	check(t, err)
	index := fake.PushIndex("lab/cfd/sim", "2", idx)
	manifest, err := idx.IndexManifest()
	check(t, err)
	instance := digest.Digest(manifest.Manifests[0].Digest.String())
	b, _ := newBook(t)
	use := func(at time.Time, named, ran digest.Digest) {
		x := &box{}
		r := used(1003, at)
		r.Resolved, r.Digest, r.Record = named, ran, nil
		x.leave(1003, r)
		collect(t, b, x, now)
	}
	round := func() usage.KeptAlive {
		t.Helper()
		k, err := b.KeepAlive(t.Context(), client, now, false)
		check(t, err)
		return k
	}
	use(now, index, instance)
	use(now, image1, image1) // which was deleted
	if k, err := b.KeepAlive(t.Context(), client, now, true); err != nil || len(k.Touched) != 2 || !fake.Pulled("lab/cfd/sim", "2").IsZero() {
		t.Errorf("a dry run: %+v, %v", k, err)
	}
	fake.SetBackendDown(true)
	down, err := b.KeepAlive(t.Context(), client, now, false)
	if err == nil || len(down.Touched) != 0 {
		t.Errorf("while the storage was down: %+v, %v", down, err)
	}
	fake.SetBackendDown(false)
	if k := round(); len(k.Touched) != 1 || k.Touched[0].Digest != index || len(k.Gone)+len(down.Gone) != 1 {
		t.Errorf("kept alive: %+v", k)
	}
	if at := fake.Pulled("lab/cfd/sim", "2"); !at.Equal(noon) {
		t.Errorf("Harbor knows of %v", at)
	}
	now = noon.Add(time.Hour)
	use(now, index, instance)
	if k := round(); len(k.Touched)+len(k.Gone) != 0 {
		t.Errorf("an hour later: %+v", k)
	}
	now = noon.Add(25 * time.Hour)
	if k := round(); len(k.Touched) != 1 || len(k.Gone) != 0 {
		t.Errorf("a day later: %+v", k)
	}
	now = noon.Add(100 * time.Hour)
	if k := round(); len(k.Touched) != 0 {
		t.Errorf("not used since: %+v", k)
	}
	fake.SetMetadata("lab", "prevent_vul", "true")
	use(now, index, instance)
	if k := round(); len(k.Touched)+len(k.Blocked) != 1 {
		t.Errorf("behind a gate: %+v", k)
	}
}
