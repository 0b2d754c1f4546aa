package nfslike

import (
	"strconv"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// fileID names an inode of the backing file system while a handle holds it.
type fileID struct{ dev, ino uint64 }

// handle is a file handle (RFC 1813, 2.3.3): it means one file, whatever its
// name. Server.mu guards it.
type handle struct {
	id      fileID
	number  uint64 // unique, unlike an inode number
	fd      int    // O_PATH
	refs    int
	version uint64 // of the data: NFSv4's change attribute
	opens   map[*client]opens
	silly   map[*client][]sillyName
	locks   []lock
}

// opens are a node's open files (struct file of the kernel) of one inode, each
// with whether it was closed once: it is still open then if it was duplicated.
type opens map[uint64]bool

// closing reports whether there may be nothing left but releases on their way.
func (o opens) closing() bool {
	for _, closed := range o {
		if !closed {
			return false
		}
	}
	return len(o) > 0
}

// path is a name by which the file can be opened, whatever happened to its own.
func (h *handle) path() string { return "/proc/self/fd/" + strconv.Itoa(h.fd) }

// find returns the handle of a name, with one more reference.
func (s *Server) find(dir int, name string) (*handle, error) {
	fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		unix.Close(fd)
		return nil, err
	}
	id := fileID{stat.Dev, stat.Ino}
	if h := s.handles[id]; h != nil {
		unix.Close(fd)
		h.refs++
		return h, nil
	}
	s.created++
	h := &handle{id: id, number: s.created, fd: fd, refs: 1, opens: map[*client]opens{}, silly: map[*client][]sillyName{}}
	s.handles[id] = h
	return h, nil
}

// drop gives back a reference. The descriptor kept the inode number from being
// used again, so a handle never means two files.
func (s *Server) drop(h *handle) {
	if h.refs--; h.refs == 0 {
		unix.Close(h.fd)
		delete(s.handles, h.id)
	}
}

// reply is what the server says of a file at one moment.
type reply struct {
	fuse.Attr
	version uint64
	number  uint64 // later ones are greater
	asOf    time.Time
}

// sameData reports whether the file seems to hold the same as at another time.
func (r *reply) sameData(as *reply) bool {
	return r.version == as.version && r.Size == as.Size && r.Mtime == as.Mtime && r.Mtimensec == as.Mtimensec
}

// attributes are those of now. Those of a removed file have no links.
func (s *Server) attributes(h *handle) (reply, error) {
	var stat syscall.Stat_t
	if err := syscall.Fstat(h.fd, &stat); err != nil {
		return reply{}, err
	}
	s.replies++
	r := reply{version: h.version, number: s.replies, asOf: time.Now()}
	r.FromStat(&stat)
	return r, nil
}

// living are the attributes of a file that c may still use.
func (s *Server) living(h *handle, c *client) (reply, error) {
	r, err := s.attributes(h)
	if err == nil && r.Nlink == 0 && (s.options.StaleHandles || len(h.opens[c]) == 0) {
		err = syscall.ESTALE
	}
	return r, err
}
