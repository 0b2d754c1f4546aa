package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/opencontainers/go-digest"
)

func TestUntrustedRealm(t *testing.T) {
	for _, dir := range []string{"", "objects", "refs", "aliases"} {
		t.Run("writable "+dir, func(t *testing.T) {
			s := newStore(t)
			put(t, s, digest.FromString("m"), "x")
			check(t, os.Chmod(filepath.Join(s.Realm(), dir), 0o770))
			_, err := Open(s.Root(), Options{})
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
		_, err := Open(s.Root(), Options{})
		wantFault(t, err, ErrUntrusted)
	})
	t.Run("somebody else's", func(t *testing.T) {
		s := newStore(t)
		put(t, s, digest.FromString("m"), "x")
		stranger := *s
		stranger.own.owner++
		wantFault(t, stranger.checkRealm(), ErrUntrusted)
		_, err := stranger.Get(digest.FromString("m"))
		wantFault(t, err, ErrUntrusted)
	})
}

func TestRealmIsPrivateAndRootStaysOpen(t *testing.T) {
	root := filepath.Join(t.TempDir(), "shared")
	check(t, os.Mkdir(root, 0o700))
	check(t, os.Chmod(root, 0o777|os.ModeSticky))
	s, err := Open(root, Options{})
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
	blocked, err := Open(filepath.Join(file, "store"), Options{})
	if err == nil {
		_, err = blocked.Usable()
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Errorf("a store below a file: %v", err)
	}
}
