package profile

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	pieceBytes = 1 << 20 // what is asked for at once
	inFlight   = 4       // pieces asked for at the same time
)

// Sweep reads what the profile names, in the order of the offsets, so that it
// is in the page cache when it is needed. It returns how many bytes were not
// there yet. A part that cannot be read is passed over: the reader that needs
// it will say so.
func (p Profile) Sweep(ctx context.Context, file *os.File) int64 {
	pieces := make(chan Range)
	go func() {
		defer close(pieces)
		for _, r := range p {
			for off := r.Offset; off < r.end(); off += pieceBytes {
				select {
				case pieces <- Range{off, min(pieceBytes, r.end()-off)}:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	var mu sync.Mutex
	var fetched int64
	var workers sync.WaitGroup
	for range inFlight {
		workers.Go(func() {
			buffer := make([]byte, pieceBytes)
			for piece := range pieces {
				n := fetch(file, buffer[:piece.Length], piece.Offset)
				mu.Lock()
				fetched += n
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return fetched
}

// fetch reads a piece unless the page cache has all of it, and returns how many
// bytes it read.
func fetch(file *os.File, p []byte, off int64) int64 {
	n, err := unix.Preadv2(int(file.Fd()), [][]byte{p}, off, unix.RWF_NOWAIT)
	if err == nil && n == len(p) {
		return 0
	}
	read, err := file.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0
	}
	return int64(read)
}
