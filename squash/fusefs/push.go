package fusefs

import (
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
// The kernel keeps the one who pushes waiting while pages of the block are part
// of a READ that was not answered yet. Hence some workers never push at any
// time: they answer it.
type pusher struct {
	fs      *FS
	fd      int
	limit   int32        // workers that may push at once
	pushing atomic.Int32 // workers that do
	walks   walks
}

func newPusher(f *FS, fd, limit int) *pusher {
	return &pusher{fs: f, fd: fd, limit: int32(limit), walks: walks{r: f.r}}
}

// may reports whether one more worker may push now, which must end with done.
func (p *pusher) may() bool { return p.pushing.Add(1) <= p.limit }

func (p *pusher) done() { p.pushing.Add(-1) }

// smallRead is the longest READ, in bytes, that is taken for one of many in
// random order. Sequential reads ask for more from the second one on, and will
// ask for the rest of the block themselves.
const smallRead = 16 << 10

// push works after the reply was sent. It may drop blocks, but always releases
// them.
func (p *pusher) push(node NodeID, fresh *reader.Fresh, asked uint32) {
	for _, b := range fresh.Blocks {
		if asked <= smallRead {
			if p.may() {
				_ = p.store(node, b.Offset, b.Data)
			}
			p.done()
		}
		p.fs.r.Release(b)
	}
	fresh.Blocks = fresh.Blocks[:0]
}

// wanted returns the walk that a READ was part of, if the next files of it are
// to be pushed now; the caller must then call ahead.
func (p *pusher) wanted(node NodeID, in readIn) *walk {
	if in.offset > 0 || p.limit == 0 || node&syntheticBit != 0 {
		return nil
	}
	ino, err := p.fs.inode(node)
	if err != nil || !p.walks.pushable(&ino) {
		return nil
	}
	return p.walks.saw(&ino)
}

// ahead pushes the next files of a walk, unless it is nil.
func (p *pusher) ahead(w *walk) {
	if w == nil {
		return
	}
	defer p.done()
	if !p.may() {
		p.walks.pause(w)
		return
	}
	p.walks.push(w, func(ino *reader.Inode) bool {
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
