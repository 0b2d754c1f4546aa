package reader

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash"
)

// Read-ahead for files that are read from front to back: the storage is told
// early which bytes will be wanted. That costs a system call for each window
// and no decompression, so it needs no guess at how slow the storage is; where
// the bytes are in the page cache already it does nothing.
const (
	// sequentialBlocks is how many blocks in a row make a sequential reader.
	sequentialBlocks = 2
	// The window grows from the first to the last while the reader goes on, in
	// bytes as they are stored.
	firstWindow = 256 << 10
	lastWindow  = 4 << 20
	// overtake is by how many blocks the requests of one reader may change places.
	overtake = 4
	// maxStreams is how many readers are told apart.
	maxStreams = 64
)

// Advise returns a function for Options.ReadAhead that lets the kernel read
// into the page cache.
func Advise(f *os.File) func(off, length int64) {
	// The kernel cuts a longer wish to the read-ahead of the device
	// (force_page_cache_ra), which is 128 KiB unless somebody set it.
	const wish = 128 << 10
	return func(off, length int64) {
		for end := off + length; off < end; off += wish {
			// File systems that cannot do it ignore it.
			_ = unix.Fadvise(int(f.Fd()), off, min(wish, end-off), unix.FADV_WILLNEED)
		}
	}
}

// stream is how far one file was read in order.
type stream struct {
	file    squash.InodeRef
	next    uint64 // the block that would come next
	run     uint64 // blocks in a row so far
	advised uint64 // absolute offset up to which bytes were asked for
	window  uint64 // bytes to ask for the next time
}

// readAhead watches which blocks are read.
type readAhead struct {
	advise  func(off, length int64)
	mu      sync.Mutex
	streams [maxStreams]stream
	hand    int
}

// saw is told of every data block that is read: of its index in the file, of how
// many blocks the file has, where it is stored, how many bytes it has there, and
// where data ends. Two reads of one block, by halves, count as one.
func (a *readAhead) saw(file squash.InodeRef, index, blocks, start, size, end uint64) {
	from, length := a.window(file, index, blocks, start, size, end)
	if length > 0 {
		a.advise(int64(from), int64(length))
	}
}

func (a *readAhead) window(file squash.InodeRef, index, blocks, start, size, end uint64) (from, length uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.find(file)
	gap := int64(index+1) - int64(s.next)
	switch {
	case s.run > 0 && gap <= 0 && gap > -overtake:
		return 0, 0 // another part of a block, or overtaken by the next
	case gap == 1, s.run > 0 && gap > 0 && gap <= overtake:
		s.run++
	default:
		*s = stream{file: file, run: 1, window: firstWindow}
	}
	s.next = index + 1
	here := start + size
	if s.run < sequentialBlocks || s.next >= blocks || s.advised > here+s.window/2 {
		return 0, 0
	}
	from = max(here, s.advised)
	to := min(here+s.window, end)
	s.window = min(2*s.window, lastWindow)
	if to <= from {
		return 0, 0
	}
	s.advised = to
	return from, to - from
}

// find returns the stream of a file, a new one in place of an old at need.
func (a *readAhead) find(file squash.InodeRef) *stream {
	for i := range a.streams {
		if a.streams[i].file == file && a.streams[i].window > 0 { // a file's reference may be 0
			return &a.streams[i]
		}
	}
	s := &a.streams[a.hand]
	a.hand = (a.hand + 1) % maxStreams
	*s = stream{file: file, window: firstWindow}
	return s
}
