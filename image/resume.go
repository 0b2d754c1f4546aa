package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"
)

// maxAttempts is how often in a row a blob is asked for that brings no new byte.
const maxAttempts = 5

// resumingBlob reads a blob of a registry and asks for it again when the
// connection breaks or the registry is overloaded. image/v5 continues where a
// connection broke, with a Range request, when it sees fit to; beyond that, for
// registries that know no Range, this reads again what it had.
type resumingBlob struct {
	ctx       context.Context
	src       *source
	digest    digest.Digest
	sizeBytes int64
	watchdog  *watchdog

	body   io.ReadCloser // nil between two connections
	offset int64         // delivered
	failed int           // attempts since the last new byte
}

// openResuming makes the first request, which may already need attempts.
func openResuming(ctx context.Context, src *source, d digest.Digest, sizeBytes int64, w *watchdog) (*resumingBlob, error) {
	b := &resumingBlob{ctx: ctx, src: src, digest: d, sizeBytes: sizeBytes, watchdog: w}
	for {
		err := b.open()
		if err == nil {
			return b, nil
		}
		if err := b.pause(err, worthAsking(err)); err != nil {
			return nil, err
		}
	}
}

// open makes a request and skips what was delivered before.
func (b *resumingBlob) open() error {
	b.watchdog.start()
	body, err := b.src.blob(b.ctx, b.digest, b.sizeBytes)
	b.watchdog.stop()
	if err != nil {
		return err
	}
	b.body = body
	if _, err := io.CopyN(io.Discard, &watchedReader{body, b.watchdog}, b.offset); err != nil {
		b.drop()
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}

func (b *resumingBlob) Read(p []byte) (int, error) {
	for {
		n, err := (&watchedReader{b.body, b.watchdog}).Read(p)
		b.offset += int64(n)
		if n > 0 {
			b.failed = 0
		}
		if n > 0 && !errors.Is(err, io.EOF) {
			return n, nil // a failure comes again
		}
		if err == nil || errors.Is(err, io.EOF) {
			return n, err
		}
		if err := b.reopen(err); err != nil {
			return 0, err
		}
	}
}

// reopen returns nil when reading can go on, and why not otherwise.
func (b *resumingBlob) reopen(err error) error {
	for {
		b.drop()
		if gaveUp := b.pause(err, b.src.ref.kind == Registry); gaveUp != nil {
			b.body = http.NoBody
			return gaveUp
		}
		logrus.Infof("Reading %s broke off after %d bytes (%v), asking again", b.digest, b.offset, err)
		next := b.open()
		if next == nil {
			return nil
		}
		if !worthAsking(next) {
			b.body = http.NoBody
			return fmt.Errorf("%w (asking again: %w)", err, next)
		}
	}
}

// pause waits before the next attempt, and returns why when there is none. It
// doubles every time. image/v5 heeds Retry-After of 429 and does not show that
// of 503.
func (b *resumingBlob) pause(err error, again bool) error {
	if b.ctx.Err() != nil {
		return context.Cause(b.ctx)
	}
	b.failed++
	if !again || b.failed == maxAttempts {
		return err
	}
	delay := b.src.retryDelay << (b.failed - 1)
	select {
	case <-time.After(delay + rand.N(delay/4+1)):
		return nil
	case <-b.ctx.Done():
		return context.Cause(b.ctx)
	}
}

// worthAsking reports whether a request that failed may succeed a moment later.
func worthAsking(err error) bool {
	switch httpStatus(err) {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	for _, broken := range []error{syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return false
}

func (b *resumingBlob) drop() {
	if b.body != nil {
		_ = b.body.Close() // nothing is written
		b.body = nil
	}
}

func (b *resumingBlob) Close() error {
	b.drop()
	return nil
}
