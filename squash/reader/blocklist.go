package reader

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/jrun-hpc/jrun/squash"
)

// checkpointBlocks is the distance of checkpoints in a long file's index.
const checkpointBlocks = 64

// blockList walks the size words of a file from one block on.
type blockList struct {
	words cursor
	start uint64 // absolute offset of the next block
}

// next returns where the next block is stored and its size word.
func (l *blockList) next() (uint64, squash.SizeWord, error) {
	var buf [4]byte
	raw, err := l.words.next(4, buf[:])
	if err != nil {
		return 0, 0, fmt.Errorf("reading size words: %w", err)
	}
	word := squash.SizeWord(binary.LittleEndian.Uint32(raw))
	start := l.start
	l.start += uint64(word.Size())
	return start, word, nil
}

// advance skips n blocks.
func (l *blockList) advance(n uint64) error {
	for ; n > 0; n-- {
		if _, _, err := l.next(); err != nil {
			return err
		}
	}
	return nil
}

// blockList returns a list that stands at block index of the file.
func (r *Reader) blockList(ino *Inode, index uint64) (blockList, error) {
	list := blockList{words: r.cursorFrom(r.inodeTable, ino.tail), start: ino.start}
	if index >= checkpointBlocks {
		point, err := r.indexes.get(ino.Ref).checkpoint(r, &list, index/checkpointBlocks)
		if err != nil {
			return blockList{}, err
		}
		list.words = r.cursorFrom(r.inodeTable, point.words)
		list.start = point.start
		index %= checkpointBlocks
	}
	return list, list.advance(index)
}

// checkpoint is where a blockList stands at a multiple of checkpointBlocks.
type checkpoint struct {
	words metaPos
	start uint64
}

// fileIndex holds the checkpoints of one file as far as they were needed.
type fileIndex struct {
	mu     sync.Mutex
	points []checkpoint // number n is for block (n+1)*checkpointBlocks
}

// checkpoint returns checkpoint n, n at least 1, extending the index from its
// last one, or from list, which stands at block 0, when it is empty.
func (x *fileIndex) checkpoint(r *Reader, list *blockList, n uint64) (checkpoint, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if have := len(x.points); have > 0 && uint64(have) < n {
		last := x.points[have-1]
		list.words = r.cursorFrom(r.inodeTable, last.words)
		list.start = last.start
	}
	for uint64(len(x.points)) < n {
		if err := list.advance(checkpointBlocks); err != nil {
			return checkpoint{}, err
		}
		x.points = append(x.points, checkpoint{list.words.position(), list.start})
	}
	return x.points[n-1], nil
}

// maxIndexes is how many long files keep an index. At 128 KiB a block, an index
// takes 24 bytes for each 8 MiB of its file.
const maxIndexes = 256

// indexCache holds the indexes of files of more than checkpointBlocks blocks.
// When it is full it forgets one at random: an index is cheap to make again.
type indexCache struct {
	mu    sync.Mutex
	files map[squash.InodeRef]*fileIndex
}

func newIndexCache() *indexCache {
	return &indexCache{files: make(map[squash.InodeRef]*fileIndex)}
}

func (c *indexCache) get(ref squash.InodeRef) *fileIndex {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.files[ref]
	if x == nil {
		if len(c.files) >= maxIndexes {
			for victim := range c.files { // map order is random enough
				delete(c.files, victim)
				break
			}
		}
		x = &fileIndex{}
		c.files[ref] = x
	}
	return x
}
