package fusefs

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash/reader"
)

// pusher passes the rest of blocks that were decompressed for a small read to
// the kernel, so that the next small read in them needs no request at all.
// Without it, random reads of 4 KiB in a file larger than the block cache would
// decompress 128 KiB each.
//
// The kernel keeps the one who pushes waiting while pages of the block are part
// of a READ that was not answered yet. Hence some workers never push at any
// time: they answer it.
type pusher struct {
	fd      int
	limit   int32        // workers that may push at once
	pushing atomic.Int32 // workers that do
}

// smallRead is the longest READ, in bytes, that is taken for one of many in
// random order. Sequential reads ask for more from the second one on, and will
// ask for the rest of the block themselves.
const smallRead = 16 << 10

// push works after the reply was sent. It may drop blocks, but always releases
// them.
func (p *pusher) push(r *reader.Reader, node NodeID, fresh *reader.Fresh, asked uint32) {
	worth := asked <= smallRead && p.limit > 0
	for _, b := range fresh.Blocks {
		if worth && p.pushing.Add(1) <= p.limit {
			p.store(node, b.Offset, b.Data)
		}
		if worth {
			p.pushing.Add(-1)
		}
		r.Release(b)
	}
	fresh.Blocks = fresh.Blocks[:0]
}

// store sends FUSE_NOTIFY_STORE. It is an offer: the kernel may have forgotten
// the file, or be short of memory.
func (p *pusher) store(node NodeID, offset uint64, data []byte) {
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
	_, _ = unix.Writev(p.fd, [][]byte{head[:], data})
}
