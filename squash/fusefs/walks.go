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
	lastWalkWindow  = 1 << 20
	// maxWalks is how many walks are told apart: a program has one for each
	// directory that it is in the middle of.
	maxWalks = 16
	// maxSkip is how many inodes that are not pushed may lie between two files
	// of a walk: directories, symlinks, empty and larger files.
	maxSkip = 64
	// hugeFile is the size of a file, in bytes, at which a walk ends: it has so
	// many size words that passing over them would take long.
	hugeFile = 1 << 30
	// none is no file's reference.
	none = ^squash.InodeRef(0)
)

// walks notices programs that read one file after another, such as grep -r, tar
// and cp. Each small file costs them two changes of context, and every
// few the decompression of a fragment, for which they wait. But they do it in
// the order of the names in a directory, and so are the inodes stored. Hence
// the files behind those that were just read are pushed into the page cache,
// beside the program's own work.
type walks struct {
	r    *reader.Reader
	mu   sync.Mutex
	list [maxWalks]walk
	hand int
}

// walk is a series of files that are read in order.
type walk struct {
	// next is the first file that was neither read nor pushed.
	next squash.InodeRef
	// marker is a file in the middle of a window that was left out: when it is
	// read, it is time to push the next window.
	marker squash.InodeRef
	run    int // files in a row so far; 0 for no walk
	window int // bytes to push the next time
	// While a worker pushes, pushing is true and now is the file it is at.
	pushing bool
	now     squash.InodeRef
}

// saw is told of each pushable file that is read from its beginning. If it returns
// a walk, the caller must push it ahead.
func (k *walks) saw(ino *reader.Inode) *walk {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.find(ino.Ref)
	switch {
	case w == nil:
		k.begin(ino)
		return nil
	case ino.Ref == w.next:
		if !k.advance(w, ino) {
			return nil
		}
		w.run++
	case ino.Ref == w.marker:
		w.marker = none
		w.window = min(2*w.window, lastWalkWindow)
	}
	if w.pushing || w.run < walkRun {
		return nil
	}
	w.pushing = true
	return w
}

// find returns the walk that waits for a file.
func (k *walks) find(ref squash.InodeRef) *walk {
	for i := range k.list {
		if w := &k.list[i]; w.run > 0 && (ref == w.next || ref == w.marker || w.pushing && ref == w.now) {
			return w
		}
	}
	return nil
}

// begin makes a new walk in place of the oldest that is not being pushed.
func (k *walks) begin(ino *reader.Inode) {
	for range k.list {
		w := &k.list[k.hand]
		k.hand = (k.hand + 1) % maxWalks
		if !w.pushing {
			*w = walk{run: 1, window: firstWalkWindow, marker: none}
			k.advance(w, ino)
			return
		}
	}
}

// advance moves a walk behind ino. It reports false if that was the last file.
func (k *walks) advance(w *walk, ino *reader.Inode) bool {
	next, ok := k.following(ino)
	w.next = next
	if !ok {
		w.run = 0
	}
	return ok
}

// following returns the next file behind ino that can be pushed.
func (k *walks) following(ino *reader.Inode) (squash.InodeRef, bool) {
	next := *ino
	for range maxSkip {
		if next.Type == squash.TypeFile && next.Size > hugeFile {
			return 0, false
		}
		var err error
		if next, err = k.r.After(&next); err != nil {
			return 0, false // the end of the table, or a damaged image
		}
		if k.pushable(&next) {
			return next.Ref, true
		}
	}
	return 0, false
}

// pushable reports whether a file is one of those that walks are made of: the
// kernel reads larger ones ahead by itself.
func (k *walks) pushable(ino *reader.Inode) bool {
	return ino.Type == squash.TypeFile && ino.Size > 0 && ino.Size <= uint64(k.r.Superblock().BlockSize)
}

// push passes the next window of a walk to store, all files but the marker.
// store reports false for a file that the kernel does not want; a later READ of
// it goes on with the walk.
func (k *walks) push(w *walk, store func(ino *reader.Inode) bool) {
	defer k.pause(w)
	for left := k.open(w); left > 0; {
		ino, marker, ok := k.take(w, left)
		if !ok {
			return
		}
		if !marker && !store(&ino) {
			k.giveBack(w, ino.Ref)
			return
		}
		left -= max(int(ino.Size), pageSize) // which it takes in memory
	}
}

// open returns how many bytes a window has.
func (k *walks) open(w *walk) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	w.marker = none
	return w.window
}

// take returns the next file of a walk and whether it is to be the marker. The
// walk may have overtaken the push meanwhile, which then goes on from there.
func (k *walks) take(w *walk, left int) (ino reader.Inode, marker, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if w.run == 0 {
		return ino, false, false
	}
	ino, err := k.r.Inode(w.next)
	if err != nil {
		w.run = 0
		return ino, false, false
	}
	w.now = ino.Ref
	k.advance(w, &ino)
	if w.marker == none && left <= w.window/2 {
		w.marker, marker = ino.Ref, true
	}
	return ino, marker, true
}

func (k *walks) giveBack(w *walk, ref squash.InodeRef) {
	k.mu.Lock()
	defer k.mu.Unlock()
	w.next = ref
}

// pause ends a push, or one that was not begun.
func (k *walks) pause(w *walk) {
	k.mu.Lock()
	defer k.mu.Unlock()
	w.pushing = false
}
