package upload

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/registry"
	"github.com/opencontainers/go-digest"
)

// find settles under which digest a layer goes up, or is there. What it returns is to
// be closed, with an error, too.
func (p *pusher) find(ctx context.Context, layer Layer) (*blob, error) {
	if known := layer.Known(); known.Digest.Validate() == nil && known.Size > 0 {
		b := &blob{digest: known.Digest, size: known.Size, mediaType: ociType(known.MediaType), diffID: layer.DiffID(), origins: p.here(known.Repositories)}
		if found, err := p.reuse(ctx, b); found || err != nil {
			return b, err
		}
	}
	asked := digest.Digest("")
	if b := p.cached(layer); b != nil {
		found, err := p.reuse(ctx, b)
		if found || err != nil || b.file != nil {
			return b, err
		}
		asked = b.digest
	}
	b, err := p.compressed(ctx, layer)
	if err != nil || b.digest == asked {
		return b, err
	}
	_, err = p.reuse(ctx, b)
	return b, err
}

// cached is a layer that was compressed before; nil if it was not.
func (p *pusher) cached(layer Layer) *blob {
	b := p.cache.find(layer.DiffID())
	if b != nil {
		n, _ := p.cache.note(layer.DiffID())
		b.origins = p.here(n.Repositories)
	}
	return b
}

// compressed compresses a layer, unless another goroutine has just done it.
func (p *pusher) compressed(ctx context.Context, layer Layer) (*blob, error) {
	p.compressing.Lock()
	defer p.compressing.Unlock()
	if b := p.cached(layer); b != nil && b.file != nil {
		return b, nil
	}
	return p.cache.compress(ctx, layer, func(n int) { p.meter.change(func(now *Progress) { now.Compressed += int64(n) }) })
}

// here are those of the repositories that are of this registry, without its name and
// without the target.
func (p *pusher) here(repositories []string) []string {
	var own []string
	for _, r := range repositories {
		if name, ok := strings.CutPrefix(r, p.o.Target.Host+"/"); ok && name != p.o.Target.Repository && !slices.Contains(own, name) {
			own = append(own, name)
		}
	}
	return own
}

// reuse reports whether the target has a blob, or takes it from another repository.
func (p *pusher) reuse(ctx context.Context, b *blob) (bool, error) {
	there, err := p.exists(ctx, b)
	if err != nil {
		return false, err
	}
	if there {
		b.there = true
		p.meter.change(func(now *Progress) { now.ExistingLayers, now.Existing = now.ExistingLayers+1, now.Existing+b.size })
		return true, nil
	}
	for _, from := range b.origins {
		if b.there, err = p.mount(ctx, b, from); b.there {
			p.meter.change(func(now *Progress) { now.MountedLayers, now.Mounted = now.MountedLayers+1, now.Mounted+b.size })
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// exists asks whether the target has a blob. A registry that keeps blobs elsewhere
// answers with a redirect.
func (p *pusher) exists(ctx context.Context, b *blob) (bool, error) {
	got, err := p.r.Patiently(ctx, registry.Request{
		Method: http.MethodHead, Path: "/v2/" + p.o.Target.Repository + "/blobs/" + b.digest.String(), Scopes: p.scopes(),
		Wanted: []int{http.StatusOK, http.StatusNotFound, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect},
	})
	if err != nil {
		return false, err
	}
	return got.Status != http.StatusNotFound, nil
}
