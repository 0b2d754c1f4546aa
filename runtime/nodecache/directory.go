package nodecache

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/presence"
	"golang.org/x/sys/unix"
)

// directory is where copies are made. It is held open: what it is called may
// change.
type directory struct {
	path string // for messages
	fd   int    // O_PATH

	named bool // do as where there is no O_TMPFILE; for tests
}

// ErrUntrusted is wrapped by errors about a directory that others could have
// filled.
var ErrUntrusted = errors.New("others could put their files in its place")

// openDirectory opens and checks DIR. One that is not there is no fault: a
// configuration may serve machines with and without a disk.
func openDirectory(path string) (*directory, error) {
	if !filepath.IsAbs(path) {
		return nil, fault.Newf(fault.Because("it is no absolute path"), "write the whole path into jrun.toml: node_cache = \"/local/jrun\"", "cannot use the node_cache %q", path)
	}
	d, st, err := openAt(unix.AT_FDCWD, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the node_cache %s is not there: %w", path, err)
	}
	if err != nil {
		return nil, directoryFault(path, err)
	}
	switch perm := st.Mode & 0o7777; {
	case st.Uid != 0 && int(st.Uid) != os.Getuid():
		err = fmt.Errorf("%w: it belongs to uid %d", ErrUntrusted, st.Uid)
	case perm&0o022 != 0 && perm&unix.S_ISVTX == 0:
		err = fmt.Errorf("%w: its mode is %#o", ErrUntrusted, perm)
	}
	if err != nil {
		d.close()
		return nil, directoryFault(path, err)
	}
	return d, nil
}

// openAt opens a directory that is no symbolic link.
func openAt(parent int, path string) (*directory, *unix.Stat_t, error) {
	fd, err := unix.Openat(parent, path, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, nil, err
	}
	return &directory{path: path, fd: fd}, &st, nil
}

func (d *directory) close() { unix.Close(d.fd) }

// directoryFault explains why copies cannot be in a directory.
func directoryFault(path string, err error) error {
	next := fault.Say("make it as root: install -d -m 1777 %s", path)
	switch {
	case errors.Is(err, unix.ENOTDIR):
		next = fault.Say("name a directory that is no symbolic link: node_cache in jrun.toml")
	case errors.Is(err, unix.EROFS):
		next = fault.Say("name a directory on a disk that can be written: node_cache in jrun.toml")
	}
	return fault.Newf(err, next, "cannot use the node_cache %s", path)
}

// temporary is a copy in the making.
type temporary struct {
	*os.File
	dir  *directory
	name string // "" when it has none
}

// temporaryPrefix begins the names of copies in the making:
// .copying@OWNER@RANDOM.
const temporaryPrefix = ".copying@"

func (d *directory) create() (*temporary, error) {
	const flags = unix.O_RDWR | unix.O_CLOEXEC
	fd, err := -1, error(unix.EOPNOTSUPP)
	if !d.named {
		fd, err = unix.Openat(d.fd, ".", flags|unix.O_TMPFILE, 0o600)
	}
	name := ""
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EINVAL) {
		name = temporaryPrefix + presence.Self().String() + "@" + rand.Text()
		fd, err = unix.Openat(d.fd, name, flags|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	}
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		return nil, directoryFault(d.path, err)
	case err != nil:
		return nil, fmt.Errorf("making a file in %s: %w", d.path, err)
	}
	return &temporary{File: os.NewFile(uintptr(fd), "copy"), dir: d, name: name}, nil
}

// unname takes the name away, if there is one.
func (t *temporary) unname() {
	if t.name != "" {
		_ = unix.Unlinkat(t.dir.fd, t.name, 0)
		t.name = ""
	}
}

func (t *temporary) discard() {
	t.unname()
	t.Close()
}

// readOnly closes the copy for writing and returns a descriptor for reading.
func (t *temporary) readOnly() (*os.File, error) {
	if err := t.Chmod(0o400); err != nil {
		return nil, fmt.Errorf("protecting the copy: %w", err)
	}
	return reopen(t.File)
}

// publish gives the copy its final name, in place of what has it.
func (t *temporary) publish(name string) error {
	for try := 1; ; try++ {
		var err error
		if t.name != "" {
			err = unix.Renameat(t.dir.fd, t.name, t.dir.fd, name)
		} else {
			err = unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", t.Fd()), t.dir.fd, name, unix.AT_SYMLINK_FOLLOW)
		}
		if err == nil {
			t.name = ""
			return nil
		}
		if !errors.Is(err, fs.ErrExist) || try == 3 {
			return fmt.Errorf("naming the copy: %w", err)
		}
		_ = unix.Unlinkat(t.dir.fd, name, 0)
	}
}

// foreignGrace is how long a copy in the making, whose owner cannot be looked at,
// must have been left alone before it counts as dead.
const foreignGrace = 24 * time.Hour

// sweep removes what copies in the making left behind whose processes are dead.
func (d *directory) sweep() {
	for _, e := range d.list() {
		if !strings.HasPrefix(e.Name(), temporaryPrefix) {
			continue
		}
		var st unix.Stat_t
		if err := unix.Fstatat(d.fd, e.Name(), &st, unix.AT_SYMLINK_NOFOLLOW); err != nil || int(st.Uid) != os.Getuid() {
			continue
		}
		text, _, _ := strings.Cut(strings.TrimPrefix(e.Name(), temporaryPrefix), "@")
		owner, err := presence.Parse(text)
		old := time.Since(time.Unix(st.Mtim.Unix())) > foreignGrace
		if err == nil && owner.Gone() || (err != nil || !owner.Here()) && old {
			_ = unix.Unlinkat(d.fd, e.Name(), 0)
		}
	}
}

// list is what is in the directory; nothing where that cannot be read.
func (d *directory) list() []fs.DirEntry {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/self/fd/%d", d.fd))
	if err != nil {
		return nil
	}
	return entries
}

// Usage is what Check found out about a directory.
type Usage struct {
	FileSystem int64 // its magic number, as statfs(2) has it
	FreeBytes  int64
}

// Check tries whether copies can be made in a directory. The error wraps
// fs.ErrNotExist if it is not there; others are faults.
func Check(path string) (Usage, error) {
	d, err := openDirectory(path)
	if err != nil {
		return Usage{}, err
	}
	defer d.close()
	u, err := d.usage()
	if err != nil {
		return u, err
	}
	t, err := d.create()
	if err != nil {
		return u, err
	}
	t.discard()
	return u, nil
}

func (d *directory) usage() (Usage, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(d.fd, &st); err != nil {
		return Usage{}, fmt.Errorf("asking for the room in %s: %w", d.path, err)
	}
	return Usage{FileSystem: st.Type, FreeBytes: int64(min(st.Bavail, 1<<62/uint64(max(st.Bsize, 1)))) * st.Bsize}, nil
}
