package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/opencontainers/go-digest"
)

// errStalled is for a registry that stops in the middle of an answer.
var errStalled = errors.New("nothing has come for too long")

// Blob opens a blob. The reader goes on where it was when a connection breaks off, as
// often as some bytes came in between; who reads must compare the digest.
func (r *Registry) Blob(ctx context.Context, repository string, d digest.Digest, sizeBytes int64) (io.ReadCloser, error) {
	b := &blobReader{ctx: ctx, registry: r, path: "/v2/" + repository + "/blobs/" + d.String(), sizeBytes: sizeBytes}
	if err := b.open(); err != nil {
		return nil, err
	}
	return b, nil
}

type blobReader struct {
	ctx       context.Context
	registry  *Registry
	path      string
	sizeBytes int64

	body     io.ReadCloser
	cancel   context.CancelCauseFunc
	watchdog *time.Timer
	at       int64         // bytes that were read
	paused   time.Duration // since the last byte
}

// open asks for what is left.
func (b *blobReader) open() error {
	ctx, cancel := context.WithCancelCause(b.ctx)
	watchdog := time.AfterFunc(b.registry.stall, func() { cancel(errStalled) })
	header := http.Header{}
	if b.at > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", b.at))
	}
	resp, err := b.registry.ask(ctx, http.MethodGet, b.path, header, nil, 0)
	if err == nil && b.at > 0 && resp.StatusCode != http.StatusPartialContent {
		_, err = io.CopyN(io.Discard, resp.Body, b.at) // it cannot give parts
		if err != nil {
			_ = resp.Body.Close()
		}
	}
	if err != nil {
		watchdog.Stop()
		cancel(nil)
		return err
	}
	b.body, b.cancel, b.watchdog = resp.Body, cancel, watchdog
	return nil
}

func (b *blobReader) Read(p []byte) (int, error) {
	for {
		b.watchdog.Reset(b.registry.stall)
		n, err := b.body.Read(p)
		b.at += int64(n)
		if n > 0 {
			b.paused = 0
			return n, nil // an error comes again with the next call
		}
		if err == nil || errors.Is(err, io.EOF) && b.at >= b.sizeBytes {
			return 0, err
		}
		if err := b.resume(err); err != nil {
			return 0, err
		}
	}
}

// resume opens the rest after a failure, unless it has been tried for too long.
func (b *blobReader) resume(why error) error {
	if errors.Is(why, io.EOF) {
		why = io.ErrUnexpectedEOF
	}
	b.stop()
	delay := max(b.registry.delay, b.paused)
	if b.ctx.Err() != nil || b.paused+delay > b.registry.total {
		return why
	}
	if err := pause(b.ctx, delay); err != nil {
		return err
	}
	b.paused += delay
	return b.open()
}

func (b *blobReader) stop() {
	if b.body != nil {
		b.watchdog.Stop()
		_ = b.body.Close()
		b.cancel(nil)
		b.body = nil
	}
}

func (b *blobReader) Close() error {
	b.stop()
	return nil
}
