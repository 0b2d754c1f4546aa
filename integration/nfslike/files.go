package nfslike

import (
	"errors"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Open asks the server whether the file is what the caches say (nfs(5),
// close-to-open). A file without a name is stale; the kernel then walks the
// path again.
func (c *client) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	i, st := c.inode(in.NodeId)
	if !st.Ok() {
		return st
	}
	var err error
	*out, err = i.open(in.Flags)
	return status(err)
}

// open returns the answer to a successful open. The lowest bits of its number
// say what the file is open for. The kernel keeps no pages.
func (i *inode) open(flags uint32) (fuse.OpenOut, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	fh := i.client.newNumber()<<2 | uint64(flags&unix.O_ACCMODE)
	var r reply
	err := i.client.call(func() (err error) {
		if r, err = i.client.server.attributes(i.handle); err != nil {
			return err
		}
		if r.Nlink == 0 {
			return syscall.ESTALE
		}
		if i.fd < 0 {
			if i.fd, err = openBacking(i.handle.path(), flags); err != nil {
				return err
			}
		}
		if i.handle.opens[i.client] == nil {
			i.handle.opens[i.client] = opens{}
		}
		i.handle.opens[i.client][fh] = false
		return nil
	})
	if err != nil {
		return fuse.OpenOut{}, err
	}
	i.accept(r)
	_ = i.settle() // an error is one of earlier writes; it was their file's last chance
	return fuse.OpenOut{Fh: fh, OpenFlags: fuse.FOPEN_DIRECT_IO}, nil
}

// openBacking opens for all that later opens of the same inode may want.
func openBacking(path string, flags uint32) (int, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil && flags&unix.O_ACCMODE == unix.O_RDONLY {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return -1, err
	}
	return fd, nil
}

// Read reads from the node's pages.
func (c *client) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	i, st := c.inode(in.NodeId)
	if !st.Ok() {
		return nil, st
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if in.Flags&unix.O_DIRECT != 0 {
		i.believed, i.changed = time.Time{}, true
	}
	err := i.revalidate()
	if err == nil {
		err = i.settle()
	}
	n := 0
	if err == nil {
		n, err = i.read(buf[:min(len(buf), int(in.Size))], in.Offset)
	}
	if err != nil {
		return nil, status(err)
	}
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// Write leaves data on the node, unless the program asked for more.
func (c *client) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	i, st := c.inode(in.NodeId)
	if !st.Ok() {
		return 0, st
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	offset := in.Offset
	if in.Flags&unix.O_APPEND != 0 {
		if err := i.revalidate(); err != nil {
			return 0, status(err)
		}
		offset = i.size
	}
	err := i.settle()
	if err == nil {
		err = i.write(data, offset)
	}
	if err == nil && in.Flags&(unix.O_DSYNC|unix.O_DIRECT) != 0 { // O_SYNC has the bit of O_DSYNC
		err = i.writeBack()
	}
	if err != nil {
		return 0, status(err)
	}
	return uint32(len(data)), fuse.OK
}

// Flush is close(2): data goes to the server, and the process' fcntl locks go.
func (c *client) Flush(_ <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	err := c.sync(in.NodeId)
	if i, st := c.inode(in.NodeId); st.Ok() {
		c.unlockAll(i.handle, lockOwner{client: c, id: in.LockOwner})
		_ = c.call(func() error {
			if files := i.handle.opens[c]; files != nil {
				files[in.Fh] = true
			}
			return nil
		})
	}
	return status(err)
}

// Fsync is COMMIT (RFC 1813, 3.3.21).
func (c *client) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return status(c.sync(in.NodeId))
}

// FsyncDir has nothing to do: the server is told of names at once.
func (c *client) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	_, st := c.inode(in.NodeId)
	return st
}

func (c *client) sync(id uint64) error {
	i, st := c.inode(id)
	if !st.Ok() {
		return syscall.Errno(st)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.writeBack()
}

const releaseFlockUnlock = 1 << 1 // FUSE_RELEASE_FLOCK_UNLOCK of linux/fuse.h

// Release is the end of an open file, after its last close. What the node
// removed in the meantime is now removed for all.
func (c *client) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	i, st := c.inode(in.NodeId)
	if !st.Ok() {
		return
	}
	i.mu.Lock()
	_ = i.writeBack()
	if in.ReleaseFlags&releaseFlockUnlock != 0 {
		c.unlockAll(i.handle, lockOwner{client: c, id: in.LockOwner, flock: true})
	}
	var dirs []*handle
	last := false
	_ = c.call(func() error {
		delete(i.handle.opens[c], in.Fh)
		if last = len(i.handle.opens[c]) == 0; last {
			delete(i.handle.opens, c)
			dirs = c.server.removeSilly(c, i.handle)
		}
		return nil
	})
	if last {
		clear(i.pages)
		unix.Close(i.fd)
		i.fd = -1
	}
	i.mu.Unlock()
	for _, dir := range dirs {
		c.refreshDir(dir)
		c.server.release(dir)
	}
}

// refreshDir drops the listing of a directory that this node changed.
func (c *client) refreshDir(dir *handle) {
	c.mu.Lock()
	i := c.byHandle[dir]
	c.mu.Unlock()
	var r reply
	if i != nil && c.call(func() (err error) { r, err = c.server.attributes(dir); return err }) == nil {
		i.touched(r)
	}
}

// StatFs is FSSTAT (RFC 1813, 3.3.18).
func (c *client) StatFs(_ <-chan struct{}, in *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	i, st := c.inode(in.NodeId)
	if !st.Ok() {
		return st
	}
	var stat syscall.Statfs_t
	err := c.call(func() error { return syscall.Fstatfs(i.handle.fd, &stat) })
	if err == nil {
		out.FromStatfsT(&stat)
	}
	return status(err)
}

// GetAttr is answered from the cache while that is believed.
func (c *client) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	i, st := c.inode(in.NodeId)
	if !st.Ok() {
		return st
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.revalidate(); err != nil {
		return status(err)
	}
	out.Attr = i.attr()
	return fuse.OK
}

// SetAttr is SETATTR (RFC 1813, 3.3.2). Linux writes data back before.
func (c *client) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	i, st := c.inode(in.NodeId)
	if !st.Ok() {
		return st
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.writeBack(); err != nil {
		return status(err)
	}
	var before, after reply
	err := c.call(func() (err error) {
		if before, err = c.server.living(i.handle, c); err == nil {
			err = c.server.setAttributes(i.handle, in)
		}
		if err == nil {
			after, err = c.server.attributes(i.handle)
		}
		return err
	})
	if err != nil {
		return status(err)
	}
	i.acceptOwn(before, after)
	if in.Valid&fuse.FATTR_SIZE != 0 {
		clear(i.pages)
	}
	out.Attr = i.attr()
	return fuse.OK
}

// setAttributes is what SetAttr does at the server. Server.mu is held.
func (s *Server) setAttributes(h *handle, in *fuse.SetAttrIn) error {
	var errs []error
	if in.Valid&fuse.FATTR_SIZE != 0 {
		h.version++
		errs = append(errs, unix.Truncate(h.path(), int64(in.Size)))
	}
	if in.Valid&(fuse.FATTR_UID|fuse.FATTR_GID) != 0 {
		uid, gid := -1, -1
		if in.Valid&fuse.FATTR_UID != 0 {
			uid = int(in.Uid)
		}
		if in.Valid&fuse.FATTR_GID != 0 {
			gid = int(in.Gid)
		}
		errs = append(errs, unix.Fchownat(h.fd, "", uid, gid, unix.AT_EMPTY_PATH))
	}
	if in.Valid&fuse.FATTR_MODE != 0 { // after the owner, whose change takes bits away
		errs = append(errs, unix.Chmod(h.path(), in.Mode&0o7777))
	}
	if in.Valid&(fuse.FATTR_ATIME|fuse.FATTR_MTIME) != 0 {
		times := []unix.Timespec{
			timeToSet(in.Valid, fuse.FATTR_ATIME, fuse.FATTR_ATIME_NOW, in.Atime, in.Atimensec),
			timeToSet(in.Valid, fuse.FATTR_MTIME, fuse.FATTR_MTIME_NOW, in.Mtime, in.Mtimensec),
		}
		errs = append(errs, unix.UtimesNanoAt(h.fd, "", times, unix.AT_EMPTY_PATH))
	}
	return errors.Join(errs...)
}

// timeToSet is an argument of utimensat: "now" is by the server's clock.
func timeToSet(valid, set, now uint32, seconds uint64, nanoseconds uint32) unix.Timespec {
	switch {
	case valid&now != 0:
		return unix.Timespec{Nsec: unix.UTIME_NOW}
	case valid&set != 0:
		return unix.Timespec{Sec: int64(seconds), Nsec: int64(nanoseconds)}
	default:
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	}
}
