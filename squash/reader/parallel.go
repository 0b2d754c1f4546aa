package reader

import "runtime"

// A read of several blocks is decompressed by as many goroutines as there are
// CPUs at most, all reads of a Reader together: whoever reads alone waits for
// the blocks of one request with the other CPUs idle.

// helpers are permits to run one more goroutine.
type helpers chan struct{}

func newHelpers() helpers { return make(helpers, runtime.GOMAXPROCS(0)-1) }

// take reports whether there is a permit, which must be given back.
func (h helpers) take() bool {
	select {
	case h <- struct{}{}:
		return true
	default:
		return false
	}
}

func (h helpers) giveBack() { <-h }

// readBlocks fills p, which is not empty, from data blocks: the back half by
// itself if somebody helps. It returns how many bytes at the front of p are good.
func (r *Reader) readBlocks(ino *Inode, p []byte, off uint64, fresh *Fresh) (int, error) {
	blockSize := uint64(r.sb.BlockSize)
	first, last := off/blockSize, (off+uint64(len(p))-1)/blockSize
	if first == last || last == first+1 && r.cached(ino, first) || !r.helpers.take() {
		return r.readInOrder(ino, p, off, fresh)
	}
	return r.readHalves(*ino, p, off, (first+(last-first+1)/2)*blockSize)
}

// readHalves reads what is behind middle beside what is before. The inode is a
// copy, so that the caller's need not be on the heap.
func (r *Reader) readHalves(ino Inode, p []byte, off, middle uint64) (int, error) {
	type result struct {
		n   int
		err error
	}
	back := make(chan result, 1)
	go func() {
		defer r.helpers.giveBack()
		// What is fresh of several blocks is of no use to anybody.
		n, err := r.readBlocks(&ino, p[middle-off:], middle, nil)
		back <- result{n, err}
	}()
	n, err := r.readBlocks(&ino, p[:middle-off], off, nil)
	b := <-back
	if err != nil {
		return n, err
	}
	return n + b.n, b.err
}

// cached reports whether a block of a file is decompressed already.
func (r *Reader) cached(ino *Inode, index uint64) bool {
	list, err := r.blockList(ino, index)
	if err != nil {
		return false
	}
	start, word, err := list.next()
	return err == nil && r.blocks.has(blockKey{start, uint32(word)})
}

// Beside runs f in a goroutine of its own if a CPU may be free for it, and
// reports whether it does.
func (r *Reader) Beside(f func()) bool {
	if !r.helpers.take() {
		return false
	}
	go func() {
		defer r.helpers.giveBack()
		f()
	}()
	return true
}

// Preload decompresses the block or fragment in which a file begins into the
// cache, for a ReadAt soon.
func (r *Reader) Preload(ino *Inode) error {
	var first [1]byte
	_, err := r.ReadAt(ino, first[:], 0)
	return err
}
