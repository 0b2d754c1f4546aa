package workspace

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// treeWithSecret is a root with links of all sorts, beside a file that must not be reached.
func treeWithSecret(t testing.TB) (root, secret string) {
	t.Helper()
	dir := t.TempDir()
	root, secret = filepath.Join(dir, "root"), filepath.Join(dir, "secret")
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	must(
		os.WriteFile(secret, []byte("secret"), 0o600),
		os.MkdirAll(filepath.Join(root, "etc/deep"), 0o755), os.Mkdir(filepath.Join(root, "proc"), 0o755),
		os.WriteFile(filepath.Join(root, "etc/passwd"), []byte("inside"), 0o644),
		os.Symlink("/etc/passwd", filepath.Join(root, "absolute")),
		os.Symlink("../../../../../../../../etc/passwd", filepath.Join(root, "up")),
		os.Symlink(secret, filepath.Join(root, "out")),
		os.Symlink(dir, filepath.Join(root, "outdir")),
		os.Symlink("../..", filepath.Join(root, "etc/above")),
		os.Symlink("loop", filepath.Join(root, "loop")),
		unix.Mkfifo(filepath.Join(root, "pipe"), 0o644),
	)
	return root, secret
}

// TestFindIn: links lead where they lead inside, and nowhere else.
func TestFindIn(t *testing.T) {
	root, _ := treeWithSecret(t)
	for path, want := range map[string]string{
		"/etc/passwd": "inside", "/absolute": "inside", "/up": "inside", "/etc/above/etc/passwd": "inside", "/../../etc/passwd": "inside",
		"/out": "", "/outdir/secret": "", "/etc/above/secret": "", "/loop": "", "/etc/passwd/x": "", "/missing": "",
	} {
		f, err := findIn(root, path)
		got := ""
		if err == nil {
			text, _ := os.ReadFile(fdPath(f))
			got = string(text)
			f.Close()
		}
		if got != want {
			t.Errorf("%s has %q, not %q: %v", path, got, want, err)
		}
	}
}

func TestPutIn(t *testing.T) {
	root, secret := treeWithSecret(t)
	for name, test := range map[string]struct {
		dir, file, content string
		bytes              int64
		overwrite          bool
		want               error
		place              string
	}{
		"new":                  {"/etc", "new", "x", 1, false, nil, "/etc/new"},
		"length not known":     {"/etc", "unknown", "x", -1, false, nil, "/etc/unknown"},
		"there":                {"/etc", "passwd", "x", 1, false, fs.ErrExist, ""},
		"replaced":             {"/etc", "passwd", "anew", 4, true, nil, "/etc/passwd"},
		"a link is replaced":   {"/", "out", "x", 1, true, nil, "/out"},
		"through a link":       {"/etc/above/etc", "y", "x", 1, false, nil, "/etc/y"},
		"a link out":           {"/outdir", "x", "x", 1, false, fs.ErrNotExist, ""},
		"a directory":          {"/etc", "deep", "x", 1, true, ErrDirectory, ""},
		"no directory":         {"/etc/passwd", "x", "x", 1, false, unix.ENOTDIR, ""},
		"the machine's":        {"/proc", "x", "x", 1, false, ErrShown, ""},
		"cut off":              {"/etc", "cut", "x", 2, false, io.ErrUnexpectedEOF, ""},
		"longer than was said": {"/etc", "long", "xyz", 2, false, io.ErrUnexpectedEOF, ""},
		"too large":            {"/etc", "large", "x", 1 << 60, false, ErrNoRoom, ""},
	} {
		t.Run(name, func(t *testing.T) {
			place, err := putIn(root, test.dir, test.file, strings.NewReader(test.content), test.bytes, test.overwrite)
			if !errors.Is(err, test.want) || test.want == nil && err != nil || place != test.place {
				t.Fatalf("%q, %v", place, err)
			}
			if err == nil {
				if got, err := os.ReadFile(filepath.Join(root, place)); err != nil || string(got) != test.content {
					t.Errorf("it has %q, %v", got, err)
				}
			}
		})
	}
	if got, err := os.ReadFile(secret); err != nil || string(got) != "secret" {
		t.Errorf("the file outside has %q, %v", got, err)
	}
	left, _ := filepath.Glob(filepath.Join(root, "*/"+uploading+"*"))
	if len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestPutRace: while directories change places with links that lead out, nothing is
// written outside.
func TestPutRace(t *testing.T) {
	root, _ := treeWithSecret(t)
	outside := filepath.Join(filepath.Dir(root), "outside")
	a, b := filepath.Join(root, "a"), filepath.Join(root, "b")
	if err := errors.Join(os.Mkdir(outside, 0o755), os.Mkdir(a, 0o755), os.Symlink(outside, b)); err != nil {
		t.Fatal(err)
	}
	var over atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !over.Load() {
			_ = unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
		}
	}()
	written := 0
	for range 2000 {
		if _, err := putIn(root, "/a", "x", strings.NewReader("x"), 1, true); err == nil {
			written++
		}
	}
	over.Store(true)
	<-done
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("outside are %v, %v", left, err)
	}
	if written == 0 {
		t.Error("nothing was written at all: this was no test")
	}
}

func TestPack(t *testing.T) {
	root, secret := treeWithSecret(t)
	if err := os.WriteFile(filepath.Join(root, "etc", uploading+"x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir, err := os.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	var out bytes.Buffer
	if err := pack(t.Context(), dir, "top", &out); err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil || strings.Contains(string(content), "secret") {
			t.Errorf("%s has %q, %v", h.Name, content, err)
		}
		if h.Name == "top/out" && h.Linkname != secret {
			t.Errorf("the link leads to %q", h.Linkname)
		}
		names = append(names, h.Name)
	}
	want := []string{"top/", "top/absolute", "top/etc/", "top/etc/above", "top/etc/deep/", "top/etc/passwd", "top/loop", "top/out", "top/outdir", "top/proc/", "top/up"}
	if !slices.Equal(names, want) {
		t.Errorf("it has %q, not %q", names, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pack(ctx, dir, "top", io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// FuzzFindIn: whatever a page asks for, the file outside is not reached.
func FuzzFindIn(f *testing.F) {
	for _, path := range []string{"/etc/passwd", "/../secret", "/out", "/outdir/secret", "/etc/above/../secret", "//etc//./passwd", "/up/..", "secret", "", "/a\x00b", "/proc/self/root", "/outdir/../../secret"} {
		f.Add(path)
	}
	root, secret := treeWithSecret(f)
	outside, err := os.Stat(secret)
	if err != nil {
		f.Fatal(err)
	}
	above, err := os.Stat(filepath.Dir(secret))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		clean, err := cleanPath(path)
		if err != nil {
			return
		}
		if !filepath.IsAbs(clean) || strings.Contains(clean, "/../") || strings.ContainsRune(clean, 0) {
			t.Fatalf("%q becomes %q", path, clean)
		}
		found, err := findIn(root, clean)
		if err != nil {
			return
		}
		defer found.Close()
		info, err := found.Stat()
		if err != nil || os.SameFile(info, outside) || os.SameFile(info, above) {
			t.Errorf("%q leads out: %v", path, err)
		}
	})
}
