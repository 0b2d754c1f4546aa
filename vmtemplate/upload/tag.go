package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/registry"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// manifestTypes are what a tag may stand for.
var manifestTypes = []string{
	v1.MediaTypeImageManifest, v1.MediaTypeImageIndex,
	"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
}

// tagged is the digest that the target's tag stands for; empty if there is none.
func tagged(ctx context.Context, r *registry.Registry, t Target) (digest.Digest, error) {
	got, err := r.Patiently(ctx, registry.Request{
		Method: http.MethodHead, Path: "/v2/" + t.Repository + "/manifests/" + t.Tag,
		Scopes: []string{registry.Scope(t.Repository, "pull", "push")}, Header: http.Header{"Accept": {strings.Join(manifestTypes, ", ")}},
		// A gate keeps one from pulling what is there; it is there all the same.
		Wanted: []int{http.StatusOK, http.StatusNotFound, http.StatusPreconditionFailed},
	})
	if err != nil || got.Status == http.StatusNotFound {
		return "", err
	}
	if d := digest.Digest(got.Header.Get("Docker-Content-Digest")); d.Validate() == nil {
		return d, nil
	}
	return unknownDigest, nil
}

// unknownDigest is of something that is there and does not say what it is.
const unknownDigest digest.Digest = "unknown"

// mayTag reports whether the tag stands for the image already.
func (p *pusher) mayTag(ctx context.Context, d digest.Digest) (unchanged bool, err error) {
	has, err := tagged(ctx, p.r, p.o.Target)
	switch {
	case err != nil:
		return false, err
	case has == d:
		return true, nil
	case has != "" && !p.o.Overwrite:
		return false, tagExists(p.o.Target, has)
	}
	return false, nil
}

// tag writes the manifest.
func (p *pusher) tag(ctx context.Context, d digest.Digest, manifest []byte) error {
	p.meter.change(func(now *Progress) { now.Step = Finishing })
	if !p.o.Overwrite {
		// The layers may have taken an hour.
		if unchanged, err := p.mayTag(ctx, d); err != nil || unchanged {
			return err
		}
	}
	b := blob{bytes: manifest}
	got, err := p.r.Patiently(ctx, registry.Request{
		Method: http.MethodPut, Path: "/v2/" + p.o.Target.Repository + "/manifests/" + p.o.Target.Tag, Scopes: p.scopes(),
		Wanted: []int{http.StatusCreated, http.StatusOK, http.StatusAccepted}, Header: http.Header{"Content-Type": {v1.MediaTypeImageManifest}},
		Body: func() (io.ReadCloser, error) { return b.section(0, int64(len(manifest))), nil }, Length: int64(len(manifest)),
	})
	var refused *registry.RefusalError
	if errors.As(err, &refused) && (refused.Has("MANIFEST_BLOB_UNKNOWN") || refused.Has("BLOB_UNKNOWN")) {
		// Garbage was collected; or distribution 2.8 is just moving the same blob, that
		// somebody else has sent as well, to its place.
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	if err != nil {
		return err
	}
	if said := got.Header.Get("Docker-Content-Digest"); said != "" && said != d.String() {
		return fmt.Errorf("writing the manifest %s: the registry took it for %q", d, said)
	}
	return nil
}
