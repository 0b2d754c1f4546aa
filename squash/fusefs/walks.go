package fusefs

import (
	"sync"

	"github.com/jrun-hpc/jrun/squash"
	"github.com/jrun-hpc/jrun/squash/reader"
)

const (
	// walkRun is how many files in a row make a walk.
	walkRun = 3
	// What is pushed ahead grows from the first window to the last while the
	// walk goes on, in bytes of memory.
	firstWalkWindow = 64 << 10
	lastWalkWindow  = 512 << 10
	// maxWalks is how many walks are told apart: a program has one for each
	// directory that it is in the middle of.
	maxWalks = 16
	// maxSkip is how many inodes that are not pushed may lie between two files
	// of a walk: directories, symlinks, empty and larger files.
	maxSkip = 64
	// hugeFile is the size of a file, in bytes, at which a walk ends: it has so
	// many size words that passing over them would take long.
	hugeFile = 1 << 30
)

// walks notices programs that read one small file after another, such as
// grep -r, tar and cp. Each file costs them two changes of context, and every
// few the decompression of a fragment, for which they wait. But they do it in
// the order of the names in a directory, and so are the inodes stored. Hence
// with one such file the next ones are pushed into the page cache, and those
// behind them are decompressed beside the program's own work.
type walks struct {
	r    *reader.Reader
	mu   sync.Mutex
	list [maxWalks]walk
	hand int
}

// walk is a series of files that are read in order.
type walk struct {
	next   squash.InodeRef // the first file that was neither read nor pushed
	run    int             // files in a row so far; 0 for no walk
	window int             // bytes to push the next time
}

// saw is told of each pushable file that is read from its beginning. If files
// behind it are worth pushing, it passes them to store in order, until that
// reports false for one that the kernel does not want.
func (k *walks) saw(ino *reader.Inode, store func(ino *reader.Inode) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.find(ino.Ref)
	if w == nil {
		w = &k.list[k.hand]
		k.hand = (k.hand + 1) % maxWalks
		*w = walk{window: firstWalkWindow}
	}
	w.run++
	next, ok := k.following(ino)
	for left := w.window; ok && w.run >= walkRun && left > 0; {
		if !store(&next) {
			break
		}
		left -= max(int(next.Size), pageSize) // which it takes in memory
		next, ok = k.following(&next)
		if left <= 0 {
			w.window = min(2*w.window, lastWalkWindow)
			k.preload(next, w.window)
		}
	}
	w.next = next.Ref
	if !ok {
		w.run = 0
	}
}

// find returns the walk that waits for a file.
func (k *walks) find(ref squash.InodeRef) *walk {
	for i := range k.list {
		if w := &k.list[i]; w.run > 0 && ref == w.next {
			return w
		}
	}
	return nil
}

// following returns the next file behind ino that can be pushed.
func (k *walks) following(ino *reader.Inode) (reader.Inode, bool) {
	next := *ino
	for range maxSkip {
		if next.Type == squash.TypeFile && next.Size > hugeFile {
			return reader.Inode{}, false
		}
		var err error
		if next, err = k.r.After(&next); err != nil {
			return reader.Inode{}, false // the end of the table, or a damaged image
		}
		if k.pushable(&next) {
			return next, true
		}
	}
	return reader.Inode{}, false
}

// pushable reports whether a file is one of those that walks are made of: the
// kernel reads larger ones ahead by itself.
func (k *walks) pushable(ino *reader.Inode) bool {
	return ino.Type == squash.TypeFile && ino.Size > 0 && ino.Size <= uint64(k.r.Superblock().BlockSize)
}

// preload decompresses the next window, if a CPU is free for that.
func (k *walks) preload(ino reader.Inode, window int) {
	k.r.Beside(func() {
		for ok := true; ok && window > 0; ino, ok = k.following(&ino) {
			if k.r.Preload(&ino) != nil {
				return // whoever asks for it will be told
			}
			window -= max(int(ino.Size), pageSize)
		}
	})
}
