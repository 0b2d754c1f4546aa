package bundle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path"
	"slices"
	"sync"
	"syscall"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

// blobFile is where a layout has a blob.
func blobFile(d digest.Digest) string {
	return path.Join(imagesDir, imgspec.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}

// goneFault is about something that the snapshot names and the registry has not.
func goneFault(what string, err error) error {
	return fault.Newf(err, "if it may be missing, run it again with --refresh: it looks again at what there is, and downloads nothing twice\nif not, look into Harbor's audit log for who has deleted it",
		"%s is in the registry no more: it was deleted while the bundle was made", what)
}

// manifest reads a manifest out of the directory, or else fetches it and keeps it.
func (m *maker) manifest(ctx context.Context, repository string, d imgspec.Descriptor) ([]byte, error) {
	name := blobFile(d.Digest)
	if raw, err := readBounded(m.disk.path(name), mostManifestBytes); err == nil && checkBytes(d.Digest, raw) == nil {
		return raw, nil
	}
	raw, _, err := m.r.Registry.Manifest(ctx, repository, d.Digest.String())
	if harbor.Status(err) == http.StatusNotFound {
		return nil, goneFault(repository+"@"+d.Digest.String(), err)
	}
	if err != nil {
		return nil, fmt.Errorf("downloading the manifest %s@%s: %w", repository, d.Digest, err)
	}
	return raw, m.disk.write(name, raw)
}

// readBounded reads a file of at most limit bytes.
func readBounded(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", file, limit)
	}
	return b, err
}

// exploreAll fetches all manifests, and learns from them what there is to download.
func (m *maker) exploreAll(ctx context.Context) error {
	for i := range m.b.Images {
		image := &m.b.Images[i]
		tops := []imgspec.Descriptor{{Digest: image.Digest, MediaType: image.MediaType}}
		for _, a := range image.Accessories {
			tops = append(tops, imgspec.Descriptor{Digest: a.Digest})
		}
		for _, top := range tops {
			g, err := explore(ctx, top, func(ctx context.Context, d imgspec.Descriptor) ([]byte, error) {
				return m.manifest(ctx, image.Repository, d)
			})
			if err != nil {
				return explainArtifact(image.String(), err)
			}
			m.graphs[key{image.Repository, top.Digest}] = g
		}
	}
	return nil
}

// explainArtifact says which image it is that something is wrong with.
func explainArtifact(name string, err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return fault.Newf(known.Why, known.Next, "cannot bundle %s: %s", name, known.What)
	}
	return fmt.Errorf("bundling %s: %w", name, err)
}

// blob is a blob to be downloaded, and the first that needs it.
type blob struct {
	imgspec.Descriptor
	repository string
	image      string // for messages
}

// blobs are all that are needed, each once, the largest first, so that the last one
// that is waited for is small.
func (m *maker) blobs() ([]blob, error) {
	all := map[digest.Digest]blob{}
	for _, image := range m.b.Images {
		keys := []key{{image.Repository, image.Digest}}
		for _, a := range image.Accessories {
			keys = append(keys, key{image.Repository, a.Digest})
		}
		for _, k := range keys {
			for _, d := range m.graphs[k].blobs {
				known, seen := all[d.Digest]
				if seen && known.Size != d.Size {
					return nil, fmt.Errorf("bundling %s and %s, which share %s: %w", known.image, image, d.Digest, errTwoSizes)
				}
				if !seen {
					all[d.Digest] = blob{d, image.Repository, image.String()}
				}
			}
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b blob) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Digest, b.Digest))
	}), nil
}

// slackBytes is room for what is not blobs.
const slackBytes = 16 << 20

// download brings all blobs into the directory.
func (m *maker) download(ctx context.Context) error {
	blobs, err := m.blobs()
	if err != nil {
		return err
	}
	if err := m.checkRoom(blobs); err != nil {
		return err
	}
	state := Progress{Stage: Downloading}
	for _, b := range blobs {
		state.TotalBytes += b.Size
	}
	m.progress(state)
	var done sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(m.r.Workers)
	for _, b := range blobs {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			if err := m.fetch(ctx, b); err != nil {
				return err
			}
			done.Lock()
			defer done.Unlock()
			state.DoneBytes += b.Size
			m.progress(state)
			return nil
		})
	}
	return group.Wait()
}

func (m *maker) checkRoom(blobs []blob) error {
	need := int64(slackBytes)
	for _, b := range blobs {
		if info, err := os.Lstat(m.disk.path(blobFile(b.Digest))); err != nil || info.Size() != b.Size {
			need += b.Size
		}
	}
	free, err := m.disk.free()
	if err == nil && free < need {
		err = fmt.Errorf("%d MB are needed and %d MB are free: %w", need>>20, free>>20, syscall.ENOSPC)
	}
	return err
}

// fetch downloads a blob, unless it is there and sound.
func (m *maker) fetch(ctx context.Context, b blob) error {
	name := blobFile(b.Digest)
	if f, err := os.Open(m.disk.path(name)); err == nil {
		err = sound(f, b.Descriptor)
		_ = f.Close()
		if err == nil {
			return nil
		}
	}
	r, err := m.r.Registry.Blob(ctx, b.repository, b.Digest, b.Size)
	if harbor.Status(err) == http.StatusNotFound {
		if len(b.URLs) > 0 {
			m.elseLocker.Lock()
			defer m.elseLocker.Unlock()
			m.elsewhere[b.Digest] = b.Descriptor
			return nil
		}
		return goneFault("a part of "+b.image+" ("+b.Digest.String()+")", err)
	}
	if err != nil {
		return fmt.Errorf("downloading %s of %s: %w", b.Digest, b.image, err)
	}
	defer r.Close()
	err = m.disk.fill(name, func(w io.Writer) error { return sound(io.TeeReader(r, w), b.Descriptor) })
	if err != nil {
		return fmt.Errorf("downloading %s of %s: %w", b.Digest, b.image, err)
	}
	return nil
}

// sound reads r to its end, which must be what d names, and no more than that.
func sound(r io.Reader, d imgspec.Descriptor) error {
	verifier := d.Digest.Algorithm().Digester()
	n, err := io.Copy(verifier.Hash(), io.LimitReader(r, d.Size+1))
	if err != nil {
		return err
	}
	if n != d.Size {
		return &SizeError{WantBytes: d.Size, GotBytes: n}
	}
	if got := verifier.Digest(); got != d.Digest {
		return &DigestError{Want: d.Digest, Got: got}
	}
	return nil
}
