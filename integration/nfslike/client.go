package nfslike

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// client is a node's NFS client: what FUSE asks it, it answers from its caches
// or by asking the server.
//
// Mutexes are taken in the order inode.mu, Server.mu, client.mu; never two
// inodes' at a time, because two nodes can disagree about which is above.
type client struct {
	fuse.RawFileSystem // answers ENOSYS for what is not here
	server             *Server

	crashed atomic.Bool // set with Server.mu

	mu       sync.Mutex
	inodes   map[uint64]*inode
	byHandle map[*handle]*inode
	lastID   uint64
	listings map[uint64][]fuse.DirEntry // of open directories
	lastFile uint64
	delays   *rand.Rand
	losses   *rand.Rand
}

func newClient(s *Server, root *handle) *client {
	s.mu.Lock()
	s.clients++
	seed := s.options.Seed ^ s.clients<<48
	s.mu.Unlock()
	c := &client{
		RawFileSystem: fuse.NewDefaultRawFileSystem(), server: s,
		inodes: map[uint64]*inode{}, byHandle: map[*handle]*inode{}, listings: map[uint64][]fuse.DirEntry{},
		delays: rand.New(rand.NewPCG(seed, 1)), losses: rand.New(rand.NewPCG(seed, 2)),
	}
	c.enter(root) // becomes fuse.FUSE_ROOT_ID, the first
	return c
}

func (*client) String() string { return "nfslike" }

// delay draws how long something will be believed.
func (c *client) delay() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Duration(c.delays.Int64N(int64(c.server.options.AttrDelay) + 1))
}

// newNumber is one for an open file or directory.
func (c *client) newNumber() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastFile++
	return c.lastFile
}

func (c *client) losesReply() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.losses.Float64() < c.server.options.LostReplies
}

// call is one request to the server. Nothing of a crashed node arrives there.
func (c *client) call(request func() error) error {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if c.crashed.Load() {
		return syscall.EIO
	}
	return request()
}

// once carries out a request that cannot be repeated, and repeats it when its
// reply is lost. Server.mu is held.
func (c *client) once(request func() error) error {
	err := request()
	if err == nil && c.losesReply() {
		err = request()
	}
	return err
}

// inode returns what the kernel calls by a number.
func (c *client) inode(id uint64) (*inode, fuse.Status) {
	if c.crashed.Load() {
		return nil, fuse.EIO
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.inodes[id]; i != nil {
		return i, fuse.OK
	}
	return nil, fuse.Status(syscall.ESTALE)
}

// enter makes the kernel know a file once more. It takes over the reference.
func (c *client) enter(h *handle) *inode {
	c.mu.Lock()
	i := c.byHandle[h]
	known := i != nil
	if !known {
		c.lastID++
		i = &inode{client: c, handle: h, id: c.lastID, fd: -1, absent: map[string]time.Time{}, pages: map[int64]*page{}}
		c.inodes[i.id], c.byHandle[h] = i, i
	}
	i.lookups++
	c.mu.Unlock()
	if known {
		c.server.release(h)
	}
	return i
}

// Forget is the opposite of enter, of many at a time.
func (c *client) Forget(id, lookups uint64) {
	c.mu.Lock()
	i := c.inodes[id]
	if i != nil {
		i.lookups -= lookups
	}
	forgotten := i != nil && i.lookups == 0
	if forgotten {
		delete(c.inodes, id)
		delete(c.byHandle, i.handle)
	}
	c.mu.Unlock()
	if forgotten {
		i.discard()
		c.server.release(i.handle)
	}
}

// OnUnmount forgets everything.
func (c *client) OnUnmount() {
	c.crash()
	c.mu.Lock()
	lookups := map[uint64]uint64{}
	for id, i := range c.inodes {
		lookups[id] = i.lookups
	}
	c.mu.Unlock()
	for id, n := range lookups {
		c.Forget(id, n)
	}
}

// crash ends the node's dealings with the server, at once and for ever.
func (c *client) crash() {
	c.server.mu.Lock()
	again := c.crashed.Swap(true)
	if !again {
		for _, h := range c.server.handles {
			h.locks = without(h.locks, func(l lock) bool { return l.owner.client == c })
			delete(h.opens, c)
		}
		c.server.abandonSilly(c)
		c.server.wakeLockers() // this node's, too: they end
	}
	c.server.mu.Unlock()
	if again {
		return
	}
	c.mu.Lock()
	all := make([]*inode, 0, len(c.inodes))
	for _, i := range c.inodes {
		all = append(all, i)
	}
	c.mu.Unlock()
	for _, i := range all {
		i.discard()
	}
}

// status is what the kernel is told of an error.
func status(err error) fuse.Status {
	var errno syscall.Errno
	switch {
	case err == nil:
		return fuse.OK
	case errors.As(err, &errno):
		return fuse.Status(errno)
	default:
		return fuse.EIO
	}
}
