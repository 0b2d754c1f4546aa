package nfslike

import (
	"slices"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// OpenDir begins a listing; ReadDir takes it from the cache or the server.
func (c *client) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if _, st := c.inode(in.NodeId); !st.Ok() {
		return st
	}
	out.Fh = c.newNumber()
	return fuse.OK
}

// ReleaseDir ends it.
func (c *client) ReleaseDir(in *fuse.ReleaseIn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.listings, in.Fh)
}

// ReadDir is READDIR (RFC 1813, 3.3.16). From its beginning to its end a
// listing is of one moment.
func (c *client) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	dir, st := c.inode(in.NodeId)
	if !st.Ok() {
		return st
	}
	c.mu.Lock()
	listing := c.listings[in.Fh]
	c.mu.Unlock()
	if in.Offset == 0 || listing == nil {
		var err error
		if listing, err = dir.list(); err != nil {
			return status(err)
		}
		c.mu.Lock()
		c.listings[in.Fh] = listing
		c.mu.Unlock()
	}
	for at := in.Offset; at < uint64(len(listing)); at++ {
		e := listing[at]
		e.Off = at + 1
		if !out.AddDirEntry(e) {
			break
		}
	}
	return fuse.OK
}

// list is the directory as this node believes it to be.
func (i *inode) list() ([]fuse.DirEntry, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.listing != nil && time.Now().Before(i.listed) {
		return i.listing, nil
	}
	var r reply
	var all []fuse.DirEntry
	if err := i.client.call(func() (err error) {
		if r, err = i.client.server.living(i.handle, i.client); err == nil {
			all, err = readDir(i.handle.path())
		}
		return err
	}); err != nil {
		return nil, err
	}
	i.accept(r)
	i.listing, i.listed = all, r.asOf.Add(i.client.delay())
	return all, nil
}

func readDir(path string) ([]fuse.DirEntry, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	all := []fuse.DirEntry{}
	for buf := make([]byte, 64<<10); ; {
		n, err := unix.ReadDirent(fd, buf)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return all, nil
		}
		for rest := buf[:n]; len(rest) > 0; {
			var e fuse.DirEntry
			rest = rest[e.Parse(rest):]
			all = append(all, e)
		}
	}
}

// xattrs go to the server each time (RFC 8276); those of symlinks are not had.

// GetXAttr is GETXATTR (RFC 8276, 8.4.1).
func (c *client) GetXAttr(_ <-chan struct{}, header *fuse.InHeader, name string, into []byte) (uint32, fuse.Status) {
	return c.xattr(header, func(path string) (int, error) { return unix.Getxattr(path, name, into) })
}

// ListXAttr is LISTXATTRS (RFC 8276, 8.4.3).
func (c *client) ListXAttr(_ <-chan struct{}, header *fuse.InHeader, into []byte) (uint32, fuse.Status) {
	return c.xattr(header, func(path string) (int, error) { return unix.Listxattr(path, into) })
}

// SetXAttr is SETXATTR (RFC 8276, 8.4.2).
func (c *client) SetXAttr(_ <-chan struct{}, in *fuse.SetXAttrIn, name string, value []byte) fuse.Status {
	value = slices.Clone(value)
	_, st := c.xattr(&in.InHeader, func(path string) (int, error) {
		return 0, unix.Setxattr(path, name, value, int(in.Flags))
	})
	return st
}

// RemoveXAttr is REMOVEXATTR (RFC 8276, 8.4.4).
func (c *client) RemoveXAttr(_ <-chan struct{}, header *fuse.InHeader, name string) fuse.Status {
	_, st := c.xattr(header, func(path string) (int, error) { return 0, unix.Removexattr(path, name) })
	return st
}

func (c *client) xattr(header *fuse.InHeader, act func(path string) (int, error)) (uint32, fuse.Status) {
	i, st := c.inode(header.NodeId)
	if !st.Ok() {
		return 0, st
	}
	var n int
	err := c.call(func() error {
		r, err := c.server.living(i.handle, c)
		if err != nil {
			return err
		}
		if r.Mode&unix.S_IFMT == unix.S_IFLNK {
			return syscall.ENODATA
		}
		n, err = act(i.handle.path())
		return err
	})
	return uint32(n), status(err)
}
