package reader

import (
	"sync"
	"sync/atomic"
)

// metaCache keeps decompressed metadata blocks by absolute offset. Hits take a
// read lock only; replacement is by clock, so a hit writes one flag and moves
// nothing.
type metaCache struct {
	mu    sync.RWMutex
	max   int64
	size  int64
	slots map[uint64]*metaSlot
	ring  []*metaSlot // every slot once; the hand goes round
	hand  int
}

type metaSlot struct {
	off   uint64
	block *metaBlock
	used  atomic.Bool
}

// slotOverhead is the memory of one block beside its data, in bytes.
const slotOverhead = 128

func newMetaCache(limit int64) *metaCache {
	return &metaCache{max: limit, slots: make(map[uint64]*metaSlot)}
}

func (c *metaCache) get(off uint64) *metaBlock {
	c.mu.RLock()
	s := c.slots[off]
	c.mu.RUnlock()
	if s == nil {
		return nil
	}
	if !s.used.Load() { // a shared cache line is only written when it changes
		s.used.Store(true)
	}
	return s.block
}

// add publishes b and returns the block that won, when two readers came with
// the same one.
func (c *metaCache) add(off uint64, b *metaBlock) *metaBlock {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.slots[off]; s != nil {
		return s.block
	}
	cost := metaCost(b)
	slot := &metaSlot{off: off, block: b}
	c.slots[off] = slot
	c.size += cost
	for c.size > c.max && len(c.ring) > 0 {
		victim := c.ring[c.hand]
		if victim.used.Swap(false) {
			c.hand = (c.hand + 1) % len(c.ring)
			continue
		}
		delete(c.slots, victim.off)
		c.size -= metaCost(victim.block)
		last := len(c.ring) - 1
		c.ring[c.hand] = c.ring[last]
		c.ring = c.ring[:last]
		if c.hand >= last {
			c.hand = 0
		}
	}
	c.ring = append(c.ring, slot)
	return b
}

func metaCost(b *metaBlock) int64 { return int64(cap(b.data)) + slotOverhead }
