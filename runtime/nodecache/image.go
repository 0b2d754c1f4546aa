package nodecache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/zeebo/blake3"
)

// Image is a squashfs file on shared storage.
type Image struct {
	Name       string   // for messages
	File       *os.File // open for reading
	SizeBytes  int64
	ChunkBytes int64  // the sums are of this many bytes each
	BLAKE3     []byte // one sum after the other
}

const (
	sumSize   = 32
	mostChunk = 64 << 20 // bytes; each copier holds one
	copiers   = 4        // that read at the same time: the file server is slow, not busy
)

// ErrNoSums says that nothing is known of an image that a copy could be compared
// with.
var ErrNoSums = errors.New("there are no sums of its contents")

func (i *Image) check() error {
	if i.ChunkBytes <= 0 || i.ChunkBytes > mostChunk || i.SizeBytes <= 0 ||
		int64(len(i.BLAKE3)) != (i.SizeBytes+i.ChunkBytes-1)/i.ChunkBytes*sumSize {
		return ErrNoSums
	}
	return nil
}

// id names the contents: equal ids are equal bytes.
func (i *Image) id() string {
	h := sha256.New()
	fmt.Fprintln(h, i.SizeBytes, i.ChunkBytes)
	h.Write(i.BLAKE3)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// copyTo writes the image to dst, which is empty, and checks every byte. Chunks of
// zeros become holes, as they are in the images that have them.
func (i *Image) copyTo(ctx context.Context, dst *os.File, progress func(doneBytes, allBytes int64)) error {
	if err := dst.Truncate(i.SizeBytes); err != nil {
		return fmt.Errorf("making the copy: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	starts := make(chan int64)
	var group sync.WaitGroup
	var mu sync.Mutex
	var done int64
	for range min(copiers, len(i.BLAKE3)/sumSize) {
		group.Go(func() {
			buf := make([]byte, min(i.ChunkBytes, i.SizeBytes))
			for start := range starts {
				b := buf[:min(i.ChunkBytes, i.SizeBytes-start)]
				if err := i.copyChunk(dst, b, start); err != nil {
					cancel(err)
					continue
				}
				mu.Lock()
				if done += int64(len(b)); progress != nil {
					progress(done, i.SizeBytes)
				}
				mu.Unlock()
			}
		})
	}
	for start := int64(0); start < i.SizeBytes && ctx.Err() == nil; start += i.ChunkBytes {
		starts <- start
	}
	close(starts)
	group.Wait()
	return context.Cause(ctx)
}

func (i *Image) copyChunk(dst *os.File, b []byte, start int64) error {
	n, err := i.File.ReadAt(b, start)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the image: %w", err)
	}
	if n != len(b) || blake3.Sum256(b) != [sumSize]byte(i.BLAKE3[start/i.ChunkBytes*sumSize:]) {
		return fault.Newf(fault.Because("the bytes %d to %d that came from storage differ from those that were written", start, start+int64(len(b))),
			"find out whether the file or the way to it is damaged: jrun verify IMAGE", "%s was not copied to this node", i.Name)
	}
	if b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1]) {
		return nil
	}
	if _, err := dst.WriteAt(b, start); err != nil {
		return fmt.Errorf("writing the copy: %w", err)
	}
	return nil
}
