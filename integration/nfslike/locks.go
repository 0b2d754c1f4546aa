package nfslike

import (
	"math"
	"slices"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// lockOwner is who holds a lock: an open file (flock) or a process (fcntl).
type lockOwner struct {
	client *client
	id     uint64
	flock  bool
}

// lock is a lock of bytes. flock is one of all (flock(2), "NFS details").
type lock struct {
	owner lockOwner
	file  uint64 // by which it was asked for
	fuse.FileLock
}

func without(locks []lock, drop func(lock) bool) []lock { return slices.DeleteFunc(locks, drop) }

// conflict returns a lock in the way of another, or nil.
func (h *handle) conflict(want lock) *lock {
	for k, l := range h.locks {
		if l.owner != want.owner && l.Start <= want.End && want.Start <= l.End &&
			(l.Typ == unix.F_WRLCK || want.Typ == unix.F_WRLCK) {
			return &h.locks[k]
		}
	}
	return nil
}

// setLock replaces what an owner has of the range, as fcntl(2) says: a lock that
// reaches beyond is cut. Server.mu is held.
func (s *Server) setLock(h *handle, want lock) {
	var kept []lock
	for _, l := range h.locks {
		if l.owner != want.owner || l.End < want.Start || want.End < l.Start {
			kept = append(kept, l)
			continue
		}
		if l.Start < want.Start {
			left := l
			left.End = want.Start - 1
			kept = append(kept, left)
		}
		if l.End > want.End {
			right := l
			right.Start = want.End + 1
			kept = append(kept, right)
		}
	}
	if want.Typ != unix.F_UNLCK {
		kept = append(kept, want)
	}
	h.locks = kept
	s.wakeLockers() // also when a lock became a weaker one
}

// wakeLockers makes all who wait look again. Server.mu is held.
func (s *Server) wakeLockers() {
	close(s.unlocked)
	s.unlocked = make(chan struct{})
}

// GetLk is fcntl(F_GETLK).
func (c *client) GetLk(_ <-chan struct{}, in *fuse.LkIn, out *fuse.LkOut) fuse.Status {
	i, st := c.inode(in.NodeId)
	if !st.Ok() {
		return st
	}
	if c.server.options.NoLocks {
		return fuse.Status(syscall.ENOLCK)
	}
	return status(c.call(func() error {
		out.Lk = fuse.FileLock{Typ: unix.F_UNLCK}
		if l := i.handle.conflict(asked(c, in)); l != nil {
			out.Lk = l.FileLock
			if l.owner.client != c {
				out.Lk.Pid = 0 // a process of another node has no number here
			}
		}
		return nil
	}))
}

func asked(c *client, in *fuse.LkIn) lock {
	flock := in.LkFlags&fuse.LK_FLOCK != 0
	l := lock{owner: lockOwner{client: c, id: in.Owner, flock: flock}, file: in.Fh, FileLock: in.Lk}
	if flock {
		l.Start, l.End = 0, math.MaxInt64
	}
	return l
}

// SetLk is flock or fcntl that does not wait, unless it is for a holder whose
// close has returned, but whose release is on its way (see awaitReleases).
func (c *client) SetLk(cancel <-chan struct{}, in *fuse.LkIn) fuse.Status {
	patience := time.NewTimer(releaseWait)
	defer patience.Stop()
	for {
		unlocked, closing, err := c.lock(in)
		if !closing {
			return status(err)
		}
		select {
		case <-unlocked:
		case <-cancel:
			return fuse.EINTR
		case <-patience.C:
			return status(err)
		}
	}
}

// SetLkw is one that does, until a signal comes.
func (c *client) SetLkw(cancel <-chan struct{}, in *fuse.LkIn) fuse.Status {
	for {
		unlocked, _, err := c.lock(in)
		if unlocked == nil {
			return status(err)
		}
		select {
		case <-unlocked:
		case <-cancel:
			return fuse.EINTR
		}
	}
}

// lock tries once. If another's lock is in the way it returns EAGAIN, a channel
// that is closed when it may be worth another try, and whether the other is closing.
func (c *client) lock(in *fuse.LkIn) (unlocked <-chan struct{}, closing bool, err error) {
	i, st := c.inode(in.NodeId)
	if !st.Ok() {
		return nil, false, syscall.Errno(st)
	}
	want := asked(c, in)
	if err := c.mayLock(want, in.Fh&unix.O_ACCMODE); err != nil {
		return nil, false, err
	}
	if want.Typ == unix.F_UNLCK {
		// What was written under the lock is for the next who gets it.
		if err := c.sync(in.NodeId); err != nil {
			return nil, false, err
		}
	}
	if err := c.call(func() error {
		if _, err := c.server.living(i.handle, c); err != nil {
			return err
		}
		if l := i.handle.conflict(want); l != nil && want.Typ != unix.F_UNLCK {
			unlocked, closing = c.server.unlocked, i.handle.opens[l.owner.client][l.file]
			return syscall.EAGAIN
		}
		c.server.setLock(i.handle, want)
		return nil
	}); err != nil {
		return unlocked, closing, err
	}
	if want.Typ != unix.F_UNLCK {
		// Who has the lock sees what those before wrote.
		i.mu.Lock()
		i.believed, i.changed = time.Time{}, true
		i.mu.Unlock()
	}
	return nil, false, nil
}

// mayLock says no where NFS does: the modes of flock are those of fcntl.
func (c *client) mayLock(want lock, accessMode uint64) error {
	if c.server.options.NoLocks {
		return syscall.ENOLCK
	}
	if want.Typ == unix.F_WRLCK && accessMode == unix.O_RDONLY || want.Typ == unix.F_RDLCK && accessMode == unix.O_WRONLY {
		return syscall.EBADF
	}
	return nil
}

// unlockAll ends all locks of an owner.
func (c *client) unlockAll(h *handle, owner lockOwner) {
	_ = c.call(func() error {
		if slices.ContainsFunc(h.locks, func(l lock) bool { return l.owner == owner }) {
			h.locks = without(h.locks, func(l lock) bool { return l.owner == owner })
			c.server.wakeLockers()
		}
		return nil
	})
}
