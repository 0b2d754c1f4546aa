package fusefs

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash/reader"
)

// pusher passes to the kernel what it has not asked for, but soon will: the rest
// of blocks that were decompressed for a small read, so that the next small read
// in them needs no request at all, and the files that a walk will read next.
// Without the first, random reads of 4 KiB in a file larger than the block cache
// would decompress 128 KiB each.
//
// The kernel keeps the one who pushes a page waiting while the page is part of a
// READ that is not answered, and SIGKILL does not end that wait. If it came in
// such a moment, nobody would be left to answer, the process could not end, and
// so the kernel would not know that nobody serves any more: for ever. Therefore
// no page is pushed that might be asked for at the same time: a thread pushes
// before it answers a READ, and only for a program that reads alone, and which
// therefore waits for that answer; and no other READ may be on its way, such as
// one that the kernel sent ahead. What is left is another thread that asks for
// the very page in the microseconds of a push, and a kill in the same.
type pusher struct {
	fs      *FS
	fd      int
	reads   atomic.Int32 // READs that are being answered
	pushing sync.Mutex   // held by who pushes
	asker   asker
	walks   walks
}

func newPusher(f *FS, fd int) *pusher { return &pusher{fs: f, fd: fd, walks: walks{r: f.r}} }

// smallRead is the longest READ, in bytes, that is taken for one of many in
// random order. Sequential reads ask for more from the second one on, and will
// ask for the rest of the block themselves.
const smallRead = 16 << 10

// push is told of every READ before it is answered, and of the blocks that it
// brought into the cache, which it releases. It may push only if all other READs
// can be answered meanwhile.
func (p *pusher) push(req *request, fresh *reader.Fresh, may bool) {
	in, ok := parseReadIn(req.body)
	alone := p.asker.alone(req.thread) && p.reads.Load() == 1
	if (alone || p.fs.pushForAll) && ok && may && p.pushing.TryLock() {
		if in.size <= smallRead {
			for _, b := range fresh.Blocks {
				p.around(req.node, b, in)
			}
		}
		if in.offset == 0 {
			p.ahead(req.node)
		}
		p.pushing.Unlock()
	}
	for _, b := range fresh.Blocks {
		p.fs.r.Release(b)
	}
	fresh.Blocks = fresh.Blocks[:0]
}

// around pushes a block but for the pages that the READ is about, which wait
// for its answer.
func (p *pusher) around(node NodeID, b reader.FreshBlock, in readIn) {
	from := in.offset &^ (pageSize - 1)
	to := (in.offset + uint64(in.size) + pageSize - 1) &^ (pageSize - 1)
	end := b.Offset + uint64(len(b.Data))
	if from > b.Offset {
		_ = p.store(node, b.Offset, b.Data[:min(from, end)-b.Offset])
	}
	if to < end {
		_ = p.store(node, max(to, b.Offset), b.Data[max(to, b.Offset)-b.Offset:])
	}
}

// ahead pushes the files behind one that is read from its beginning, if it is
// part of a walk.
func (p *pusher) ahead(node NodeID) {
	if node&syntheticBit != 0 {
		return
	}
	ino, err := p.fs.inode(node)
	if err != nil || !p.walks.pushable(&ino) {
		return
	}
	p.walks.saw(&ino, func(ino *reader.Inode) bool {
		buffer := takeLarge(int(ino.Size))
		defer buffer.free()
		content := (*buffer.bytes)[:ino.Size]
		if _, err := p.fs.r.ReadAt(ino, content, 0); err != nil {
			return false // whoever asks for it will be told
		}
		return p.store(p.fs.nodeOf(ino.Ref), 0, content) == nil
	})
}

// store sends FUSE_NOTIFY_STORE. It is an offer: the kernel may have forgotten
// the file, or be short of memory.
func (p *pusher) store(node NodeID, offset uint64, data []byte) error {
	const (
		notifyStore = 4
		headSize    = outHeaderSize + 24 // with struct fuse_notify_store_out
	)
	var head [headSize]byte
	native.PutUint32(head[:], uint32(headSize+len(data)))
	native.PutUint32(head[4:], notifyStore)
	native.PutUint64(head[16:], uint64(node))
	native.PutUint64(head[24:], offset)
	native.PutUint32(head[32:], uint32(len(data)))
	_, err := unix.Writev(p.fd, [][]byte{head[:], data})
	return err
}

// asker remembers which thread asked for the last READs.
type asker struct {
	mu     sync.Mutex
	thread uint32
	run    int // READs in a row by it
}

// lonelyReads is how many READs by one thread make it one that reads alone.
const lonelyReads = 16

// alone reports whether the thread of a READ is the only one that reads lately.
// The kernel gives the number 0 to those that it cannot name.
func (a *asker) alone(thread uint32) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if thread != a.thread || thread == 0 {
		a.thread, a.run = thread, 0
	}
	a.run++
	return a.run > lonelyReads
}
