package image

import (
	"bufio"
	"bytes"
	"io"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/gunzip"
	"github.com/klauspost/compress/zstd"
)

const (
	compressedBuffer = 64 << 10 // bytes; the read-ahead in front of it has more

	// What zstd itself accepts without asking, bytes, and what it takes when it
	// is not told to take much: only one layer at a time may need more.
	maxZstdWindow   = 128 << 20
	smallZstdWindow = 8 << 20
)

// CompressionError says that a layer is compressed in a way that is not
// supported, or that it does not decompress although its bytes are those wanted.
type CompressionError struct {
	Method string
	Cause  error // nil when the method is not supported
}

func (e *CompressionError) Error() string { return e.FaultText().String() }

// FaultText is what the error says.
func (e *CompressionError) FaultText() fault.Text {
	if e.Cause == nil {
		return fault.Say("it is compressed with %s, which is not supported", e.Method)
	}
	return fault.Say("it does not decompress (%s): %v", e.Method, e.Cause)
}

// Unwrap returns Cause.
func (e *CompressionError) Unwrap() error { return e.Cause }

// Magic numbers: RFC 1952, RFC 8878, and those of bzip2 and xz.
var (
	gzipMagic  = []byte{0x1f, 0x8b}
	zstdMagic  = []byte{0x28, 0xb5, 0x2f, 0xfd}
	zstdSkip   = []byte{0x2a, 0x4d, 0x18} // after a byte of 0x50 to 0x5f
	bzip2Magic = []byte("BZh")
	xzMagic    = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
)

// decompress tells by the first bytes how in is compressed: media types are
// wrong too often, Docker has none for zstd, and the diffID judges the outcome.
// What needs much memory for it waits until turn is closed.
func decompress(in io.Reader, turn <-chan struct{}) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(in, compressedBuffer)
	head, err := buffered.Peek(len(xzMagic))
	if err != nil && len(head) == 0 && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		r, err := gunzip.NewReader(buffered)
		if err != nil {
			return nil, &CompressionError{Method: "gzip", Cause: err}
		}
		return &decompressor{Reader: r, method: "gzip", close: func() error { return nil }}, nil
	case bytes.HasPrefix(head, zstdMagic), len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], zstdSkip):
		return openZstd(buffered, turn)
	case bytes.HasPrefix(head, bzip2Magic):
		return nil, &CompressionError{Method: "bzip2"}
	case bytes.HasPrefix(head, xzMagic):
		return nil, &CompressionError{Method: "xz"}
	}
	return io.NopCloser(buffered), nil
}

// openZstd decodes in the goroutine that reads. A layer whose first frame has a
// large window is not decoded ahead; in any other, a later frame may not have one.
func openZstd(in *bufio.Reader, turn <-chan struct{}) (io.ReadCloser, error) {
	src, window := io.Reader(in), uint64(smallZstdWindow)
	var first zstd.Header
	if b, _ := in.Peek(zstd.HeaderMaxSize); first.Decode(b) == nil && first.WindowSize > smallZstdWindow {
		src, window = &lateReader{in, turn}, maxZstdWindow
	}
	r, err := zstd.NewReader(src, zstd.WithDecoderMaxWindow(window), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, &CompressionError{Method: "zstd", Cause: err}
	}
	return &decompressor{Reader: r, method: "zstd", close: func() error { r.Close(); return nil }}, nil
}

// lateReader gives nothing before turn is closed.
type lateReader struct {
	from io.Reader
	turn <-chan struct{}
}

func (l *lateReader) Read(p []byte) (int, error) {
	<-l.turn
	return l.from.Read(p)
}

// decompressor names the method in its errors.
type decompressor struct {
	io.Reader
	method string
	close  func() error
}

func (d *decompressor) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = &CompressionError{Method: d.method, Cause: err}
	}
	return n, err
}

func (d *decompressor) Close() error { return d.close() }
