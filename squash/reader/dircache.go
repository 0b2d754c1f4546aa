package reader

import (
	"container/list"
	"sync"

	"github.com/jrun-hpc/jrun/squash"
)

// dirCache is an LRU of decoded directories, bounded by bytes. The most recent
// one is kept whatever its size. A directory that several ask for at once is
// decoded once.
type dirCache struct {
	mu    sync.Mutex
	max   int64
	size  int64
	dirs  map[squash.InodeRef]*list.Element // of *dirSlot
	order *list.List                        // most recent first
}

type dirSlot struct {
	ref   squash.InodeRef
	ready chan struct{}
	dir   *directory
	err   error
}

func newDirCache(limit int64) *dirCache {
	return &dirCache{max: limit, dirs: make(map[squash.InodeRef]*list.Element), order: list.New()}
}

func (c *dirCache) get(ref squash.InodeRef, load func() (*directory, error)) (*directory, error) {
	c.mu.Lock()
	if e := c.dirs[ref]; e != nil {
		c.order.MoveToFront(e)
		c.mu.Unlock()
		s := e.Value.(*dirSlot)
		<-s.ready
		return s.dir, s.err
	}
	s := &dirSlot{ref: ref, ready: make(chan struct{})}
	e := c.order.PushFront(s)
	c.dirs[ref] = e
	c.mu.Unlock()

	dir, err := load()
	c.mu.Lock()
	defer c.mu.Unlock()
	s.dir, s.err = dir, err
	close(s.ready)
	if err != nil {
		c.order.Remove(e)
		delete(c.dirs, ref)
		return nil, err
	}
	c.size += dir.bytes
	c.evict(e)
	return dir, nil
}

// evict drops the oldest loaded directories, but not keep.
func (c *dirCache) evict(keep *list.Element) {
	for e := c.order.Back(); c.size > c.max && e != nil; {
		older := e
		e = e.Prev()
		s := older.Value.(*dirSlot)
		if older == keep || s.dir == nil {
			continue
		}
		c.size -= s.dir.bytes
		c.order.Remove(older)
		delete(c.dirs, s.ref)
	}
}
