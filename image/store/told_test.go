package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openReports is OpenReports for root, who goes on in the service account's name.
func openReports(t *testing.T, root string) *Reports {
	t.Helper()
	dir := filepath.Join(root, "site", siteReports)
	check(t, os.Mkdir(dir, 0o700))
	check(t, os.Chmod(dir, 0o733|os.ModeSticky))
	check(t, os.Chown(dir, 2001, 2001))
	return &Reports{dir: filepath.Join(root, "site", siteReports), now: time.Now}
}

func TestReportsOfSeveralUsers(t *testing.T) {
	root, _, o := siteStore(t)
	if got := acted(t, 2101, 2101, "tell", root, "lab", o.Digest); !strings.Contains(got, "nobody takes reports") {
		t.Errorf("where nobody reads them: %q", got)
	}
	r := openReports(t, root)
	for _, uid := range []int{2101, 2102, 2101} {
		if got := acted(t, uid, uid, "tell", root, "lab", o.Digest); !strings.HasSuffix(got, "; told: <nil>; may list: false") {
			t.Errorf("uid %d: %q", uid, got)
		}
	}
	told, refused, err := r.Read(10)
	if err != nil || refused != 0 || len(told) != 3 {
		t.Fatalf("read %v, %d refused, %v", told, refused, err)
	}
	for _, one := range told {
		if string(one.Content) != "a report of "+strconv.Itoa(one.UID) || one.Left.IsZero() || one.Name == "" {
			t.Errorf("%+v says %q", one, one.Content)
		}
	}
	if some, _, err := r.Read(2); err != nil || len(some) != 2 {
		t.Errorf("two: %v, %v", some, err)
	}
	check(t, r.Done(told))
	check(t, r.Done(told)) // again is fine
	if told, _, err := r.Read(10); err != nil || len(told) != 0 {
		t.Errorf("they are still there: %v, %v", told, err)
	}
}

// TestNoReports: what is no report is neither opened nor followed, and goes after a day.
func TestNoReports(t *testing.T) {
	root, _, _ := siteStore(t)
	r := openReports(t, root)
	secret := filepath.Join(root, "secret")
	check(t, os.WriteFile(secret, []byte("secret"), 0o600))
	at := func(name string) string { return filepath.Join(r.dir, name) }
	check(t, os.Symlink(secret, at("link.report")))
	check(t, os.Link(secret, at("second.report")))
	check(t, unix.Mkfifo(at("pipe.report"), 0o666))
	check(t, os.Mkdir(at("dir.report"), 0o755))
	check(t, os.WriteFile(at("long.report"), make([]byte, MostReportBytes+1), 0o644))
	check(t, os.WriteFile(at(".new-x"), []byte("half"), 0o644))
	check(t, os.WriteFile(at("other"), nil, 0o644))
	told, refused, err := r.Read(100)
	if err != nil || len(told) != 0 || refused != 0 {
		t.Errorf("read %v, %d refused, %v", told, refused, err)
	}
	r.now = func() time.Time { return time.Now().Add(2 * foreignGrace) }
	if told, refused, err = r.Read(100); err != nil || len(told) != 0 || refused != 7 {
		t.Errorf("a day later: %v, %d refused, %v", told, refused, err)
	}
	if b, err := os.ReadFile(secret); err != nil || string(b) != "secret" {
		t.Errorf("the file that a link led to: %q, %v", b, err)
	}
}

func TestTell(t *testing.T) {
	s := newStore(t)
	if err := s.Tell(nil); !errors.Is(err, ErrNobodyToTell) {
		t.Errorf("without a site's part: %v", err)
	}
	check(t, InitSite(s.Root()))
	_, err := OpenReports(s.Root())
	check(t, err)
	dir := filepath.Join(s.Root(), "site", siteReports)
	with := func(owner int) *Store {
		t.Helper()
		own := *s
		own.site = &site{dir: filepath.Join(s.Root(), "site"), owner: owner}
		return &own
	}
	if err := with(os.Getuid() + 1).Tell(nil); !errors.Is(err, ErrNobodyToTell) {
		t.Errorf("another's: %v", err)
	}
	s = with(os.Getuid())
	if err := s.Tell(make([]byte, MostReportBytes+1)); err == nil || errors.Is(err, ErrNobodyToTell) {
		t.Errorf("too long: %v", err)
	}
	for range 3 {
		check(t, s.TellOnce("sha256:x", []byte("x")))
	}
	check(t, s.TellOnce("sha256:y", []byte("y")))
	r, err := OpenReports(s.Root())
	check(t, err)
	told, _, err := r.Read(10)
	said := []string{}
	for _, one := range told {
		said = append(said, string(one.Content))
	}
	slices.Sort(said)
	if err != nil || !slices.Equal(said, []string{"x", "y"}) {
		t.Errorf("told %q, %v", said, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("files: %v, %v", entries, err)
	}
	for _, mode := range []os.FileMode{0o777 | os.ModeSticky, 0o733, 0o700} {
		check(t, os.Chmod(dir, mode))
		err := s.Tell([]byte("z"))
		if mode == 0o700 {
			continue // where the test is root or the owner it can
		}
		if !errors.Is(err, ErrNobodyToTell) {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
	if _, err := OpenReports(s.Root()); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o733 || info.Mode()&os.ModeSticky == 0 {
		t.Errorf("it is %v now, %v", info.Mode(), err)
	}
}

// TestReportsThatNobodyReads go one day.
func TestReportsThatNobodyReads(t *testing.T) {
	root, service, _ := siteStore(t)
	r := openReports(t, root)
	for name, age := range map[string]time.Duration{"old.report": reportGrace + time.Hour, "new.report": time.Hour} {
		path := filepath.Join(r.dir, name)
		check(t, os.WriteFile(path, nil, 0o644))
		check(t, os.Chtimes(path, time.Time{}, time.Now().Add(-age)))
	}
	service.sweepThoroughly(t.Context())
	if left := namesIn(r.dir, "", ""); len(left) != 1 || filepath.Base(left[0]) != "new.report" {
		t.Errorf("left are %v", left)
	}
}
