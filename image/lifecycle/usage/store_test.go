package usage_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/usage"
	"github.com/jrun-hpc/jrun/image/store"
)

// TestCollectStore reads a real drop box, and what the leases on the site's objects tell.
func TestCollectStore(t *testing.T) {
	for name, tt := range map[string]struct {
		used time.Duration // before now
		want bool
	}{"a day ago": {24 * time.Hour, true}, "still to come": {-48 * time.Hour, false}} {
		t.Run(name, func(t *testing.T) {
			b, _ := newBook(t)
			root := filepath.Join(t.TempDir(), "store")
			check(t, store.InitSite(root))
			site, err := store.OpenSite(root, lab)
			check(t, err)
			p, err := site.Create(t.Context(), image1, nil)
			check(t, err)
			defer p.Abort()
			_, err = p.File.WriteString("squashfs")
			check(t, err)
			_, err = p.Commit(store.Meta{Index: index1, Reference: "harbor.example/lab/cfd/sim:2", RawConfig: []byte("{}")})
			check(t, err)
			file := filepath.Join(root, "site", "leases", fmt.Sprintf("sha256-%s.1003.used", image1.Encoded()))
			check(t, os.WriteFile(file, nil, 0o644))
			now := time.Now()
			at := now.Add(-tt.used).Truncate(time.Second)
			check(t, os.Chtimes(file, at, at))
			for range 2 {
				if _, err := b.CollectStore(t.Context(), root, now); err != nil {
					t.Fatal(err)
				}
			}
			want := at
			if !tt.want {
				want = time.Time{}
			}
			if got := lastUsed(t, b, index1); !got.Equal(want) || !lastUsed(t, b, image1).Equal(want) {
				t.Errorf("last used at %v, want %v", got, want)
			}
		})
	}
}

// TestRecordsOfAMonthAreBounded: beyond the measure uses count and records are left out.
func TestRecordsOfAMonthAreBounded(t *testing.T) {
	b, _ := newBook(t)
	dir := filepath.Join(b.Dir.Path(), "records", "1003")
	check(t, os.MkdirAll(dir, 0o700))
	check(t, os.WriteFile(filepath.Join(dir, "2027-04.jsonl"), nil, 0o600))
	check(t, os.Truncate(filepath.Join(dir, "2027-04.jsonl"), 64<<20))
	x := &box{}
	x.leave(1003, used(1003, noon))
	if got := collect(t, b, x, noon); got.Uses != 1 || got.Records != 0 || got.Refused != 1 {
		t.Errorf("collected %+v", got)
	}
	x.leave(1003, used(1003, noon.AddDate(0, 1, 0)))
	if got := collect(t, b, x, noon.AddDate(0, 1, 0)); got.Records != 1 {
		t.Errorf("in the next month: %+v", got)
	}
}

// TestOneBadReport does not keep the others from being taken.
func TestOneBadReport(t *testing.T) {
	b, _ := newBook(t)
	root := filepath.Join(t.TempDir(), "store")
	check(t, store.InitSite(root))
	if _, err := b.CollectStore(t.Context(), root, time.Now()); err != nil { // it makes the place
		t.Fatal(err)
	}
	good := used(os.Getuid(), time.Now().UTC())
	good.Record = nil
	text, err := good.Encode()
	check(t, err)
	box := filepath.Join(root, "site", "reports")
	for _, content := range []string{"", "{", "null", string(text), `{"version":1,"kind":"used"}`} {
		check(t, os.WriteFile(filepath.Join(box, rand.Text()+".report"), []byte(content), 0o644))
	}
	b.Rights = usage.Everybody{}
	got, err := b.CollectStore(t.Context(), root, time.Now())
	if err != nil || got.Uses != 1 || got.Refused != 4 {
		t.Errorf("collected %+v, %v", got, err)
	}
	if left, err := os.ReadDir(box); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}
