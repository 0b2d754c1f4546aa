package check

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/klauspost/compress/zstd"
)

// The estimate compresses samples at equal distances of all bytes, as zstd of medium
// strength does it in blocks of squashfs' size.
const (
	samples     = 160
	sampleBytes = 128 << 10
	// perFile is what names, modes and times of a file take, in bytes, compressed.
	perFile = 24
)

// estimate is how many bytes the files take when they are compressed. Files are in the
// order of their names, so that the same image gets the same answer.
func estimate(ctx context.Context, files fs.FS, all []weighed) (int64, error) {
	var total int64
	for _, f := range all {
		total += f.bytes
	}
	if total == 0 {
		return 0, nil
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return 0, err
	}
	defer func() { _ = encoder.Close() }() // nothing is written through it
	var raw, packed int64
	step := max(total/samples, 1)
	next, start := step/2, int64(0)
	block := make([]byte, sampleBytes)
	for _, f := range all {
		for ; next < start+f.bytes; next += step {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			n, err := readSample(files, f, next-start, block)
			if err != nil {
				return 0, err
			}
			raw += int64(n)
			packed += int64(min(len(encoder.EncodeAll(block[:n], nil)), n))
		}
		start += f.bytes
	}
	if raw == 0 {
		return 0, nil
	}
	return int64(float64(total)*float64(packed)/float64(raw)) + int64(len(all))*perFile, nil
}

// readSample reads the block of a file around an offset. A file that changes meanwhile,
// or that may not be read, gives less.
func readSample(files fs.FS, f weighed, offset int64, block []byte) (int, error) {
	opened, err := files.Open(f.path)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer opened.Close()
	at, ok := opened.(io.ReaderAt)
	if !ok {
		return 0, nil
	}
	offset -= offset % int64(len(block))
	n, err := at.ReadAt(block, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	return n, nil
}
