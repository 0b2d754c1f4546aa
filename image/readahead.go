package image

import (
	"errors"
	"io"
	"sync"
)

// Sizes of what is read ahead, in bytes: with layersAhead layers open at once
// these bound the memory that fetching takes, whatever an image's size.
const (
	aheadChunk      = 256 << 10
	compressedAhead = 4 << 20 // of a layer as it comes
	tarAhead        = 8 << 20 // of its tar
)

var errReadAheadClosed = errors.New("reading ahead was stopped")

// readAhead reads a source in a goroutine of its own, a bounded number of
// chunks ahead of whoever reads from it. A second goroutine may look at every
// chunk on its way.
type readAhead struct {
	free  chan *buffer // chunks to fill; nil until first used
	ready chan chunk
	stop  chan struct{}
	once  sync.Once
	gone  sync.WaitGroup

	// Of the reader.
	whole *buffer // the chunk that rest is of
	rest  []byte
	err   error // sticky; told when rest is empty
}

// buffer is the memory of a chunk. Layers hand it on to the next ones: as garbage
// it would wait for the collector while new ones are made.
type buffer [aheadChunk]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

type chunk struct {
	buf *buffer
	n   int
	err error // after the n bytes; the last chunk has one
}

// newReadAhead starts to read src, up to limit bytes ahead. inspect, unless it
// is nil, sees all bytes in order, each before it can be read, and has seen the
// last one when Read returns the source's error or io.EOF.
func newReadAhead(src io.Reader, limit int, inspect func([]byte)) *readAhead {
	n := limit / aheadChunk
	r := &readAhead{free: make(chan *buffer, n), ready: make(chan chunk, n), stop: make(chan struct{})}
	for range n {
		r.free <- nil
	}
	filled := r.ready
	if inspect != nil {
		filled = make(chan chunk, n)
		r.gone.Go(func() { r.inspect(filled, inspect) })
	}
	r.gone.Go(func() { r.fill(src, filled) })
	return r
}

func (r *readAhead) fill(src io.Reader, filled chan<- chunk) {
	defer close(filled)
	for {
		var c chunk
		select {
		case c.buf = <-r.free:
		case <-r.stop:
			return
		}
		if c.buf == nil {
			c.buf = buffers.Get().(*buffer)
		}
		for c.n < len(c.buf) && c.err == nil {
			var n int
			n, c.err = src.Read(c.buf[c.n:])
			c.n += n
		}
		filled <- c // has room for all chunks there are
		if c.err != nil {
			return
		}
	}
}

func (r *readAhead) inspect(filled <-chan chunk, inspect func([]byte)) {
	defer close(r.ready)
	for c := range filled {
		inspect(c.buf[:c.n])
		r.ready <- c
	}
}

func (r *readAhead) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.whole != nil {
			r.free <- r.whole
			r.whole = nil
		}
		if r.err != nil {
			return 0, r.err
		}
		if len(p) == 0 {
			return 0, nil
		}
		c, ok := <-r.ready
		if !ok {
			r.err = errReadAheadClosed
			continue
		}
		r.whole, r.rest, r.err = c.buf, c.buf[:c.n], c.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close stops reading ahead and waits for the goroutines; a Read of the source
// that is under way has to end first. It does not close the source. It may be
// called again.
func (r *readAhead) Close() error {
	r.once.Do(func() { close(r.stop) })
	r.gone.Wait()
	for c := range r.ready { // closed by the goroutine that filled it
		buffers.Put(c.buf)
	}
	if r.whole != nil {
		buffers.Put(r.whole)
	}
	r.whole, r.rest, r.err = nil, nil, errReadAheadClosed
	for {
		select {
		case b := <-r.free:
			if b != nil {
				buffers.Put(b)
			}
		default:
			return nil
		}
	}
}
