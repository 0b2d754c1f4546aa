//go:build cgo

package writer

import (
	"runtime"

	"github.com/DataDog/zstd"
)

// CanonicalZstd says that zstd blocks come from the C library, whose bytes are
// the ones that images are compared by. It is false in a binary built without
// cgo: its images are as valid and hold the same files, but other bytes.
const CanonicalZstd = true

// zstdCompressor holds one libzstd context. A one-shot call tells libzstd the
// size of its input, which keeps the window within max(block size, 8192), the
// most that the kernel accepts (fs/squashfs/zstd_wrapper.c).
type zstdCompressor struct {
	ctx   zstd.Ctx
	level int
}

func newZstdCompressor(level int) compressor {
	return &zstdCompressor{ctx: zstd.NewCtx(), level: level}
}

func (c *zstdCompressor) compress(dst, src []byte) ([]byte, error) {
	// The context's finalizer frees its memory, and the library does not keep it
	// alive during its own call into C.
	defer runtime.KeepAlive(c.ctx)
	return c.ctx.CompressLevel(dst, src, c.level)
}
