package image

import (
	"context"
	_ "crypto/sha512" // digests may be of this kind, too
	"errors"
	"io"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// LayerError says which layer could not be read. Its Cause is one of
// DigestError, DiffIDError, SizeError, CompressionError, or what the network or
// the disk said.
type LayerError struct {
	Layer  int // from 1, the lowest
	Layers int
	Digest digest.Digest
	Cause  error
}

func (e *LayerError) Error() string { return e.FaultText().String() }

// FaultText is what the error says.
func (e *LayerError) FaultText() fault.Text {
	return fault.Say("layer %d of %d (%s): %v", e.Layer, e.Layers, e.Digest, e.Cause)
}

// Unwrap returns Cause.
func (e *LayerError) Unwrap() error { return e.Cause }

// DigestError says that bytes are not those that were named. Want is empty
// when it is not known.
type DigestError struct{ Want, Got digest.Digest }

func (e *DigestError) Error() string { return e.FaultText().String() }

// FaultText is what the error says.
func (e *DigestError) FaultText() fault.Text {
	return fault.Say("its digest should be %s and is %s", e.Want, e.Got)
}

// DiffIDError says that a layer's bytes are those of the manifest, but its
// uncompressed tar is not that of the config.
type DiffIDError struct{ Want, Got digest.Digest }

func (e *DiffIDError) Error() string { return e.FaultText().String() }

// FaultText is what the error says.
func (e *DiffIDError) FaultText() fault.Text {
	return fault.Say("its diffID should be %s and is %s", e.Want, e.Got)
}

// SizeError says that a layer has fewer or more bytes than the manifest says.
// Reading stops where there are more: Got is the number then read.
type SizeError struct{ WantBytes, GotBytes int64 }

func (e *SizeError) Error() string { return e.FaultText().String() }

// FaultText is what the error says.
func (e *SizeError) FaultText() fault.Text {
	if e.GotBytes < e.WantBytes {
		return fault.Say("it was cut short after %d of %d bytes", e.GotBytes, e.WantBytes)
	}
	return fault.Say("it has more than its %d bytes", e.WantBytes)
}

// layerReader is the uncompressed tar of one layer. Reading, hashing what comes,
// decompressing and hashing the tar are done by four goroutines ahead of the
// one that reads from it; what they find out is told where io.EOF would be.
type layerReader struct {
	ctx      context.Context
	watchdog *watchdog
	blob     io.Closer
	counted  *countingReader // compressed; of in's goroutine until in has ended
	in       *readAhead      // of counted
	inflated io.Closer       // the decompressor
	tar      *readAhead      // of the decompressor; nil when stopped
	diffID   digest.Digester
	want     store.Layer
	number   int // from 1
	layers   int
	verdict  error // io.EOF when all was well; nil while reading
}

// openLayer opens layer i, from 0, of p, and begins to read ahead. turn is
// closed when the converter asks for the layer.
func openLayer(ctx context.Context, src *source, p *plan, i int, turn <-chan struct{}, report *reporter) (*layerReader, error) {
	want := p.layers[i]
	ctx, watchdog := watch(ctx, src.stallTimeout)
	r := &layerReader{ctx: ctx, watchdog: watchdog, want: want, number: i + 1, layers: len(p.layers)}
	blob, err := openResuming(ctx, src, want.Digest, want.SizeBytes, watchdog)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		watchdog.end()
		return nil, r.failed(err)
	}
	r.blob = blob
	r.counted = &countingReader{
		from: blob, digest: want.Digest.Algorithm().Digester(), sizeBytes: want.SizeBytes, report: report,
	}
	r.in = newReadAhead(r.counted, compressedAhead, nil)
	r.diffID = want.DiffID.Algorithm().Digester()
	inflated, err := decompress(r.in, turn)
	if err != nil {
		r.verdict = r.explain(err)
		_ = r.Close() // the first error is the one to tell
		return nil, r.verdict
	}
	r.inflated = inflated
	r.tar = newReadAhead(inflated, tarAhead, func(b []byte) {
		_, _ = r.diffID.Hash().Write(b) // a hash never fails
	})
	return r, nil
}

func (r *layerReader) Read(p []byte) (int, error) {
	if r.verdict != nil {
		return 0, r.verdict
	}
	n, err := r.tar.Read(p)
	if errors.Is(err, io.EOF) {
		r.verdict = r.finish()
	} else if err != nil {
		r.verdict = r.explain(err)
	}
	return n, r.verdict
}

// finish reads what may follow the compressed stream, which counts for the
// digest, and returns io.EOF if all is as it should be.
func (r *layerReader) finish() error {
	if err := r.checkIn(); err != nil {
		return r.failed(err)
	}
	if got := r.diffID.Digest(); got != r.want.DiffID {
		return r.failed(&DiffIDError{Want: r.want.DiffID, Got: got})
	}
	return io.EOF
}

// checkIn reads the compressed bytes to their end and compares them with the
// manifest.
func (r *layerReader) checkIn() error {
	if _, err := io.Copy(io.Discard, r.in); err != nil {
		return err
	}
	if want := r.want.SizeBytes; want >= 0 && r.counted.count != want {
		return &SizeError{WantBytes: want, GotBytes: r.counted.count}
	}
	if got := r.counted.digest.Digest(); got != r.want.Digest {
		return &DigestError{Want: r.want.Digest, Got: got}
	}
	return nil
}

// explain turns an error on the way into the reason behind it: bytes that do
// not decompress are most often bytes that are not the ones wanted.
func (r *layerReader) explain(err error) error {
	if r.ctx.Err() != nil {
		return r.failed(context.Cause(r.ctx))
	}
	r.stopDecompressing()
	wrong := r.checkIn()
	switch {
	case r.ctx.Err() != nil: // while reading the rest
		return r.failed(context.Cause(r.ctx))
	case wrong != nil:
		return r.failed(wrong)
	}
	return r.failed(err)
}

func (r *layerReader) failed(cause error) error {
	return &LayerError{Layer: r.number, Layers: r.layers, Digest: r.want.Digest, Cause: cause}
}

// Close releases the layer. When it was not read to its end, for a tar that
// makes no sense, the rest is read first: see integrity.
func (r *layerReader) Close() error {
	r.stopDecompressing()
	if r.verdict == nil && r.ctx.Err() == nil {
		if wrong := r.checkIn(); wrong != nil {
			r.verdict = r.failed(wrong)
		}
	}
	r.watchdog.end() // a request that is under way ends
	_ = r.in.Close()
	return r.blob.Close()
}

// stopDecompressing ends what reads ahead of us from the compressed bytes.
func (r *layerReader) stopDecompressing() {
	if r.tar != nil {
		_ = r.tar.Close()
		_ = r.inflated.Close() // nothing is pending in a decompressor
		r.tar = nil
	}
}

// integrity is what was found wrong with the layer's own bytes, or nil. After
// Close it answers whether a tar that makes no sense arrived as it was pushed.
func (r *layerReader) integrity() error {
	if errors.Is(r.verdict, io.EOF) {
		return nil
	}
	return r.verdict
}

// countingReader hashes and counts compressed bytes, and refuses more than
// there should be.
type countingReader struct {
	from      io.Reader
	digest    digest.Digester
	sizeBytes int64 // negative when the manifest does not say
	count     int64
	err       error // sticky
	report    *reporter
}

func (c *countingReader) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.from.Read(p)
	_, _ = c.digest.Hash().Write(p[:n]) // a hash never fails
	c.count += int64(n)
	c.report.add(n)
	if c.sizeBytes >= 0 && c.count > c.sizeBytes {
		err = &SizeError{WantBytes: c.sizeBytes, GotBytes: c.count}
	}
	c.err = err
	return n, err
}
