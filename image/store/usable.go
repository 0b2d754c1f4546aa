package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Usage is what Usable found out about the store.
type Usage struct {
	Dir        string // the store's root, or the nearest directory above it that exists
	FileSystem string // its kind: ext4, nfs, lustre, …, or a magic number
	FreeBytes  int64  // that this user may still use
	Exists     bool   // whether the user's realm has been made
}

// Usable checks whether images can be put into the store, without creating it.
// The error is a fault that says what to do; the Usage is filled in as far as
// it is known even then.
func (s *Store) Usable() (Usage, error) {
	dir := s.nearestExisting()
	u := Usage{Dir: dir}
	_, err := os.Stat(s.objectsDir())
	u.Exists = err == nil
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return u, s.accessFault(dir, err)
	}
	u.FileSystem = FileSystemName(st.Type)
	u.FreeBytes = int64(min(st.Bavail, 1<<62/uint64(max(st.Bsize, 1)))) * st.Bsize
	if err := s.checkRealm(); err != nil {
		return u, err
	}
	if err := s.tryWriting(dir, u.Exists); err != nil {
		return u, s.accessFault(dir, err)
	}
	return u, nil
}

// tryWriting asks whether files can be made: in the realm by making one, above
// it, where a trace would stay visible to others, by asking the kernel.
func (s *Store) tryWriting(dir string, exists bool) error {
	if !exists {
		return unix.Access(dir, unix.W_OK|unix.X_OK)
	}
	f, err := s.createTemporary(s.objectsDir(), "check")
	if err != nil {
		return err
	}
	return errors.Join(os.Remove(f.Name()), f.Close())
}

// nearestExisting is the deepest directory towards the objects that exists.
func (s *Store) nearestExisting() string {
	dir := s.objectsDir()
	for {
		_, err := os.Stat(dir)
		parent := filepath.Dir(dir)
		if err == nil || !errors.Is(err, fs.ErrNotExist) || parent == dir {
			return dir
		}
		dir = parent
	}
}

// FileSystemName names the file systems a site is likely to have. The numbers
// are those of statfs(2).
func FileSystemName(magic int64) string {
	names := map[int64]string{
		unix.EXT4_SUPER_MAGIC:      "ext4",
		unix.XFS_SUPER_MAGIC:       "xfs",
		unix.BTRFS_SUPER_MAGIC:     "btrfs",
		unix.TMPFS_MAGIC:           "tmpfs",
		unix.NFS_SUPER_MAGIC:       "nfs",
		unix.OVERLAYFS_SUPER_MAGIC: "overlay",
		unix.FUSE_SUPER_MAGIC:      "fuse",
		unix.CEPH_SUPER_MAGIC:      "ceph",
		unix.V9FS_MAGIC:            "9p",
		0x0bd00bd0:                 "lustre",
		0x47504653:                 "gpfs",
		0x19830326:                 "beegfs",
		0x2fc12fc1:                 "zfs",
	}
	if name, ok := names[magic]; ok {
		return name
	}
	return fmt.Sprintf("%#x", magic)
}
