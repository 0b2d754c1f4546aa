package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/opencontainers/go-digest"
)

var testPlatform = Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}

func newStore(t testing.TB) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// put makes an object whose file holds content.
func put(t testing.TB, s *Store, d digest.Digest, content string) Object {
	t.Helper()
	p, err := s.Create(t.Context(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Abort()
	if _, err := p.File.WriteString(content); err != nil {
		t.Fatal(err)
	}
	o, err := p.Commit(Meta{Reference: "reg.example/app:1", Platform: testPlatform, RawConfig: []byte(`{"config":{"Env":["A=b"]}}`)})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// files lists everything under the realm but directories.
func files(t testing.TB, s *Store) []string {
	t.Helper()
	found := []string{}
	err := filepath.WalkDir(s.Realm(), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			found = append(found, filepath.Base(path))
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func wantFault(t testing.TB, err error, cause error) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || !errors.Is(err, cause) {
		t.Fatalf("got %v, want a fault that wraps %v", err, cause)
	}
	if f.What == "" || f.Next == "" {
		t.Errorf("the fault is not complete:\n%s", fault.Format("jrun", err))
	}
}

func TestObjectsComeAndGo(t *testing.T) {
	s := newStore(t)
	if entries, err := os.ReadDir(filepath.Dir(s.Root())); err != nil || len(entries) != 0 {
		t.Fatalf("Open made %v, %v", entries, err)
	}
	d, index := digest.FromString("manifest"), digest.FromString("index")
	if _, err := s.Get(d); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get before: %v", err)
	}
	if objects, err := s.List(); err != nil || objects != nil {
		t.Errorf("List before: %v, %v", objects, err)
	}
	made := put(t, s, d, "squashfs")
	got, err := s.Get(d)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(got.Path); err != nil || string(b) != "squashfs" {
		t.Errorf("content %q, %v", b, err)
	}
	if got.Path != made.Path || got.Meta.Digest != d || got.Meta.SizeBytes != 8 || got.Meta.Config.Config.Env[0] != "A=b" || !got.Meta.Created.Equal(made.Meta.Created) {
		t.Errorf("read back %+v", got)
	}
	if _, err := s.Create(t.Context(), d, nil); !errors.Is(err, ErrExists) {
		t.Errorf("making it again: %v", err)
	}
	ref := Ref{Name: "reg.example/app:1", Digest: d, Resolved: index, Time: time.Unix(1e9, 0).UTC()}
	other := Ref{Name: "reg.example/other:1", Digest: index, Resolved: index, Time: time.Unix(1e9, 0).UTC()}
	for _, r := range []Ref{ref, other} {
		if err := s.SetRef(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetAlias(index, testPlatform, d); err != nil {
		t.Fatal(err)
	}
	if back, err := s.Ref(ref.Name); err != nil || cmp.Diff(ref, back) != "" {
		t.Errorf("Ref: %v, %s", err, cmp.Diff(ref, back))
	}
	if refs, err := s.RefsOf(d); err != nil || cmp.Diff([]Ref{ref}, refs) != "" {
		t.Errorf("RefsOf: %v, %s", err, cmp.Diff([]Ref{ref}, refs))
	}
	if instance, err := s.Alias(index, testPlatform); err != nil || instance != d {
		t.Errorf("Alias: %s, %v", instance, err)
	}
	if _, err := s.Alias(index, Platform{OS: "linux", Architecture: "amd64"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("Alias of another platform: %v", err)
	}

	if err := s.Remove(d); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(d); !errors.Is(err, ErrNotFound) {
		t.Errorf("removing twice: %v", err)
	}
	if _, err := s.Ref(ref.Name); !errors.Is(err, ErrNotFound) {
		t.Errorf("the name outlived its object: %v", err)
	}
	if _, err := s.Alias(index, testPlatform); !errors.Is(err, ErrNotFound) {
		t.Errorf("the alias outlived its object: %v", err)
	}
	if left := files(t, s); len(left) != 1 { // the other name
		t.Errorf("left: %v", left)
	}
}

func TestNamesThatCannotBeFiles(t *testing.T) {
	s := newStore(t)
	for _, d := range []digest.Digest{"", "sha256:../../etc/passwd", "sha256:" + digest.Digest(strings.Repeat("A", 64)), "md5:" + digest.Digest(strings.Repeat("a", 32))} {
		if _, err := s.Get(d); err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("Get(%q): %v", d, err)
		}
		if _, err := s.Create(t.Context(), d, nil); err == nil {
			t.Errorf("Create(%q) succeeded", d)
		}
	}
	for _, architecture := range []string{"../x", "a b", "A", "x\x00"} {
		if err := s.SetAlias(digest.FromString("i"), Platform{OS: "linux", Architecture: architecture}, digest.FromString("m")); err == nil {
			t.Errorf("SetAlias for %q succeeded", architecture)
		}
	}
	if left := files(t, s); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestDamagedObjects(t *testing.T) {
	d := digest.FromString("manifest")
	tests := map[string]func(t *testing.T, o Object){
		"cut short":        func(t *testing.T, o Object) { check(t, os.Chmod(o.Path, 0o600)); check(t, os.Truncate(o.Path, 3)) },
		"metadata missing": func(t *testing.T, o Object) { check(t, os.Remove(metaPath(o))) },
		"metadata torn": func(t *testing.T, o Object) {
			check(t, os.Chmod(metaPath(o), 0o600))
			check(t, os.Truncate(metaPath(o), 10))
		},
		"a symbolic link":    func(t *testing.T, o Object) { check(t, os.Remove(o.Path)); check(t, os.Symlink("/etc/passwd", o.Path)) },
		"writable by others": func(t *testing.T, o Object) { check(t, os.Chmod(o.Path, 0o646)) },
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			o := put(t, s, d, "squashfs")
			good := put(t, s, digest.FromString("other"), "squashfs")
			damage(t, o)
			if got, err := s.Get(d); err == nil || errors.Is(err, ErrNotFound) {
				t.Errorf("Get: %v, %v", got, err)
			}
			if objects, err := s.List(); err == nil || len(objects) != 1 || objects[0].Digest != good.Digest {
				t.Errorf("List: %v, %v; want the good one and an error", objects, err)
			}
			if err := s.Remove(d); err != nil {
				t.Error(err)
			}
		})
	}
}

func metaPath(o Object) string { return strings.TrimSuffix(o.Path, imageSuffix) + metaSuffix }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestUntrustedRealm(t *testing.T) {
	for _, dir := range []string{"", "objects", "refs", "aliases"} {
		t.Run("writable "+dir, func(t *testing.T) {
			s := newStore(t)
			put(t, s, digest.FromString("m"), "x")
			check(t, os.Chmod(filepath.Join(s.Realm(), dir), 0o770))
			_, err := Open(s.Root())
			wantFault(t, err, ErrUntrusted)
			if !strings.Contains(err.(*fault.Error).Next, "chmod go-w "+filepath.Join(s.Realm(), dir)) { //nolint:errorlint // just checked
				t.Errorf("the advice is %q", err.(*fault.Error).Next) //nolint:errorlint // just checked
			}
		})
	}
	t.Run("a link", func(t *testing.T) {
		s := newStore(t)
		check(t, os.MkdirAll(filepath.Dir(s.Realm()), 0o700))
		check(t, os.Symlink(t.TempDir(), s.Realm()))
		_, err := Open(s.Root())
		wantFault(t, err, ErrUntrusted)
	})
	t.Run("somebody else's", func(t *testing.T) {
		s := newStore(t)
		put(t, s, digest.FromString("m"), "x")
		stranger := *s
		stranger.uid++
		wantFault(t, stranger.checkRealm(), ErrUntrusted)
		_, err := stranger.Get(digest.FromString("m"))
		wantFault(t, err, ErrUntrusted)
	})
}

func TestRealmIsPrivateAndRootStaysOpen(t *testing.T) {
	root := filepath.Join(t.TempDir(), "shared")
	check(t, os.Mkdir(root, 0o700))
	check(t, os.Chmod(root, 0o777|os.ModeSticky))
	s, err := Open(root)
	check(t, err)
	put(t, s, digest.FromString("m"), "x")
	for dir, want := range map[string]fs.FileMode{
		filepath.Join(root, "user"): 0o777 | os.ModeSticky | os.ModeDir,
		s.Realm():                   0o700 | os.ModeDir,
		s.objectsDir():              0o700 | os.ModeDir,
	} {
		info, err := os.Stat(dir)
		check(t, err)
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", dir, info.Mode(), want)
		}
	}
	if filepath.Base(s.Realm()) != strconv.Itoa(os.Getuid()) {
		t.Errorf("the realm is %s", s.Realm())
	}
}

func TestOneMakesTheOthersWait(t *testing.T) {
	s := newStore(t)
	d := digest.FromString("manifest")
	var wg sync.WaitGroup
	var mu sync.Mutex
	outcome := map[string]int{}
	for range 8 {
		wg.Go(func() {
			p, err := s.Create(context.Background(), d, nil)
			result := "made"
			switch {
			case errors.Is(err, ErrExists):
				result = "found"
			case err != nil:
				result = err.Error()
			default:
				time.Sleep(50 * time.Millisecond)
				if _, err := p.Commit(Meta{}); err != nil {
					result = err.Error()
				}
				p.Abort()
			}
			mu.Lock()
			defer mu.Unlock()
			outcome[result]++
		})
	}
	wg.Wait()
	if diff := cmp.Diff(map[string]int{"made": 1, "found": 7}, outcome); diff != "" {
		t.Error(diff)
	}
	if left := files(t, s); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}

// TestWithoutLocks: two that make one digest and cannot see each other's locks
// both succeed, and the object is whole at every moment.
func TestWithoutLocks(t *testing.T) {
	s := newStore(t)
	d := digest.FromString("manifest")
	var pending []*Pending
	for range 2 {
		p, err := s.Create(t.Context(), d, nil)
		check(t, err)
		p.unlock() // as if on a host of its own
		if _, err := p.File.WriteString("the same bytes"); err != nil {
			t.Fatal(err)
		}
		pending = append(pending, p)
	}
	for _, p := range pending {
		if _, err := p.Commit(Meta{}); err != nil {
			t.Fatal(err)
		}
		o, err := s.Get(d)
		check(t, err)
		if b, err := os.ReadFile(o.Path); err != nil || string(b) != "the same bytes" {
			t.Errorf("content %q, %v", b, err)
		}
	}
	if left := files(t, s); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}

func TestWaitingCanBeCancelled(t *testing.T) {
	s := newStore(t)
	d := digest.FromString("manifest")
	p, err := s.Create(t.Context(), d, nil)
	check(t, err)
	defer p.Abort()
	ctx, cancel := context.WithCancel(t.Context())
	_, err = s.Create(ctx, d, cancel)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	s := newStore(t)
	p, err := s.Create(t.Context(), digest.FromString("m"), nil)
	check(t, err)
	p.Abort()
	p.Abort()
	dir, remove, err := s.Scratch()
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "big"), nil, 0o600))
	remove()
	if left := files(t, s); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestSweep(t *testing.T) {
	s := newStore(t)
	p, err := s.Create(t.Context(), digest.FromString("alive"), nil)
	check(t, err)
	defer p.Abort()
	old := time.Now().Add(-2 * foreignGrace)
	hex := strings.Repeat("1", 64)
	tests := []struct {
		name string
		old  bool
		dir  bool
		want bool // still there
	}{
		{temporaryPrefix + "x@" + hostname() + "@dead", false, false, false},
		{temporaryPrefix + "x@" + hostname() + "@deaddir", false, true, false},
		{temporaryPrefix + "x" + lockSuffix, false, false, false},
		{temporaryPrefix + "x@another-host@young", false, false, true},
		{temporaryPrefix + "x@another-host@old", true, false, false},
		{temporaryPrefix + "of-some-later-version", false, false, true},
		{"sha256-" + hex + metaSuffix, false, false, true},
		{"sha512-" + hex + hex + metaSuffix, true, false, false},
		{"something-else", true, false, true},
	}
	for _, tt := range tests {
		path := filepath.Join(s.objectsDir(), tt.name)
		if tt.dir {
			check(t, os.MkdirAll(filepath.Join(path, "deep"), 0o700))
		} else {
			check(t, os.WriteFile(path, []byte("x"), 0o600))
		}
		if tt.old {
			check(t, os.Chtimes(path, old, old))
		}
	}
	s.sweep()
	for _, tt := range tests {
		_, err := os.Lstat(filepath.Join(s.objectsDir(), tt.name))
		if got := err == nil; got != tt.want {
			t.Errorf("%s: still there %v, want %v", tt.name, got, tt.want)
		}
	}
	if !stillNamed(p.File) {
		t.Error("the file of a living process was swept")
	}
}

func TestUsable(t *testing.T) {
	s := newStore(t)
	before, err := s.Usable()
	check(t, err)
	if before.Exists || before.FreeBytes <= 0 || before.FileSystem == "" || before.Dir != filepath.Dir(s.Root()) {
		t.Errorf("before: %+v", before)
	}
	put(t, s, digest.FromString("m"), "x")
	after, err := s.Usable()
	check(t, err)
	if !after.Exists || after.Dir != s.objectsDir() {
		t.Errorf("after: %+v", after)
	}
	if left := files(t, s); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, nil, 0o600))
	blocked, err := Open(filepath.Join(file, "store"))
	if err == nil {
		_, err = blocked.Usable()
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Errorf("a store below a file: %v", err)
	}
}

func TestParseMetaRefuses(t *testing.T) {
	d := digest.FromString("m")
	for name, text := range map[string]string{
		"no JSON":          "x",
		"another version":  fmt.Sprintf(`{"version":2,"digest":%q}`, d),
		"no digest":        `{"version":1}`,
		"a config that is": fmt.Sprintf(`{"version":1,"digest":%q,"config":3}`, d),
	} {
		if m, err := ParseMeta([]byte(text)); err == nil {
			t.Errorf("%s: read as %+v", name, m)
		}
	}
}
