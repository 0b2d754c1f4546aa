package fusefs

import "sync"

// replyBuffers are for replies of known, large size: a READ of 128 KiB is
// usual, one of 256 KiB follows posix_fadvise(2), larger ones mean that root
// raised the mount's read-ahead.
var replyBuffers = [...]replyClass{
	newReplyClass(32 << 10), newReplyClass(128 << 10), newReplyClass(256 << 10), newReplyClass(maxRead),
}

// replyClass is a pool of buffers with room for so many bytes behind the header.
type replyClass struct {
	room int
	pool *sync.Pool
}

// scratch is room behind a buffer in which the decompressor may write, which
// makes it faster.
const scratch = 64

func newReplyClass(room int) replyClass {
	return replyClass{room, &sync.Pool{New: func() any {
		b := make([]byte, outHeaderSize+room+scratch)
		return &b
	}}}
}

// largeBuffer is one that was taken from a pool, or none.
type largeBuffer struct {
	class int
	bytes *[]byte
}

// takeLarge returns a buffer with room for n bytes, maxRead at most, behind a
// header.
func takeLarge(n int) largeBuffer {
	class := 0
	for n > replyBuffers[class].room {
		class++
	}
	return largeBuffer{class, replyBuffers[class].pool.Get().(*[]byte)}
}

func (b *largeBuffer) free() {
	if b.bytes != nil {
		replyBuffers[b.class].pool.Put(b.bytes)
		b.bytes = nil
	}
}

// reply returns an empty reply with room for n bytes, maxRead at most, behind
// its header. It holds at most one large buffer at a time.
func (w *worker) reply(n int) []byte {
	if n <= len(w.fixed)-outHeaderSize-scratch {
		return w.fixed[:outHeaderSize]
	}
	if n <= len(w.small)-outHeaderSize {
		return w.small[:outHeaderSize]
	}
	w.large.free()
	w.large = takeLarge(n)
	return (*w.large.bytes)[:outHeaderSize]
}
