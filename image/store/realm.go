package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/jrun-hpc/jrun/fault"
)

// realm is a part of the store that one account writes.
type realm struct {
	dir   string
	owner int         // uid
	mode  fs.FileMode // of its directories
}

func (r *realm) objects() string { return filepath.Join(r.dir, "objects") }
func (r *realm) refs() string    { return filepath.Join(r.dir, "refs") }
func (r *realm) aliases() string { return filepath.Join(r.dir, "aliases") }
func (r *realm) leases() string  { return filepath.Join(r.dir, "leases") }
func (r *realm) pins() string    { return filepath.Join(r.dir, "pins") }
func (r *realm) deleted() string { return filepath.Join(r.dir, "deleted") }
func (r *realm) jobs() string    { return filepath.Join(r.dir, "jobs") }
func (r *realm) notes() string   { return filepath.Join(r.dir, "notes") }
func (r *realm) records() string { return filepath.Join(r.dir, "records") }

// dirs are the realm's directories, the outer first.
func (r *realm) dirs() []string {
	return []string{r.dir, r.objects(), r.refs(), r.aliases(), r.leases(), r.pins(), r.deleted(), r.jobs(), r.notes(), r.records()}
}

// check refuses directories that somebody else could have filled. What does not
// exist yet is fine.
func (r *realm) check() error {
	for _, dir := range r.dirs() {
		if err := r.checkDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// checkDir refuses a directory that others could have filled.
func (r *realm) checkDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fault.Newf(fault.Because("%w: it is no directory", ErrUntrusted),
			"remove it, or choose another store with --store", "refusing the store %s", dir)
	}
	return r.checkTrust(dir, info)
}

// checkTrust makes sure that only the realm's owner can have written path. An
// access control list that lets others write shows in the group's bits of the
// mode, which are its mask (acl(5)).
func (r *realm) checkTrust(path string, info fs.FileInfo) error {
	owner := ownerOf(info)
	if owner != r.owner {
		why := fault.Because("%w: it belongs to uid %d, you are uid %d", ErrUntrusted, owner, r.owner)
		if r.owner != os.Getuid() {
			why = fault.Because("%w: it belongs to uid %d, the service account is uid %d", ErrUntrusted, owner, r.owner)
		}
		return fault.Newf(why, "remove it or have its owner remove it, or choose another store with --store", "refusing %s", path)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fault.Newf(fault.Because("%w: its mode is %#o", ErrUntrusted, info.Mode().Perm()),
			fault.Say("chmod go-w %s", path), "refusing %s", path)
	}
	return nil
}

// ownerOf is the uid that a file belongs to, or -1.
func ownerOf(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// make creates the directories that are missing.
func (r *realm) make() error {
	for _, dir := range r.dirs() {
		if _, err := os.Lstat(dir); err == nil {
			continue // cheaper than asking a file server to make it again
		}
		if err := os.Mkdir(dir, r.mode); err != nil && !errors.Is(err, fs.ErrExist) {
			return &fs.PathError{Op: "making", Path: dir, Err: errors.Unwrap(err)}
		}
	}
	return nil
}
