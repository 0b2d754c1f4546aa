package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jrun-hpc/jrun/fault"
	"golang.org/x/sys/unix"
)

// SiteUsage is what SiteUsable found out about the site's part of a store.
type SiteUsage struct {
	FileSystem string // its kind: ext4, nfs, lustre, …, or a magic number
	FreeBytes  int64  // that the service account may still use
	Exists     bool   // whether the site's part has been made
	ACL        bool   // whether directories can have access control lists; known if Exists
}

// SiteUsable checks, for the service account, whether images can be put into the site's
// part of the store under root, and whom they can be shared with. It leaves nothing
// behind. Errors are faults.
func SiteUsable(root string) (SiteUsage, error) {
	var u SiteUsage
	t := &site{dir: filepath.Join(root, "site"), owner: os.Getuid()}
	var st unix.Statfs_t
	if err := unix.Statfs(root, &st); err != nil {
		return u, fault.Newf(err, fault.Say("make it, for all users: sudo install -d -m 1777 %s", root), "there is no store %s", root)
	}
	u.FileSystem = FileSystemName(st.Type)
	u.FreeBytes = int64(min(st.Bavail, 1<<62/uint64(max(st.Bsize, 1)))) * st.Bsize
	if _, err := os.Lstat(t.dir); errors.Is(err, fs.ErrNotExist) {
		if err := unix.Access(root, unix.W_OK|unix.X_OK); err != nil {
			return u, fault.Newf(err, fault.Say("open it for all users: sudo chmod 1777 %s", root), "the site's part of the store %s cannot be made", root)
		}
		return u, nil
	}
	u.Exists = true
	if err := t.checkInit(); err != nil {
		return u, err
	}
	trial, err := os.MkdirTemp(t.dir, ".check-")
	if err != nil {
		return u, fault.Newf(err, fault.Say("look at the directory: ls -ld %s", t.dir), "the site's part of the store %s cannot be written", root)
	}
	err = setACL(trial, []int{t.owner}, nil)
	u.ACL = err == nil
	if errors.Is(err, errNoACL) {
		err = nil
	}
	if err = errors.Join(err, os.Remove(trial)); err != nil {
		return u, fmt.Errorf("trying an access control list in %s: %w", t.dir, err)
	}
	return u, nil
}
