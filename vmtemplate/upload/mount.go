package upload

import (
	"context"
	"net/http"
	"net/url"

	"github.com/jrun-hpc/jrun/vmtemplate/registry"
)

// mount asks the registry to take a blob over from another of its repositories. That
// it does not is no error: it may not know how, or one may not pull there, or the
// blob is gone. Only what would refuse the upload, too, is one.
func (p *pusher) mount(ctx context.Context, b *blob, from string) (bool, error) {
	got, err := p.r.Patiently(ctx, registry.Request{
		Method: http.MethodPost, Path: "/v2/" + p.o.Target.Repository + "/blobs/uploads/",
		Query:  url.Values{"mount": {b.digest.String()}, "from": {from}},
		Scopes: append(p.scopes(), registry.Scope(from, "pull")), Optional: true,
		Wanted: []int{http.StatusCreated, http.StatusAccepted},
	})
	switch status := registry.Status(err); {
	case status == http.StatusForbidden:
		// Harbor: no quota, or read-only. Elsewhere perhaps of the origin alone, but
		// then the upload will show.
		if _, is := p.r.Harbor(ctx); is {
			return false, err
		}
		return false, nil
	case status != 0:
		return false, nil
	case err != nil:
		return false, err
	case got.Status == http.StatusCreated:
		return true, nil
	}
	// It has begun an upload instead, of whatever it will be.
	if at, err := p.r.Location(got); err == nil {
		p.mu.Lock()
		p.spares = append(p.spares, at)
		p.mu.Unlock()
	}
	return false, nil
}

// spare is a session that a mount has come to; nil if there is none.
func (p *pusher) spare() *url.URL {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.spares) == 0 {
		return nil
	}
	at := p.spares[0]
	p.spares = p.spares[1:]
	return at
}

// endSpares ends the sessions that nobody needed. Harbor lets only those who may
// delete; its registry removes old ones by itself.
func (p *pusher) endSpares(ctx context.Context) {
	for at := p.spare(); at != nil; at = p.spare() {
		_, _ = p.r.Do(ctx, registry.Request{Method: http.MethodDelete, URL: at, Scopes: p.scopes(), Optional: true, Wanted: []int{http.StatusNoContent}})
	}
}
