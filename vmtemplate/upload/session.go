package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/registry"
)

// session is a blob on its way into a registry.
type session struct {
	location *url.URL
	offset   int64 // bytes that the registry has
	// doubtful: something broke off, so the registry must be asked for the offset.
	doubtful bool
	// broke: something broke off once. A registry that had not noticed when it was
	// asked may have written both what had come and what came again.
	broke bool
	chunk int64 // bytes; the least that this registry takes, or ours
}

// mostRestarts bounds how often a blob begins anew.
const mostRestarts = 8

var (
	errSessionLost = errors.New("the registry has lost the beginning of the layer")
	errNoProgress  = errors.New("the registry takes nothing of the layer")
)

// sender sends one blob.
type sender struct {
	*pusher
	b     *blob
	s     *session // nil: none yet
	notes *sessionNotes
	meter *blobMeter
	most  int64 // the furthest that the registry has been
	ended bool  // its PUT has been sent
}

// send brings a blob into the target, from wherever it is.
func (p *pusher) send(ctx context.Context, b *blob) error {
	j := &sender{pusher: p, b: b, meter: &blobMeter{m: p.meter}}
	j.notes = p.openNotes(b)
	defer j.notes.close()
	j.s = j.notes.read()
	w := p.r.Wait()
	for restarts := 0; ; {
		err := j.carry(ctx, w)
		switch {
		case err == nil:
			j.notes.clear()
			return nil
		case errors.Is(err, ErrDamaged):
			j.notes.clear()
			return err
		case errors.Is(err, errSessionLost):
			j.s = nil
			j.notes.clear()
			j.meter.at(0)
			if restarts++; restarts > mostRestarts {
				return err
			}
			continue
		}
		if j.s != nil {
			j.s.doubtful, j.s.broke = true, true
		}
		if err := w.After(ctx, err); err != nil {
			return err
		}
		if !j.ended {
			continue
		}
		// It may have been only the answer that broke off.
		if there, err := p.exists(ctx, b); err == nil && there {
			j.meter.at(b.size)
			j.notes.clear()
			return nil
		}
	}
}

// carry goes on until the blob is there or something breaks off.
func (j *sender) carry(ctx context.Context, w *registry.Waiting) error {
	if j.s != nil && j.s.doubtful {
		if err := j.ask(ctx); err != nil {
			return err
		}
	}
	if j.s == nil {
		if err := j.start(ctx); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		j.meter.at(j.s.offset)
		if j.s.offset > j.most {
			j.most = j.s.offset
			w.Progress()
		}
		left := j.b.size - j.s.offset
		switch {
		case left == 0, j.s.offset == 0 && (left <= j.s.chunk || j.whole.Load()):
			return j.finish(ctx, left)
		}
		if err := j.patch(ctx, min(left, j.s.chunk)); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// start begins a session.
func (j *sender) start(ctx context.Context) error {
	if at := j.spare(); at != nil {
		j.s = &session{location: at, chunk: j.chunk.Load()}
		j.notes.write(j.s)
		return nil
	}
	got, err := j.r.Do(ctx, registry.Request{
		Method: http.MethodPost, Path: "/v2/" + j.o.Target.Repository + "/blobs/uploads/", Scopes: j.scopes(), Wanted: []int{http.StatusAccepted},
	})
	if err != nil {
		return err
	}
	at, err := j.r.Location(got)
	if err != nil {
		return err
	}
	least, _ := strconv.ParseInt(got.Header.Get("OCI-Chunk-Min-Length"), 10, 64) // 0 if it says nothing
	j.s = &session{location: at, chunk: max(j.chunk.Load(), least)}
	j.notes.write(j.s)
	return nil
}

// ask learns how far the registry is. One that does not know the session any more,
// or does not tell, gets a new one.
func (j *sender) ask(ctx context.Context) error {
	got, err := j.r.Do(ctx, registry.Request{
		Method: http.MethodGet, URL: j.s.location, Scopes: j.scopes(), Wanted: []int{http.StatusNoContent, http.StatusAccepted, http.StatusOK},
	})
	if err != nil {
		if lost(err) {
			return fmt.Errorf("%w: %w", errSessionLost, err)
		}
		return err
	}
	offset, ok := rangeEnd(got.Header)
	if !ok || offset > j.b.size {
		return errSessionLost
	}
	if at, err := j.r.Location(got); err == nil {
		j.s.location = at
	}
	j.s.offset, j.s.doubtful = offset, false
	j.notes.write(j.s)
	return nil
}

// lost reports whether a session's refusal is about the session.
func lost(err error) bool {
	return slices.Contains([]int{
		http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusConflict, http.StatusGone,
		http.StatusRequestedRangeNotSatisfiable, http.StatusNotImplemented,
	}, registry.Status(err))
}

// rangeEnd reads how much a registry has: "Range: 0-99" is a hundred bytes. 0-0 is
// what distribution says of none; of a single byte it says the same, and if it has
// that, it will refuse the next chunk, and be asked for a new session.
func rangeEnd(header http.Header) (int64, bool) {
	text := strings.TrimPrefix(header.Get("Range"), "bytes=")
	from, to, ok := strings.Cut(text, "-")
	end, err := strconv.ParseInt(to, 10, 64)
	if !ok || from != "0" || err != nil || end < 0 || end == math.MaxInt64 {
		return 0, false
	}
	if end == 0 {
		return 0, true
	}
	return end + 1, true
}

// leastChunk is where making chunks smaller ends, bytes.
const leastChunk = 1 << 20

// patch sends a chunk.
func (j *sender) patch(ctx context.Context, length int64) error {
	from := j.s.offset
	late, cancel := linger(ctx, j.o.Grace)
	defer cancel()
	got, err := j.r.Do(late, registry.Request{
		Method: http.MethodPatch, URL: j.s.location, Scopes: j.scopes(), Wanted: []int{http.StatusAccepted, http.StatusNoContent, http.StatusCreated},
		Header: http.Header{
			"Content-Type":  {"application/octet-stream"},
			"Content-Range": {fmt.Sprintf("%d-%d", from, from+length-1)},
		},
		Body: j.body(from, length), Length: length,
	})
	if err != nil {
		return j.unchunked(ctx, err, length)
	}
	end, ok := rangeEnd(got.Header)
	switch {
	case !ok:
		end = from + length
	case end > from+length:
		return errSessionLost
	case end <= from:
		return errNoProgress
	}
	if at, err := j.r.Location(got); err == nil {
		j.s.location = at
	}
	j.s.offset = end
	j.notes.write(j.s)
	return nil
}

// unchunked looks at a refused chunk: too large, not known to this registry, or of a
// session that is lost.
func (j *sender) unchunked(ctx context.Context, err error, length int64) error {
	var refused *registry.RefusalError
	if !errors.As(err, &refused) {
		return err
	}
	switch {
	case refused.Status == http.StatusRequestEntityTooLarge && length > leastChunk:
		j.s.chunk = max(leastChunk, length/2)
		j.chunk.Store(j.s.chunk)
		return errSessionLost // whoever refused it may have let some of it through
	case j.s.offset == 0 && (refused.Status == http.StatusMethodNotAllowed || refused.Status == http.StatusNotImplemented || refused.Has("UNSUPPORTED")):
		j.whole.Store(true)
		return errSessionLost
	case refused.Status == http.StatusRequestedRangeNotSatisfiable:
		before := j.s.offset
		if err := j.ask(ctx); err != nil {
			return err
		}
		if j.s.offset == before {
			return errSessionLost // it does not know what it wants
		}
		return nil
	case lost(err):
		return fmt.Errorf("%w: %w", errSessionLost, err)
	}
	return err
}

// ErrDamaged is wrapped by errors about a blob whose bytes are not those of its digest.
var ErrDamaged = errors.New("the layer is not what it was")

// finish ends the session, with what is left.
func (j *sender) finish(ctx context.Context, left int64) error {
	at := *j.s.location
	j.ended = true
	query := at.Query()
	query.Set("digest", j.b.digest.String())
	at.RawQuery = query.Encode()
	late, cancel := linger(ctx, j.o.Grace)
	defer cancel()
	_, err := j.r.Do(late, registry.Request{
		Method: http.MethodPut, URL: &at, Scopes: j.scopes(), Wanted: []int{http.StatusCreated, http.StatusNoContent, http.StatusAccepted},
		Header: http.Header{"Content-Type": {"application/octet-stream"}},
		Body:   j.body(j.s.offset, left), Length: left,
	})
	var refused *registry.RefusalError
	switch {
	case err == nil:
		j.meter.at(j.b.size)
		return nil
	case errors.As(err, &refused) && refused.Has("DIGEST_INVALID") && j.s.broke:
		return fmt.Errorf("%w: %w", errSessionLost, err)
	case errors.As(err, &refused) && refused.Has("DIGEST_INVALID"):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case errors.As(err, &refused) && refused.Status == http.StatusRequestEntityTooLarge && left > leastChunk && !j.whole.Load():
		j.chunk.Store(max(leastChunk, left/2))
		return errSessionLost
	case lost(err):
		return fmt.Errorf("%w: %w", errSessionLost, err)
	}
	return err
}

// body opens a part of the blob, and counts what is read of it. A second opening is
// after a refused token: nothing of the first has counted.
func (j *sender) body(offset, length int64) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		return &countingReader{j.b.section(offset, length), j.meter, j.meter.at(offset)}, nil
	}
}
