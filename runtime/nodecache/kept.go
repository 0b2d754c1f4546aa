package nodecache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"golang.org/x/sys/unix"
)

// imageSuffix ends the names of copies that are kept: <contents>.sqfs.
const imageSuffix = ".sqfs"

// openKept opens the directory of the user's kept copies.
func (d *directory) openKept() (*directory, error) {
	name := strconv.Itoa(os.Getuid())
	k, st, err := openAt(d.fd, name)
	if err != nil {
		return nil, err
	}
	k.path, k.named = d.path+"/"+name, d.named
	if int(st.Uid) != os.Getuid() || st.Mode&0o077 != 0 {
		k.close()
		why := fault.Because("%w: it belongs to uid %d and has mode %#o", ErrUntrusted, st.Uid, st.Mode&0o7777)
		return nil, fault.Newf(why, "remove it, or have its owner remove it", "cannot keep copies of images in %s", k.path)
	}
	return k, nil
}

// makeKeptDir is openKept that makes the directory.
func (d *directory) makeKeptDir() (*directory, error) {
	err := unix.Mkdirat(d.fd, strconv.Itoa(os.Getuid()), 0o700)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		return nil, directoryFault(d.path, err)
	case err != nil && !errors.Is(err, fs.ErrExist):
		return nil, fmt.Errorf("making a directory in %s: %w", d.path, err)
	}
	return d.openKept()
}

// openKept returns the kept copy of i, or nil when there is none.
func openKept(dir string, i Image) (*os.File, error) {
	d, err := openDirectory(dir)
	if err != nil {
		return nil, err
	}
	defer d.close()
	k, err := d.openKept()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer k.close()
	return k.open(i), nil
}

// open returns the copy of i, in use from now on, or nil.
func (d *directory) open(i Image) *os.File {
	name := i.id() + imageSuffix
	file, st := d.openFile(name)
	if file == nil {
		return nil
	}
	if int(st.Uid) != os.Getuid() || st.Mode&0o022 != 0 || st.Size != i.SizeBytes {
		_ = unix.Unlinkat(d.fd, name, 0)
		file.Close()
		return nil
	}
	if unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil {
		file.Close()
		return nil // it is being removed
	}
	now := unix.Timespec{Nsec: unix.UTIME_NOW} // when it was used last
	_ = unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", file.Fd()), []unix.Timespec{now, now}, 0)
	return file
}

// openFile opens a regular file, or returns nil.
func (d *directory) openFile(name string) (*os.File, *unix.Stat_t) {
	fd, err := unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || unix.SetNonblock(fd, false) != nil {
		unix.Close(fd)
		return nil, nil
	}
	return os.NewFile(uintptr(fd), name), &st
}

// makeKept makes a copy that stays.
func makeKept(ctx context.Context, o Options, i Image, stem string) (*os.File, error) {
	d, err := openDirectory(o.Dir)
	if err != nil {
		return nil, err
	}
	defer d.close()
	k, err := d.makeKeptDir()
	if err != nil {
		return nil, err
	}
	defer k.close()
	if file := k.open(i); file != nil {
		return file, nil // it was published between our look and our turn
	}
	k.sweep()
	if err := k.makeRoom(o, i, stem); err != nil {
		return nil, err
	}
	t, err := k.create()
	if err != nil {
		return nil, err
	}
	defer t.discard()
	if err := i.copyTo(ctx, t.File, o.Progress); err != nil {
		return nil, err
	}
	file, err := t.readOnly()
	if err != nil {
		return nil, err
	}
	_ = unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB) // nobody else knows the file
	if err := t.Sync(); err != nil {                          // a name must not outlive its bytes
		file.Close()
		return nil, fmt.Errorf("writing the copy: %w", err)
	}
	return file, t.publish(i.id() + imageSuffix)
}

// kept is a copy that stays.
type kept struct {
	name  string
	bytes int64
	used  time.Time
}

// copies are the kept ones, the longest unused first.
func (d *directory) copies() []kept {
	var all []kept
	for _, e := range d.list() {
		var st unix.Stat_t
		if strings.HasSuffix(e.Name(), imageSuffix) && unix.Fstatat(d.fd, e.Name(), &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
			all = append(all, kept{e.Name(), st.Size, time.Unix(st.Mtim.Unix())})
		}
	}
	slices.SortFunc(all, func(a, b kept) int {
		return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.name, b.name))
	})
	return all
}

func (d *directory) usedBytes() int64 {
	var sum int64
	for _, c := range d.copies() {
		sum += c.bytes
	}
	return sum
}

// makeRoom removes copies that nobody uses until there is room for i. If there
// cannot be, it removes none.
func (d *directory) makeRoom(o Options, i Image, stem string) error {
	u, err := d.usage()
	if err != nil {
		return err
	}
	others := unnamedBytes(stem)
	copies := d.copies()
	var held, idle int64
	var removable []*removal
	defer func() {
		for _, r := range removable {
			r.file.Close() // and its lock
		}
	}()
	for _, c := range copies {
		if r := d.lockUnused(c); r != nil {
			removable = append(removable, r)
			idle += c.bytes
		} else {
			held += c.bytes
		}
	}
	limit := o.LimitBytes
	if limit <= 0 {
		limit = (u.FreeBytes + others + held + idle) / 2
	}
	if err := fits(i.SizeBytes, others+held, limit, u.FreeBytes+idle); err != nil {
		return err
	}
	free := u.FreeBytes
	for _, r := range removable {
		if fits(i.SizeBytes, others+held+idle, limit, free) == nil {
			return nil
		}
		if err := unix.Unlinkat(d.fd, r.name, 0); err != nil {
			return fmt.Errorf("removing an old copy: %w", err)
		}
		idle -= r.bytes
		free += r.bytes
	}
	return nil
}

// removal is a copy that may be removed while its file is locked.
type removal struct {
	kept
	file *os.File
}

// lockUnused locks a copy that nobody uses, or returns nil.
func (d *directory) lockUnused(c kept) *removal {
	file, _ := d.openFile(c.name)
	if file == nil {
		return nil
	}
	if unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		file.Close()
		return nil
	}
	return &removal{c, file}
}
