package nfslike

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const sillyPrefix = ".nfs"

// roundTrip is the time between the two requests of a rename over an open file.
const roundTrip = 500 * time.Microsecond

// sillyName is what a removed file is called while it is open.
type sillyName struct {
	dir  *handle // with a reference
	name string
}

// makeSilly renames the file that name means if c has it open, and reports
// whether it has. Server.mu is held.
func (s *Server) makeSilly(c *client, dir *handle, name string) (bool, error) {
	h, err := s.find(dir.fd, name)
	if err != nil {
		return false, err
	}
	defer s.drop(h)
	if len(h.opens[c]) == 0 {
		return false, nil
	}
	for _, silly := range h.silly[c] {
		if silly.dir == dir && silly.name == name {
			return false, syscall.EBUSY // as Linux says
		}
	}
	s.sillies++
	silly := sillyName{dir: dir, name: fmt.Sprintf("%s%016x%08x", sillyPrefix, h.id.ino, s.sillies)}
	if err := unix.Renameat(dir.fd, name, dir.fd, silly.name); err != nil {
		return false, err
	}
	dir.refs++
	h.silly[c] = append(h.silly[c], silly)
	return true, nil
}

// removeSilly ends what c left of a file that it has closed, and returns in
// which directories. Server.mu is held.
func (s *Server) removeSilly(c *client, h *handle) []*handle {
	var dirs []*handle
	for _, silly := range h.silly[c] {
		if now, err := s.find(silly.dir.fd, silly.name); err == nil {
			if now == h {
				_ = unix.Unlinkat(silly.dir.fd, silly.name, 0)
			}
			s.drop(now)
		}
		dirs = append(dirs, silly.dir)
	}
	delete(h.silly, c)
	return dirs
}

// abandonSilly forgets the names that a crashed node will not remove. Server.mu
// is held.
func (s *Server) abandonSilly(c *client) {
	var dirs []*handle
	for _, h := range s.handles {
		for _, silly := range h.silly[c] {
			dirs = append(dirs, silly.dir)
		}
		delete(h.silly, c)
	}
	for _, dir := range dirs {
		s.drop(dir)
	}
}

// releaseWait is how long a release may be on its way after a close.
const releaseWait = 50 * time.Millisecond

// awaitReleases lets the end of files arrive that a program closed. FUSE does not
// make close wait for it, as NFS does.
func (c *client) awaitReleases(h *handle) {
	for deadline := time.Now().Add(releaseWait); time.Now().Before(deadline); time.Sleep(roundTrip / 5) {
		closing := false
		_ = c.call(func() error { closing = h.opens[c].closing(); return nil })
		if !closing {
			return
		}
	}
}

// clearTheWay renames away what this node has open and is about to replace.
func (c *client) clearTheWay(from *inode, oldName string, to *inode, newName string) {
	if target := c.peek(to, newName); target != nil {
		c.awaitReleases(target)
		c.server.release(target)
	}
	done := false
	var of reply
	_ = c.call(func() error {
		source, err := c.server.find(from.handle.fd, oldName)
		if err != nil {
			return nil
		}
		defer c.server.drop(source)
		target, err := c.server.find(to.handle.fd, newName)
		if err != nil {
			return nil
		}
		defer c.server.drop(target)
		if source != target {
			done, _ = c.server.makeSilly(c, to.handle, newName)
		}
		of, err = c.server.attributes(to.handle)
		return err
	})
	if done {
		to.touched(of)
		time.Sleep(roundTrip)
	}
}
