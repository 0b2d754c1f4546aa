package reader

import "sync"

// blockKey names a stored block: two inodes that name one place with different
// size words (only a corrupt file has them) do not share a block.
type blockKey struct {
	start uint64
	word  uint32
}

// block is a decompressed data or fragment block. Its data may be read between
// get and release.
type block struct {
	key        blockKey
	data       []byte
	err        error
	ready      chan struct{} // closed when data or err is set
	refs       int           // readers, under the cache's lock
	prev, next *block        // LRU list, most recent first
}

// blockCache is an LRU of decompressed blocks. One load runs for a block however
// many ask for it. Buffers of full size are used again once nobody reads them.
type blockCache struct {
	mu        sync.Mutex
	max       int64 // bytes
	size      int64
	blockSize int
	blocks    map[blockKey]*block
	lru       block // sentinel: lru.next is the most recent, lru.prev the oldest
	free      [][]byte
}

// maxFree bounds the buffers kept for re-use beyond the cache's own.
const maxFree = 4

func newBlockCache(limit int64, blockSize int) *blockCache {
	c := &blockCache{max: limit, blockSize: blockSize, blocks: make(map[blockKey]*block)}
	c.lru.prev, c.lru.next = &c.lru, &c.lru
	return c
}

// get returns the block, loading it at need into a buffer of size bytes; load
// returns how many it filled. Every block returned must be released. It also
// reports whether this call loaded it.
func (c *blockCache) get(key blockKey, size int, load func(dst []byte) (int, error)) (*block, bool, error) {
	c.mu.Lock()
	b := c.blocks[key]
	if b != nil {
		b.refs++
		c.unlink(b)
		c.pushFront(b)
		c.mu.Unlock()
		<-b.ready
		if b.err != nil {
			err := b.err
			c.release(b)
			return nil, false, err
		}
		return b, false, nil
	}
	b = &block{key: key, ready: make(chan struct{}), refs: 1}
	buf := c.buffer(size)
	c.blocks[key] = b
	c.pushFront(b)
	c.size += int64(cap(buf))
	c.evict()
	c.mu.Unlock()

	n, err := load(buf)
	b.data, b.err = buf[:n], err
	close(b.ready)
	if err != nil {
		c.mu.Lock()
		c.remove(b)
		c.mu.Unlock()
		c.release(b)
		return nil, false, err
	}
	return b, true, nil
}

// peek returns the block only if it is there and loaded.
func (c *blockCache) peek(key blockKey) *block {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.blocks[key]
	if b == nil {
		return nil
	}
	select {
	case <-b.ready:
	default:
		return nil
	}
	if b.err != nil {
		return nil
	}
	b.refs++
	return b
}

// has reports whether a block is there or being loaded.
func (c *blockCache) has(key blockKey) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blocks[key] != nil
}

// release ends the use of a block.
func (c *blockCache) release(b *block) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b.refs--
	if b.refs == 0 && c.blocks[b.key] != b {
		c.recycle(b)
		return
	}
	c.evict()
}

// evict drops the oldest blocks that nobody reads until the rest fits.
func (c *blockCache) evict() {
	for b := c.lru.prev; c.size > c.max && b != &c.lru; {
		older := b
		b = b.prev
		if older.refs == 0 {
			c.remove(older)
			c.recycle(older)
		}
	}
}

// remove takes b out of the cache; its buffer lives until the last release.
func (c *blockCache) remove(b *block) {
	delete(c.blocks, b.key)
	c.unlink(b)
	c.size -= int64(cap(b.data))
}

func (c *blockCache) recycle(b *block) {
	if cap(b.data) == c.blockSize+slack && len(c.free) < maxFree {
		c.free = append(c.free, b.data[:c.blockSize])
	}
	b.data = nil
}

func (c *blockCache) buffer(size int) []byte {
	if last := len(c.free) - 1; size == c.blockSize && last >= 0 {
		buf := c.free[last]
		c.free = c.free[:last]
		return buf
	}
	return make([]byte, size, size+slack)
}

func (c *blockCache) unlink(b *block) {
	b.prev.next, b.next.prev = b.next, b.prev
	b.prev, b.next = nil, nil
}

func (c *blockCache) pushFront(b *block) {
	b.prev, b.next = &c.lru, c.lru.next
	b.prev.next, b.next.prev = b, b
}
