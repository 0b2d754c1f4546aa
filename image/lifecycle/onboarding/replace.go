package onboarding

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// mostFile bounds a file of logins, in bytes.
const mostFile = 1 << 20

// Why a file is not written.
var (
	errLink    = errors.New("a symbolic link of somebody else leads there")
	errForeign = errors.New("its directory belongs to somebody else, who could not read the file, or could put another in its place")
	errNoFile  = errors.New("it is no regular file")
)

// replace changes a file, which need not be there, or only looks whether it could when
// change returns nothing. It follows no link that anybody but
// root or this account has made, not in the path either, and writes into no directory
// of others; root does, and gives the file to the directory's owner.
func replace(path string, change func(old []byte) ([]byte, error)) error {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	name := filepath.Base(absolute)
	dir, err := openDir(filepath.Dir(absolute))
	if err != nil {
		return err
	}
	defer dir.Close()
	info, err := stat(dir)
	if err != nil {
		return err
	}
	isRoot := os.Geteuid() == 0
	if !isRoot && !trusted(info.Uid) {
		return errForeign
	}
	old, err := readAt(dir, name)
	if err != nil {
		return err
	}
	content, err := change(old)
	if err != nil {
		return err
	}
	if content == nil {
		return unix.Faccessat(int(dir.Fd()), ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	}
	return writeAt(dir, name, content, func(f *os.File) error {
		if !isRoot {
			return nil
		}
		return f.Chown(int(info.Uid), int(info.Gid))
	})
}

// trusted reports whether an account's links may be followed.
func trusted(uid uint32) bool { return uid == 0 || int(uid) == os.Geteuid() }

// mostLinks is the kernel's bound (path_resolution(7)).
const mostLinks = 40

// openDir opens a directory, step by step; missing ones are made (0700) below those of
// this account, and by root below all, for their owners.
func openDir(path string) (*os.File, error) {
	dir, err := os.Open("/")
	if err != nil {
		return nil, err
	}
	todo := strings.Split(filepath.Clean(path), "/")
	for links := 0; len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		if name == "" || name == "." {
			continue
		}
		next, target, err := enter(dir, name)
		if err != nil {
			_ = dir.Close()
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir.Name(), name), err)
		}
		if next != nil {
			_ = dir.Close()
			dir = next
			continue
		}
		if links++; links > mostLinks {
			_ = dir.Close()
			return nil, unix.ELOOP
		}
		todo = append(strings.Split(target, "/"), todo...)
		if filepath.IsAbs(target) {
			_ = dir.Close()
			if dir, err = os.Open("/"); err != nil {
				return nil, err
			}
		}
	}
	return dir, nil
}

// enter opens name in dir, or says where the link leads that it is.
func enter(dir *os.File, name string) (next *os.File, target string, err error) {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		info, err := stat(dir)
		if err != nil {
			return nil, "", err
		}
		if os.Geteuid() != 0 && int(info.Uid) != os.Geteuid() {
			return nil, "", fs.ErrNotExist
		}
		if err := unix.Mkdirat(int(dir.Fd()), name, 0o700); err != nil {
			return nil, "", err
		}
		if err := unix.Fchownat(int(dir.Fd()), name, int(info.Uid), int(info.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return nil, "", err
		}
		fd, err = unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, "", err
		}
		return os.NewFile(uintptr(fd), filepath.Join(dir.Name(), name)), "", nil
	}
	if err == nil {
		return os.NewFile(uintptr(fd), filepath.Join(dir.Name(), name)), "", nil
	}
	var info unix.Stat_t
	if unix.Fstatat(int(dir.Fd()), name, &info, unix.AT_SYMLINK_NOFOLLOW) != nil || info.Mode&unix.S_IFMT != unix.S_IFLNK {
		return nil, "", err // of opening
	}
	if !trusted(info.Uid) {
		return nil, "", errLink
	}
	buffer := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(dir.Fd()), name, buffer)
	if err != nil {
		return nil, "", err
	}
	return nil, string(buffer[:n]), nil
}

func stat(f *os.File) (unix.Stat_t, error) {
	var info unix.Stat_t
	err := unix.Fstat(int(f.Fd()), &info)
	return info, err
}

// readAt is what is in a file of dir; nothing if it is not there.
func readAt(dir *os.File, name string) ([]byte, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if errors.Is(err, unix.ELOOP) {
		return nil, errLink
	}
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	info, err := stat(f)
	switch {
	case err != nil:
		return nil, err
	case info.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, errNoFile
	case os.Geteuid() != 0 && !trusted(info.Uid):
		return nil, errForeign
	}
	b, err := io.ReadAll(io.LimitReader(f, mostFile+1))
	if err == nil && len(b) > mostFile {
		err = errNoAuthFile
	}
	return b, err
}

// writeAt puts a file into the place of name in dir, whole, with mode 0600.
func writeAt(dir *os.File, name string, content []byte, give func(*os.File) error) error {
	at := int(dir.Fd())
	temporary := ".auth-" + rand.Text()
	fd, err := unix.Openat(at, temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), temporary)
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o600), give(f), f.Sync(), f.Close())
	if err == nil {
		err = unix.Renameat(at, temporary, at, name)
	}
	if err != nil {
		_ = unix.Unlinkat(at, temporary, 0) // the first error says why
		return err
	}
	return dir.Sync()
}
