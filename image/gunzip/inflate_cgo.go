//go:build cgo

package gunzip

// #cgo CFLAGS: -O3 -Wall -Wextra
// #include "inflate.h"
import "C"

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"unsafe"
)

const (
	inputSize  = 128 << 10 // bytes read at a time
	outputSize = 256 << 10 // bytes decoded at a time, beside the window
)

// Reader decompresses a gzip stream. It is not safe for concurrent use.
type Reader struct {
	src   io.Reader
	eof   bool
	state C.struct_inflate

	in     []byte // input from the source: in[inPos:inEnd], padding behind
	inPos  int
	inEnd  int
	out    []byte // window and output
	outPos int    // end of what is decoded
	read   int    // start of what the caller has not taken

	history int    // bytes before outPos that belong to this member, at most the window
	crc     uint32 // of this member's output up to outPos
	size    uint32 // of it, modulo 2³²
	err     error
}

// NewReader returns a Reader of src. The first error that src returns, other
// than io.EOF, is returned by Read.
func NewReader(src io.Reader) (*Reader, error) {
	r := &Reader{
		src: src,
		in:  make([]byte, inputSize+C.INFLATE_IN_PADDING),
		out: make([]byte, C.INFLATE_WINDOW+outputSize+C.INFLATE_OUT_MARGIN),
	}
	if err := r.header(); err != nil {
		return nil, err
	}
	return r, nil
}

// Read returns decompressed bytes. It returns an error that wraps ErrCorrupt
// for anything that is not valid gzip, and io.ErrUnexpectedEOF for a stream
// that ends too early.
func (r *Reader) Read(p []byte) (int, error) {
	for r.read == r.outPos {
		if r.err != nil {
			return 0, r.err
		}
		if len(p) == 0 {
			return 0, nil
		}
		r.err = r.decode()
	}
	n := copy(p, r.out[r.read:r.outPos])
	r.read += n
	return n, nil
}

// decode makes some progress: new output, or the end of a member.
func (r *Reader) decode() error {
	if r.outPos > C.INFLATE_WINDOW {
		keep := min(r.history, C.INFLATE_WINDOW)
		copy(r.out[C.INFLATE_WINDOW-keep:], r.out[r.outPos-keep:r.outPos])
		r.outPos = C.INFLATE_WINDOW
	}
	start := r.outPos
	inUsed, outPos := C.size_t(0), C.size_t(start)
	end := 0
	if r.eof {
		end = 1
	}
	result := C.inflate_run(&r.state, (*C.uint8_t)(unsafe.Pointer(&r.in[r.inPos])), C.size_t(r.inEnd-r.inPos), &inUsed, C.int(end),
		(*C.uint8_t)(unsafe.Pointer(&r.out[0])), &outPos, C.size_t(len(r.out)), C.size_t(min(r.history, start)))
	r.inPos += int(inUsed)
	r.outPos, r.read = int(outPos), start
	made := r.out[start:r.outPos]
	r.crc = crc32.Update(r.crc, crc32.IEEETable, made)
	r.size += uint32(len(made))
	r.history = min(r.history+len(made), C.INFLATE_WINDOW)

	switch result {
	case C.INFLATE_NEED_ROOM:
		return nil
	case C.INFLATE_NEED_INPUT:
		return r.fill()
	case C.INFLATE_DONE:
		return r.trailer()
	case C.INFLATE_TRUNCATED:
		return io.ErrUnexpectedEOF
	}
	return ErrCorrupt
}

// fill reads more input; what was not used moves to the front.
func (r *Reader) fill() error {
	if r.eof {
		return io.ErrUnexpectedEOF
	}
	r.inEnd = copy(r.in, r.in[r.inPos:r.inEnd])
	r.inPos = 0
	for range 100 {
		n, err := r.src.Read(r.in[r.inEnd:inputSize])
		r.inEnd += n
		if errors.Is(err, io.EOF) {
			r.eof = true
			return nil
		}
		if err != nil {
			return err
		}
		if n > 0 {
			return nil
		}
	}
	return io.ErrNoProgress
}

// need returns the next n bytes of the input without taking them.
func (r *Reader) need(n int) ([]byte, error) {
	for r.inEnd-r.inPos < n {
		if r.eof && r.inEnd == r.inPos {
			return nil, io.EOF
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	return r.in[r.inPos : r.inPos+n], nil
}

// readByte takes a byte of a header.
func (r *Reader) readByte() (byte, error) {
	b, err := r.need(1)
	if err != nil {
		return 0, noEOF(err)
	}
	r.inPos++
	return b[0], nil
}

// trailer checks the end of a member and begins the next one, if there is one.
func (r *Reader) trailer() error {
	b, err := r.need(8)
	if err != nil {
		return noEOF(err)
	}
	if binary.LittleEndian.Uint32(b) != r.crc || binary.LittleEndian.Uint32(b[4:]) != r.size {
		return ErrChecksum
	}
	r.inPos += 8
	if _, err := r.need(1); errors.Is(err, io.EOF) {
		return io.EOF
	}
	return r.header()
}

// header reads the head of a member.
func (r *Reader) header() error {
	if err := readHeader(r.readByte); err != nil {
		return err
	}
	r.state.bits, r.state.count, r.state.state = 0, 0, 0
	r.history, r.crc, r.size = 0, 0, 0
	return nil
}
