package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/presence"
	"github.com/opencontainers/go-digest"
)

var testPlatform = Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}

func newStore(t testing.TB) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "store"), Options{})
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
	profile := strings.TrimSuffix(made.Path, imageSuffix) + ".python3" + profileSuffix
	check(t, os.WriteFile(profile, nil, 0o600))

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

// TestSetRefSweeps: a process that died before the name was written left
// nothing for Create to do.
func TestSetRefSweeps(t *testing.T) {
	s := newStore(t)
	check(t, s.makeRealm())
	dead := filepath.Join(s.refsDir(), temporaryPrefix+"small@"+deadOwner().String()+"@dead")
	check(t, os.WriteFile(dead, nil, 0o600))
	check(t, s.SetRef(Ref{Name: "reg.example/app:1", Digest: digest.FromString("manifest")}))
	if left := files(t, s); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

// deadOwner is a process of this machine that has ended.
func deadOwner() presence.Owner {
	owner := presence.Self()
	owner.Start--
	return owner
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
			} else if f := new(fault.Error); !errors.As(err, &f) && name != "a symbolic link" {
				t.Errorf("Get: %v, which tells nobody what to do", err)
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

// Names in the way to a store may look like patterns.
func TestPatternsInThePath(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "[a-b]*"), Options{})
	check(t, err)
	o := put(t, s, digest.FromString("m"), "content")
	stem, err := fileStem(o.Digest)
	check(t, err)
	if got := sizeOf(s.objectsDir(), stem); got < int64(len("content")) {
		t.Errorf("the object has %d bytes", got)
	}
	profile := filepath.Join(s.objectsDir(), stem+".sh"+profileSuffix)
	check(t, os.WriteFile(profile, nil, 0o600))
	left := filepath.Join(s.refsDir(), temporaryPrefix+"once@"+presence.Owner{Machine: presence.Machine(), PID: 1 << 30, Start: 1}.String()+"@X")
	check(t, os.WriteFile(left, nil, 0o600))
	if got := s.temporaries(); len(got) != 1 {
		t.Errorf("temporary files are %v, want %s", got, left)
	}
	check(t, s.Remove(o.Digest))
	if _, err := os.Lstat(profile); err == nil {
		t.Error("the profile of a removed object is left")
	}
}

// Whatever stands in the place of a small file, reading it comes to an end.
func TestSmallFilesThatAreNone(t *testing.T) {
	s := newStore(t)
	check(t, s.makeRealm())
	for i, place := range []func(path string) error{
		func(path string) error { return os.Symlink("/dev/zero", path) },
		func(path string) error { return os.Mkdir(path, 0o700) },
		func(path string) error { return syscall.Mkfifo(path, 0o600) },
		func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)) },
	} {
		path := filepath.Join(s.refsDir(), fmt.Sprint(i)+metaSuffix)
		check(t, place(path))
		if _, err := readSmall(path); err == nil {
			t.Errorf("%d was read", i)
		}
	}
	_, err := s.Refs()
	var f *fault.Error
	if !errors.As(err, &f) || !strings.Contains(f.Next, "rm -r "+s.refsDir()) {
		t.Errorf("got %v", err)
	}
}

// A job's answer that cannot be read, because its writer died or a disk has lost
// it, is found out again, and holds up nobody for long.
func TestJobRefThatCannotBeRead(t *testing.T) {
	s := newStore(t)
	r := JobRef{Ref: Ref{Name: "reg/lab/app:1", Digest: digest.FromString("m"), Resolved: digest.FromString("m")}, How: "registry"}
	for _, garbage := range []string{"", "{", `{"name":"another"}`} {
		check(t, os.MkdirAll(s.jobDir("1"), 0o700))
		check(t, os.RemoveAll(s.jobRefPath("1", r.Name)))
		check(t, os.WriteFile(s.jobRefPath("1", r.Name), []byte(garbage), 0o400))
		begun := time.Now()
		got, err := s.SettleJobRef("1", r)
		if err != nil || got.Digest != r.Digest || time.Since(begun) > 20*time.Second {
			t.Errorf("%q: %v, %v after %s", garbage, got, err, time.Since(begun))
		}
		if again, err := s.JobRef("1", r.Name); err != nil || again.Digest != r.Digest {
			t.Errorf("%q: %v, %v", garbage, again, err)
		}
	}
}
