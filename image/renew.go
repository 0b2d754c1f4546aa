package image

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"
	"go.podman.io/image/v5/types"
)

// renewing is a registry's image that is opened anew when the registry no longer
// takes the token that image/v5 got for it. image/v5 gets another one only when it
// believes that the first has expired: never within a minute, and by the clock of
// this machine. A token that was revoked, or that a registry on another clock gave
// for shorter, ends a long transfer with 401.
//
// Each request is repeated once at most, and requests that failed with the same
// token share the new one: however many layers are under way, the login is used
// once for each token that expires.
type renewing struct {
	reopen func(context.Context) (types.ImageSource, error)

	types.ImageSource // the first: for what needs no request

	mu      sync.Mutex
	current types.ImageSource
	opened  []types.ImageSource // beside the first
	failed  error               // of opening it anew: the login or the right has gone
}

func newRenewing(first types.ImageSource, reopen func(context.Context) (types.ImageSource, error)) *renewing {
	return &renewing{ImageSource: first, current: first, reopen: reopen}
}

// asOpened is src as image/v5 opened it: signatures are read through methods that
// a wrapper cannot have.
func asOpened(src types.ImageSource) types.ImageSource {
	if r, ok := src.(*renewing); ok {
		return r.ImageSource
	}
	return src
}

func (r *renewing) GetManifest(ctx context.Context, instance *digest.Digest) (b []byte, mime string, err error) {
	err = r.try(ctx, func(src types.ImageSource) (err error) {
		b, mime, err = src.GetManifest(ctx, instance)
		return err
	})
	return b, mime, err
}

func (r *renewing) GetBlob(ctx context.Context, info types.BlobInfo, cache types.BlobInfoCache) (body io.ReadCloser, sizeBytes int64, err error) {
	err = r.try(ctx, func(src types.ImageSource) (err error) {
		body, sizeBytes, err = src.GetBlob(ctx, info, cache)
		return err
	})
	return body, sizeBytes, err
}

func (r *renewing) try(ctx context.Context, request func(types.ImageSource) error) error {
	r.mu.Lock()
	src := r.current
	r.mu.Unlock()
	err := request(src)
	if err == nil || httpStatus(err) != http.StatusUnauthorized {
		return err
	}
	fresh, renewErr := r.renew(ctx, src)
	if renewErr != nil {
		return fmt.Errorf("%w (asking for a new token: %w)", err, renewErr)
	}
	return request(fresh)
}

// renew opens the image anew, unless that has been done since old was current. It
// is not tried again after it has failed.
func (r *renewing) renew(ctx context.Context, old types.ImageSource) (types.ImageSource, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current != old || r.failed != nil {
		return r.current, r.failed
	}
	logrus.Infof("The registry no longer takes the token, asking for a new one")
	fresh, err := r.reopen(ctx)
	if err != nil {
		if ctx.Err() == nil {
			r.failed = err
		}
		return nil, err
	}
	r.current = fresh
	r.opened = append(r.opened, fresh)
	return fresh, nil
}

func (r *renewing) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.ImageSource.Close()
	for _, src := range r.opened {
		if closeErr := src.Close(); err == nil {
			err = closeErr
		}
	}
	return err
}
