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
	root  string // absolute
	realm string // root/user/<uid>
	uid   int
}

// ErrNotFound is wrapped by errors about an object or a name that is not there.
var ErrNotFound = errors.New("not in the store")

// ErrUntrusted is wrapped by errors about a realm or an object that belongs to
// another user or that others may write.
var ErrUntrusted = errors.New("others could have written it")

// Open returns the calling user's view of the store under root. Nothing is
// created until something is stored. A realm that exists and cannot be trusted
// is refused with an error that wraps ErrUntrusted.
func Open(root string) (*Store, error) {
	if root == "" {
		return nil, fault.New("no directory to keep images in", nil,
			"name one: jrun --store DIR …, or JRUN_STORE=DIR")
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("finding the store %q: %w", root, err)
	}
	uid := os.Getuid()
	s := &Store{root: abs, uid: uid, realm: filepath.Join(abs, "user", strconv.Itoa(uid))}
	return s, s.checkRealm()
}

// Root is the store's absolute path.
func (s *Store) Root() string { return s.root }

// Realm is the directory that holds this user's part of the store.
func (s *Store) Realm() string { return s.realm }

func (s *Store) objectsDir() string { return filepath.Join(s.realm, "objects") }
func (s *Store) refsDir() string    { return filepath.Join(s.realm, "refs") }
func (s *Store) aliasesDir() string { return filepath.Join(s.realm, "aliases") }

// checkRealm refuses directories that somebody else could have filled. What
// does not exist yet is fine.
func (s *Store) checkRealm() error {
	for _, dir := range []string{s.realm, s.objectsDir(), s.refsDir(), s.aliasesDir()} {
		info, err := os.Lstat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return s.accessFault(dir, err)
		case !info.IsDir():
			return fault.Newf(fmt.Errorf("%w: it is no directory", ErrUntrusted),
				"remove it, or choose another store with --store", "refusing the store %s", dir)
		}
		if err := s.checkTrust(dir, info); err != nil {
			return err
		}
	}
	return nil
}

// checkTrust makes sure that only the calling user can have written path.
func (s *Store) checkTrust(path string, info fs.FileInfo) error {
	owner := -1
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		owner = int(st.Uid)
	}
	if owner != s.uid {
		return fault.Newf(fmt.Errorf("%w: it belongs to uid %d, you are uid %d", ErrUntrusted, owner, s.uid),
			"remove it or have its owner remove it, or choose another store with --store", "refusing %s", path)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fault.Newf(fmt.Errorf("%w: its mode is %#o", ErrUntrusted, info.Mode().Perm()),
			"chmod go-w "+path, "refusing %s", path)
	}
	return nil
}

// makeRealm creates the directories of the user's realm that are missing.
func (s *Store) makeRealm() error {
	if err := os.MkdirAll(s.root, 0o755); err != nil {
		return s.accessFault(s.root, err)
	}
	if err := s.makeUserDir(); err != nil {
		return s.accessFault(filepath.Dir(s.realm), err)
	}
	for _, dir := range []string{s.realm, s.objectsDir(), s.refsDir(), s.aliasesDir()} {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return s.accessFault(dir, err)
		}
	}
	return s.checkRealm()
}

// makeUserDir creates STORE/user with the permissions of STORE: where an
// administrator has opened the root for everybody (mode 1777), the first user
// must not close it for the others.
func (s *Store) makeUserDir() error {
	dir := filepath.Dir(s.realm)
	root, err := os.Stat(s.root)
	if err != nil {
		return err
	}
	err = os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(dir, root.Mode().Perm()|root.Mode()&os.ModeSticky)
}

// accessFault explains why path in the store cannot be read or written.
func (s *Store) accessFault(path string, err error) error {
	why := fmt.Errorf("opening %s: %w", path, err)
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Newf(why, SpaceAdvice, "no space left in the store %s", s.root)
	case errors.Is(err, syscall.EROFS):
		return fault.Newf(why, "choose a directory that can be written: jrun --store DIR …, or JRUN_STORE=DIR",
			"the store %s is on a read-only file system", s.root)
	case errors.Is(err, fs.ErrPermission):
		return fault.Newf(why, "choose a directory of your own: jrun --store DIR …, or JRUN_STORE=DIR\n"+
			"or look at its permissions: ls -ld "+path, "you may not write to the store %s", s.root)
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
