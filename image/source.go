package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker/archive"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	ociarchive "go.podman.io/image/v5/oci/archive"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
)

// maxConfigSize bounds an image's config, in bytes, as image/v5 does.
const maxConfigSize = 4 << 20

// source is an image that is open for reading, with its top manifest read and
// verified.
type source struct {
	types.ImageSource
	ref      Reference
	manifest []byte
	mime     string
	digest   digest.Digest
	cleanup  func()

	stallTimeout time.Duration // for blobs
	retryDelay   time.Duration

	opening sync.Mutex // for sources whose GetBlob is not safe for concurrent use
}

func (s *source) Close() error {
	err := s.ImageSource.Close()
	s.cleanup()
	return err
}

// open opens a qualified reference for reading. For a registry want pins what
// was resolved before: the tag may have moved since. Big temporary files go to
// st, where there is one; only archives need them.
func (c *Client) open(ctx context.Context, ref Reference, want digest.Digest, st *store.Store) (*source, error) {
	src := &source{ref: ref, cleanup: func() {}, stallTimeout: c.opts.StallTimeout, retryDelay: c.opts.RetryDelay}
	sys := &c.base
	var from types.ImageReference
	var err error
	switch ref.kind {
	case Registry:
		from, sys, err = c.pinned(ref, want)
	case OCI:
		from, err = layout.ParseReference(ref.local())
	case OCIArchive:
		from, err = ociarchive.ParseReference(ref.local())
	case DockerArchive:
		from, err = archive.ParseReference(ref.local())
	default:
		err = fmt.Errorf("images of kind %d have no layers", ref.kind)
	}
	if err != nil {
		return nil, fmt.Errorf("naming %s: %w", ref, err)
	}
	if ref.kind == OCIArchive {
		archive, err := openOCIArchive(ref, from)
		if err == nil {
			src.ImageSource = archive
			return src.begin(ctx, want)
		}
		if !errors.Is(err, errNotPlain) {
			return nil, fmt.Errorf("opening %s: %w", ref, err)
		}
	}
	if st != nil && (ref.kind == OCIArchive || ref.kind == DockerArchive) {
		scratched := *sys
		if scratched.BigFilesTemporaryDir, src.cleanup, err = st.Scratch(); err != nil {
			return nil, err
		}
		sys = &scratched
	}
	if src.ImageSource, err = from.NewImageSource(ctx, sys); err != nil {
		src.cleanup()
		return nil, fmt.Errorf("opening %s: %w", ref, err)
	}
	if ref.kind == Registry {
		src.ImageSource = newRenewing(src.ImageSource, func(ctx context.Context) (types.ImageSource, error) {
			return from.NewImageSource(ctx, sys)
		})
	}
	return src.begin(ctx, want)
}

// begin reads what comes first of a source that has been opened; it is closed on error.
func (s *source) begin(ctx context.Context, want digest.Digest) (*source, error) {
	if err := s.readTop(ctx, want); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// pinned names the registry's image by the digest it was resolved to.
func (c *Client) pinned(ref Reference, d digest.Digest) (types.ImageReference, *types.SystemContext, error) {
	named, err := reference.WithDigest(reference.TrimNamed(ref.name), d)
	if err != nil {
		return nil, nil, err
	}
	from, err := transportReference(named)
	if err != nil {
		return nil, nil, err
	}
	sys, err := c.systemFor(ref.name)
	return from, sys, err
}

// readTop reads the manifest or index that the reference names.
func (s *source) readTop(ctx context.Context, want digest.Digest) error {
	b, mime, err := s.GetManifest(ctx, nil)
	if err != nil {
		return fmt.Errorf("reading the manifest of %s: %w", s.ref, err)
	}
	s.manifest, s.mime, s.digest = b, mimeOf(b, mime), digest.FromBytes(b)
	if want != "" && want.Validate() == nil {
		s.digest = want.Algorithm().FromBytes(b)
		if s.digest != want {
			return fmt.Errorf("reading the manifest of %s: %w", s.ref, &DigestError{Want: want, Got: s.digest})
		}
	}
	if s.ref.kind == OCI || s.ref.kind == OCIArchive {
		return s.checkNamed(ctx)
	}
	return nil
}

// checkNamed makes sure that a layout's manifest is in the file that is named
// by its digest: then it is the one that the layout's index named.
func (s *source) checkNamed(ctx context.Context) error {
	_, _, err := s.GetManifest(ctx, &s.digest)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the manifest of %s: %w", s.ref, &DigestError{Got: s.digest})
	}
	if err != nil {
		return fmt.Errorf("reading the manifest of %s: %w", s.ref, err)
	}
	return nil
}

// mimeOf trusts what the source says of a manifest when it is a type that one
// can know, and the manifest itself otherwise.
func mimeOf(b []byte, mime string) string {
	if known := manifest.GuessMIMEType(b); known != "" && manifest.NormalizedMIMEType(mime) != mime {
		return known
	}
	return mime
}

// instance reads the manifest with digest d out of an index.
func (s *source) instance(ctx context.Context, d digest.Digest) ([]byte, string, error) {
	b, mime, err := s.GetManifest(ctx, &d)
	if err != nil {
		return nil, "", fmt.Errorf("reading the manifest %s of %s: %w", d, s.ref, err)
	}
	if got := d.Algorithm().FromBytes(b); got != d {
		return nil, "", fmt.Errorf("reading the manifest of %s: %w", s.ref, &DigestError{Want: d, Got: got})
	}
	return b, mimeOf(b, mime), nil
}

// blob opens the blob with digest d. URLs that a manifest may name for it are
// not followed.
func (s *source) blob(ctx context.Context, d digest.Digest, sizeBytes int64) (io.ReadCloser, error) {
	if !s.HasThreadSafeGetBlob() {
		s.opening.Lock()
		defer s.opening.Unlock()
	}
	r, _, err := s.GetBlob(ctx, types.BlobInfo{Digest: d, Size: sizeBytes}, none.NoCache)
	return r, err
}

// config reads and verifies the image's config.
func (s *source) config(ctx context.Context, info types.BlobInfo) ([]byte, error) {
	if err := info.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("reading the config of %s: digest %q: %w", s.ref, info.Digest, err)
	}
	ctx, watchdog := watch(ctx, s.stallTimeout)
	defer watchdog.end()
	r, err := openResuming(ctx, s, info.Digest, info.Size, watchdog)
	if err != nil {
		return nil, fmt.Errorf("reading the config of %s: %w", s.ref, err)
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(io.LimitReader(r, maxConfigSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the config of %s: %w", s.ref, err)
	}
	if len(b) > maxConfigSize {
		return nil, fmt.Errorf("reading the config of %s: it has more than %d bytes", s.ref, maxConfigSize)
	}
	if got := info.Digest.Algorithm().FromBytes(b); got != info.Digest {
		return nil, fmt.Errorf("reading the config of %s: %w", s.ref, &DigestError{Want: info.Digest, Got: got})
	}
	return b, nil
}

// resolveLocal reads a local image's manifest for its digest.
func (c *Client) resolveLocal(ctx context.Context, ref Reference) (digest.Digest, error) {
	src, err := c.open(ctx, ref, "", nil)
	if err != nil {
		return "", localFault(ctx, ref, err)
	}
	d := src.digest
	if err := src.Close(); err != nil {
		return "", fmt.Errorf("closing %s: %w", ref, err)
	}
	return d, nil
}
