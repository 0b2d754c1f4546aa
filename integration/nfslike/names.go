package nfslike

import (
	"errors"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// entry is a name's file as the server sent it.
type entry struct {
	handle *handle
	reply  reply
}

// show tells the kernel of a file that a name means, and for how long to believe
// it. It takes over the reference.
func (c *client) show(e entry, out *fuse.EntryOut) *inode {
	i := c.enter(e.handle)
	i.learn(e.reply)
	i.mu.Lock()
	out.Attr = i.attr()
	i.mu.Unlock()
	out.NodeId, out.Generation = i.id, 1
	out.SetEntryTimeout(c.delay())
	out.SetAttrTimeout(0)
	return i
}

// lookup is LOOKUP (RFC 1813, 3.3.3). Server.mu is held.
func (s *Server) lookup(dir *handle, name string) (entry, error) {
	h, err := s.find(dir.fd, name)
	if err != nil {
		return entry{}, err
	}
	r, err := s.attributes(h)
	if err != nil {
		s.drop(h)
		return entry{}, err
	}
	return entry{h, r}, nil
}

// Lookup is asked when the kernel does not believe the name to be there. That
// it is believed not to be there is known here, so that creating it asks the server.
func (c *client) Lookup(_ <-chan struct{}, header *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	dir, st := c.inode(header.NodeId)
	if !st.Ok() {
		return st
	}
	if dir.isAbsent(name) {
		return fuse.ENOENT
	}
	var e entry
	var of reply
	err := c.call(func() (err error) {
		if of, err = c.server.living(dir.handle, c); err == nil {
			e, err = c.server.lookup(dir.handle, name)
		}
		return err
	})
	if errors.Is(err, syscall.ENOENT) {
		dir.missed(name, of)
	}
	if err != nil {
		return status(err)
	}
	c.show(e, out)
	return fuse.OK
}

// change is a request to change what a name in a directory means. What the node
// believes of the directory ends, whether the change succeeds or not.
func (c *client) change(dir *inode, act func() error) error {
	var of reply
	err := c.call(func() (err error) {
		if _, err = c.server.living(dir.handle, c); err != nil {
			return err
		}
		err = act()
		of, _ = c.server.attributes(dir.handle)
		return err
	})
	dir.touched(of)
	return err
}

// make is a change that gives a name to something, and shows it to the kernel.
func (c *client) make(header *fuse.InHeader, name string, out *fuse.EntryOut, act func(dir int) error) (*inode, error) {
	dir, st := c.inode(header.NodeId)
	if !st.Ok() {
		return nil, syscall.Errno(st)
	}
	var e entry
	err := c.change(dir, func() error {
		err := act(dir.handle.fd)
		if err == nil {
			e, err = c.server.lookup(dir.handle, name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.show(e, out), nil
}

// makeOnce is make by a request that cannot be repeated.
func (c *client) makeOnce(header *fuse.InHeader, name string, out *fuse.EntryOut, act func(dir int) error) (*inode, error) {
	return c.make(header, name, out, func(dir int) error {
		return c.once(func() error { return act(dir) })
	})
}

// own gives what was just made to the caller, and the mode it asked for.
func own(dir int, name string, caller *fuse.InHeader, mode uint32) error {
	var of, stat unix.Stat_t
	if err := unix.Fstat(dir, &of); err != nil {
		return err
	}
	if err := unix.Fstatat(dir, name, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	gid := caller.Gid
	if of.Mode&unix.S_ISGID != 0 {
		gid = of.Gid
		if stat.Mode&unix.S_IFMT == unix.S_IFDIR {
			mode |= unix.S_ISGID
		}
	}
	if stat.Uid != caller.Uid || stat.Gid != gid {
		if err := unix.Fchownat(dir, name, int(caller.Uid), int(gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
	}
	if stat.Mode&unix.S_IFMT == unix.S_IFLNK {
		return nil
	}
	return unix.Fchmodat(dir, name, mode&0o7777, 0)
}

// Mkdir is MKDIR (RFC 1813, 3.3.9).
func (c *client) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	_, err := c.makeOnce(&in.InHeader, name, out, func(dir int) error {
		if err := unix.Mkdirat(dir, name, in.Mode&0o7777); err != nil {
			return err
		}
		return own(dir, name, &in.InHeader, in.Mode)
	})
	return status(err)
}

// Mknod is MKNOD (RFC 1813, 3.3.11).
func (c *client) Mknod(_ <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	_, err := c.makeOnce(&in.InHeader, name, out, func(dir int) error {
		if err := unix.Mknodat(dir, name, in.Mode, int(in.Rdev)); err != nil {
			return err
		}
		return own(dir, name, &in.InHeader, in.Mode)
	})
	return status(err)
}

// Symlink is SYMLINK (RFC 1813, 3.3.10).
func (c *client) Symlink(_ <-chan struct{}, header *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	_, err := c.makeOnce(header, name, out, func(dir int) error {
		if err := unix.Symlinkat(target, dir, name); err != nil {
			return err
		}
		return own(dir, name, header, 0)
	})
	return status(err)
}

// Readlink is READLINK (RFC 1813, 3.3.5).
func (c *client) Readlink(_ <-chan struct{}, header *fuse.InHeader) ([]byte, fuse.Status) {
	i, st := c.inode(header.NodeId)
	if !st.Ok() {
		return nil, st
	}
	buf := make([]byte, unix.PathMax)
	var n int
	err := c.call(func() (err error) {
		if _, err = c.server.living(i.handle, c); err == nil {
			n, err = unix.Readlinkat(i.handle.fd, "", buf)
		}
		return err
	})
	return buf[:n], status(err)
}

// Create is CREATE (RFC 1813, 3.3.8), GUARDED, of a name believed not to be
// there. When it is there and O_EXCL was not asked for, ESTALE makes the kernel
// look again, and then check who may open it.
func (c *client) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	exclusive := in.Flags&unix.O_EXCL != 0
	create := c.make
	if exclusive {
		create = c.makeOnce
	}
	i, err := create(&in.InHeader, name, &out.EntryOut, func(dir int) error {
		fd, err := unix.Openat(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return err
		}
		unix.Close(fd)
		return own(dir, name, &in.InHeader, in.Mode)
	})
	if errors.Is(err, syscall.EEXIST) && !exclusive {
		err = syscall.ESTALE
	}
	if err == nil {
		if out.OpenOut, err = i.open(in.Flags); err != nil { // removed elsewhere in between
			c.Forget(i.id, 1)
		}
	}
	return status(err)
}

// Link is LINK (RFC 1813, 3.3.15).
func (c *client) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	if c.server.options.NoLinks {
		return fuse.Status(syscall.EOPNOTSUPP)
	}
	of, st := c.inode(in.Oldnodeid)
	if !st.Ok() {
		return st
	}
	_, err := c.makeOnce(&in.InHeader, name, out, func(dir int) error {
		if r, err := c.server.attributes(of.handle); err != nil || r.Nlink == 0 {
			return syscall.ESTALE
		}
		return unix.Linkat(unix.AT_FDCWD, of.handle.path(), dir, name, unix.AT_SYMLINK_FOLLOW)
	})
	if err != nil {
		c.reread(of.handle)
	}
	return status(err)
}

// reread refreshes the attributes of a file that a request was about: replies
// to failures have them too.
func (c *client) reread(h *handle) {
	c.mu.Lock()
	i := c.byHandle[h]
	c.mu.Unlock()
	if i == nil {
		return
	}
	var r reply
	if c.call(func() (err error) { r, err = c.server.attributes(h); return err }) == nil {
		i.learn(r)
	}
}

// Unlink is REMOVE (RFC 1813, 3.3.12), or RENAME when the node has the file open.
func (c *client) Unlink(_ <-chan struct{}, header *fuse.InHeader, name string) fuse.Status {
	dir, st := c.inode(header.NodeId)
	if !st.Ok() {
		return st
	}
	target := c.peek(dir, name)
	if target != nil {
		defer c.server.release(target)
		c.awaitReleases(target)
	}
	err := c.change(dir, func() error {
		return c.once(func() error {
			if done, err := c.server.makeSilly(c, dir.handle, name); done || err != nil {
				return err
			}
			return unix.Unlinkat(dir.handle.fd, name, 0)
		})
	})
	if target != nil {
		c.reread(target)
	}
	return status(err)
}

// peek returns what a name means now, with a reference, nil if nothing.
func (c *client) peek(dir *inode, name string) *handle {
	var h *handle
	if c.call(func() (err error) { h, err = c.server.find(dir.handle.fd, name); return err }) != nil {
		return nil
	}
	return h
}

// Rmdir is RMDIR (RFC 1813, 3.3.13).
func (c *client) Rmdir(_ <-chan struct{}, header *fuse.InHeader, name string) fuse.Status {
	dir, st := c.inode(header.NodeId)
	if !st.Ok() {
		return st
	}
	return status(c.change(dir, func() error {
		return c.once(func() error { return unix.Unlinkat(dir.handle.fd, name, unix.AT_REMOVEDIR) })
	}))
}

// Rename is RENAME (RFC 1813, 3.3.14), after another when the node has open what
// is to be replaced.
func (c *client) Rename(_ <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	if in.Flags != 0 {
		return fuse.EINVAL
	}
	from, st := c.inode(in.NodeId)
	if !st.Ok() {
		return st
	}
	to, st := c.inode(in.Newdir)
	if !st.Ok() {
		return st
	}
	c.clearTheWay(from, oldName, to, newName)
	target := c.peek(to, newName)
	if target != nil {
		defer c.server.release(target)
	}
	var ofTo reply
	err := c.change(from, func() error {
		if _, err := c.server.living(to.handle, c); err != nil {
			return err
		}
		err := c.once(func() error { return unix.Renameat(from.handle.fd, oldName, to.handle.fd, newName) })
		ofTo, _ = c.server.attributes(to.handle)
		return err
	})
	to.touched(ofTo)
	if target != nil {
		c.reread(target)
	}
	if now := c.peek(to, newName); now != nil {
		c.reread(now)
		c.server.release(now)
	}
	return status(err)
}
