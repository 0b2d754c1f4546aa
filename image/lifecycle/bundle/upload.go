package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

// push uploads an image and what belongs to it.
func (re *restorer) push(ctx context.Context, image Image) error {
	repository := re.target(image)
	if err := re.pushArtifact(ctx, image, repository, imgspec.Descriptor{Digest: image.Digest, MediaType: image.MediaType}, image.Tags); err != nil {
		return err
	}
	// What belongs to an accessory comes after it; a bundle that says that each of two
	// belongs to the other has no such order.
	waiting := slices.Clone(image.Accessories)
	for put := 0; len(waiting) > 0; {
		a := waiting[0]
		waiting = waiting[1:]
		if put < len(waiting) && slices.ContainsFunc(waiting, func(o Accessory) bool { return o.Digest == a.Subject }) {
			waiting = append(waiting, a)
			put++
			continue
		}
		put = 0
		var tags []string
		if a.Tag != "" {
			tags = []string{a.Tag}
		}
		if err := re.pushArtifact(ctx, image, repository, imgspec.Descriptor{Digest: a.Digest, MediaType: a.MediaType}, tags); err != nil {
			return err
		}
	}
	return nil
}

// pushArtifact uploads blobs first, then manifests from the inside out, then tags.
func (re *restorer) pushArtifact(ctx context.Context, image Image, repository string, top imgspec.Descriptor, tags []string) error {
	raws := map[digest.Digest][]byte{}
	g, err := explore(ctx, top, func(_ context.Context, d imgspec.Descriptor) ([]byte, error) {
		raw, err := manifestIn(re.root, d)
		raws[d.Digest] = raw
		return raw, err
	})
	if err != nil {
		return err
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(re.r.Workers)
	for _, b := range g.blobs {
		if slices.ContainsFunc(image.Elsewhere, func(e Elsewhere) bool { return e.Digest == b.Digest }) {
			continue
		}
		group.Go(func() error {
			if inner.Err() != nil {
				return context.Cause(inner)
			}
			return re.pushBlob(inner, repository, b)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, n := range slices.Backward(g.manifests) {
		d := n.descriptor
		have, err := re.r.Registry.Digest(ctx, repository, d.Digest.String())
		if err != nil {
			return err
		}
		if have == d.Digest {
			continue
		}
		// An artifact with a tag is put by its tag: then it has one from its first moment.
		if d.Digest == top.Digest && len(tags) > 0 {
			continue
		}
		if err := re.r.Registry.PutManifest(ctx, repository, d.Digest.String(), d.MediaType, raws[d.Digest]); err != nil {
			return err
		}
	}
	for _, tag := range tags {
		have, err := re.r.Registry.Digest(ctx, repository, tag)
		if err != nil {
			return err
		}
		if have == top.Digest {
			continue
		}
		if err := re.r.Registry.PutManifest(ctx, repository, tag, g.manifests[0].descriptor.MediaType, raws[top.Digest]); err != nil {
			return err
		}
	}
	return nil
}

func (re *restorer) pushBlob(ctx context.Context, repository string, b imgspec.Descriptor) error {
	have, err := re.r.Registry.HasBlob(ctx, repository, b.Digest)
	if err != nil {
		return err
	}
	if !have {
		re.lock.Lock()
		from := re.have[b.Digest]
		re.lock.Unlock()
		if from == repository {
			from = ""
		}
		open := func() (io.ReadCloser, error) { return openIn(re.root, blobFile(b.Digest)) }
		if err := re.r.Registry.PutBlob(ctx, repository, b.Digest, b.Size, open, from); err != nil {
			return fmt.Errorf("uploading %s: %w", blobFile(b.Digest), err)
		}
	}
	re.lock.Lock()
	defer re.lock.Unlock()
	re.have[b.Digest] = repository
	re.done.DoneBytes += b.Size
	if re.r.Progress != nil {
		re.r.Progress(re.done)
	}
	return nil
}

// pushFault explains what registries say to an upload.
func (re *restorer) pushFault(image Image, err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	what := fmt.Sprintf("cannot restore %s to %s/%s", image, re.r.Registry.Host(), re.target(image))
	project, _, _ := strings.Cut(re.target(image), "/")
	switch harbor.Status(err) {
	case http.StatusUnauthorized:
		return fault.New(what, err, "check that the project "+project+" is there, and the user and password in jadm.toml")
	case http.StatusForbidden:
		return fault.New(what, err, "if it is the quota, raise that of "+project+" and run it again: it goes on")
	case http.StatusPreconditionFailed:
		return fault.New(what, err, "a rule of "+project+" keeps tags from being moved: change it in Harbor, or choose another project: --into PROJECT")
	}
	return fmt.Errorf("%s: %w", what, err)
}
