package torture

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Walk describes what is below root as Expected does. It needs the right to
// read all of it. The sums of the files named in unread stay empty.
func Walk(root string, unread ...string) (map[string]File, error) {
	found := make(map[string]File)
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		found[name], err = describe(path, !slices.Contains(unread, name))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("walking %s: %w", root, err)
	}
	return found, nil
}

func describe(path string, read bool) (File, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return File{}, fmt.Errorf("stat of %s: %w", path, err)
	}
	f := File{
		Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid,
		MTime: st.Mtim.Sec, Nlink: uint32(st.Nlink),
	}
	var err error
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		f.Type, f.Size = 'f', st.Size
		if read {
			f.SHA256, err = hashFile(path, st.Size)
		}
	case unix.S_IFDIR:
		f.Type = 'd'
	case unix.S_IFLNK:
		f.Type = 'l'
		f.Target, err = os.Readlink(path)
	case unix.S_IFCHR:
		f.Type, f.Major, f.Minor = 'c', unix.Major(st.Rdev), unix.Minor(st.Rdev)
	case unix.S_IFBLK:
		f.Type, f.Major, f.Minor = 'b', unix.Major(st.Rdev), unix.Minor(st.Rdev)
	case unix.S_IFIFO:
		f.Type = 'p'
	}
	if err != nil {
		return File{}, err
	}
	f.Xattrs, err = readXattrs(path)
	return f, err
}

// hashFile reads a file in pieces of a MiB, or in one that is as long as it is: most are short.
func hashFile(path string, sizeBytes int64) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{file}, make([]byte, min(sizeBytes+1, 1<<20))); err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func readXattrs(path string) (map[string]string, error) {
	n, err := unix.Llistxattr(path, nil)
	if errors.Is(err, unix.ENOTSUP) || err == nil && n == 0 { // the former the kernel says of a squashfs without any
		return nil, nil
	}
	list := make([]byte, 64<<10)
	if err == nil {
		n, err = unix.Llistxattr(path, list)
	}
	if err != nil {
		return nil, fmt.Errorf("listing extended attributes of %s: %w", path, err)
	}
	var found map[string]string
	value := make([]byte, 64<<10)
	for name := range bytes.SplitSeq(list[:n], []byte{0}) {
		if len(name) == 0 {
			continue
		}
		n, err := unix.Lgetxattr(path, string(name), value)
		if err != nil {
			return nil, fmt.Errorf("reading extended attribute %s of %s: %w", name, path, err)
		}
		if found == nil {
			found = make(map[string]string)
		}
		found[string(name)] = string(value[:n])
	}
	return found, nil
}
