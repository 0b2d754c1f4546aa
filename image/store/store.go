package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jrun-hpc/jrun/fault"
)

// Store is one user's view of a store. Its methods may be called by several
// goroutines, and by any number of processes on any number of hosts.
type Store struct {
	root string // absolute
	own  realm  // what this process writes: root/user/<uid>, or a project of the site's
	site *site  // nil: there is none, or it is not used

	clock   *clock            // of this process, and who it is; tests have their own
	step    func(name string) // called between the steps of what must be safe in any order; for tests
	prepare func() error      // makes the directories of own; nil for a user's
	dropBox string            // where users of own's objects leave leases; empty: own's
}

// Options of a Store. The zero value is a store without a site's part.
type Options struct {
	// SiteOwner is the account that publishes images for everybody, as a uid;
	// objects below STORE/site that belong to anybody else are refused. 0, which
	// no service should be, leaves the site's part unused.
	SiteOwner int

	// Warn is told, once, why the site's part is not used although it is there.
	Warn func(error)
}

// ErrNotFound is wrapped by errors about an object or a name that is not there.
var ErrNotFound = errors.New("not in the store")

// ErrUntrusted is wrapped by errors about a realm or an object that belongs to
// another user or that others may write.
var ErrUntrusted = errors.New("others could have written it")

// Open returns the calling user's view of the store under root. Nothing is
// created until something is stored. A realm that exists and cannot be trusted
// is refused with an error that wraps ErrUntrusted.
func Open(root string, o Options) (*Store, error) {
	if root == "" {
		return nil, fault.New("no directory to keep images in", nil,
			"name one: jrun --store DIR …, or JRUN_STORE=DIR")
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("finding the store %q: %w", root, err)
	}
	uid := os.Getuid()
	s := &Store{root: abs, clock: newClock(), step: func(string) {}}
	s.own = realm{dir: filepath.Join(abs, "user", strconv.Itoa(uid)), owner: uid, mode: 0o700}
	if o.SiteOwner != 0 {
		s.site = &site{dir: filepath.Join(abs, "site"), owner: o.SiteOwner, warn: o.Warn}
	}
	return s, s.checkRealm()
}

// Root is the store's absolute path.
func (s *Store) Root() string { return s.root }

// Realm is the directory that holds the part of the store that this process
// writes.
func (s *Store) Realm() string { return s.own.dir }

func (s *Store) objectsDir() string { return s.own.objects() }
func (s *Store) refsDir() string    { return s.own.refs() }
func (s *Store) aliasesDir() string { return s.own.aliases() }

func (s *Store) checkRealm() error {
	err := s.own.check()
	var known *fault.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return s.accessFault(s.own.dir, err)
}

// makeRealm creates the directories of the realm that are missing.
func (s *Store) makeRealm() error {
	if s.prepare != nil {
		if err := s.prepare(); err != nil {
			return s.accessFault(s.own.dir, err)
		}
		return s.checkRealm()
	}
	if err := os.MkdirAll(s.root, 0o755); err != nil {
		return s.accessFault(s.root, err)
	}
	if err := s.makeUserDir(); err != nil {
		return s.accessFault(filepath.Dir(s.own.dir), err)
	}
	if err := s.own.make(); err != nil {
		return s.accessFault(s.own.dir, err)
	}
	return s.checkRealm()
}

// makeUserDir creates STORE/user with the permissions of STORE: where an
// administrator has opened the root for everybody (mode 1777), the first user
// must not close it for the others.
func (s *Store) makeUserDir() error {
	dir := filepath.Dir(s.own.dir)
	root, err := os.Stat(s.root)
	if err != nil {
		return err
	}
	err = os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		// It may be ours, and not open yet: the answer was lost, or we were killed.
		info, err := os.Stat(dir)
		if err != nil || ownerOf(info) != s.clock.uid() || info.Mode().Perm() != 0o700 {
			return err
		}
	} else if err != nil {
		return err
	}
	return os.Chmod(dir, root.Mode().Perm()|root.Mode()&os.ModeSticky)
}

// accessFault explains why path in the store cannot be read or written.
func (s *Store) accessFault(path string, err error) error {
	why := fault.Because("opening %s: %w", path, err)
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Newf(why, SpaceAdvice, "no space left in the store %s", s.root)
	case errors.Is(err, syscall.EROFS):
		return fault.Newf(why, "choose a directory that can be written: jrun --store DIR …, or JRUN_STORE=DIR",
			"the store %s is on a read-only file system", s.root)
	case errors.Is(err, fs.ErrPermission):
		return fault.Newf(why, fault.Say("choose a directory of your own: jrun --store DIR …, or JRUN_STORE=DIR").And("or look at its permissions: ls -ld %s", path), "you may not write to the store %s", s.root)
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.ESTALE):
		return fault.Newf(why, "tell the administrator of that storage\nor keep images elsewhere meanwhile: jrun --store DIR …, or JRUN_STORE=DIR",
			"the storage of the store %s does not work", s.root)
	}
	return fault.Newf(why, "check the directory, or choose another with --store: jrun doctor",
		"the store %s cannot be used", s.root)
}

// SpaceAdvice is what a person can type when the store is full.
const SpaceAdvice = "remove images you no longer need: jrun images, then jrun rm IMAGE\n" +
	"or keep images elsewhere: jrun --store DIR …"

// WriteFault explains an error met while writing an object into the store:
// space, quota, permission, broken storage. Other errors are returned unchanged.
func (s *Store) WriteFault(err error) error {
	for _, known := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, fs.ErrPermission, syscall.EIO, syscall.ESTALE} {
		if errors.Is(err, known) {
			return s.accessFault(s.objectsDir(), err)
		}
	}
	return err
}
