package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/types"
)

// ociArchive is an OCI layout in a tar (an oci-archive), which is read where it is.
// image/v5 unpacks it first: that takes its size in the store, and only root can do it
// with a tar that does not name its directories, as image/v5 gives these to root.
type ociArchive struct {
	reference types.ImageReference
	file      *os.File
	blobs     map[digest.Digest]extent
	index     imgspec.Index
	chosen    imgspec.Descriptor
}

var _ types.ImageSource = (*ociArchive)(nil)

// extent is where a file is in the tar.
type extent struct{ offset, sizeBytes int64 }

// maxLayoutText bounds an index.json or a manifest, in bytes, as image/v5 does with
// those of registries.
const maxLayoutText = 4 << 20

// errNotPlain is returned for what only image/v5 can read: a compressed tar, links,
// files with holes, and what is no archive at all.
var errNotPlain = errors.New("the archive is not a plain tar")

// errNoTag is wrapped by errors about a tag that an archive has not.
var errNoTag = errors.New("the archive has no such tag")

// openOCIArchive finds out what is where in the file of ref, and which of its images
// ref means.
func openOCIArchive(ref Reference, reference types.ImageReference) (*ociArchive, error) {
	f, err := os.Open(ref.path)
	if err != nil {
		return nil, err
	}
	a := &ociArchive{reference: reference, file: f, blobs: map[digest.Digest]extent{}}
	if err = a.find(); err == nil {
		a.chosen, err = chosenByTag(a.index, ref.tag)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return a, nil
}

// find reads the tar's headers; a tar.Reader passes over files by seeking.
func (a *ociArchive) find() error {
	indexed := false
	for in := tar.NewReader(a.file); ; {
		h, err := in.Next()
		switch {
		case errors.Is(err, io.EOF) && indexed:
			return nil
		case err != nil:
			return errNotPlain
		case h.Typeflag == tar.TypeDir || h.Typeflag == tar.TypeXGlobalHeader:
			continue
		case h.Typeflag != tar.TypeReg || hasHoles(h):
			return errNotPlain
		}
		name := path.Clean(h.Name)
		if name == imgspec.ImageIndexFile {
			b, err := io.ReadAll(io.LimitReader(in, maxLayoutText+1))
			if err != nil || len(b) > maxLayoutText || json.Unmarshal(b, &a.index) != nil {
				return errNotPlain
			}
			indexed = true
			continue
		}
		at, err := a.file.Seek(0, io.SeekCurrent) // a tar.Reader reads no further than it must
		if err != nil {
			return err
		}
		if parts := strings.Split(name, "/"); len(parts) == 3 && parts[0] == imgspec.ImageBlobsDir {
			a.blobs[digest.NewDigestFromEncoded(digest.Algorithm(parts[1]), parts[2])] = extent{at, h.Size}
		}
	}
}

// hasHoles reports whether the file's bytes are not all in the tar.
func hasHoles(h *tar.Header) bool {
	for record := range h.PAXRecords {
		if strings.HasPrefix(record, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// chosenByTag is the one manifest that index.json has under tag, or the only one.
func chosenByTag(index imgspec.Index, tag string) (imgspec.Descriptor, error) {
	if tag == "" {
		if len(index.Manifests) != 1 {
			return imgspec.Descriptor{}, layout.ErrMoreThanOneImage
		}
		return index.Manifests[0], nil
	}
	for _, m := range index.Manifests {
		if m.Annotations[imgspec.AnnotationRefName] == tag {
			return m, nil
		}
	}
	return imgspec.Descriptor{}, fmt.Errorf("%w: %q", errNoTag, tag)
}

// Reference implements types.ImageSource.
func (a *ociArchive) Reference() types.ImageReference { return a.reference }

// Close implements types.ImageSource.
func (a *ociArchive) Close() error { return a.file.Close() }

// GetManifest implements types.ImageSource.
func (a *ociArchive) GetManifest(_ context.Context, instance *digest.Digest) ([]byte, string, error) {
	of := a.chosen
	if instance != nil {
		of = imgspec.Descriptor{Digest: *instance}
		for _, m := range a.index.Manifests {
			if m.Digest == *instance {
				of = m
			}
		}
	}
	in, err := a.blob(of.Digest)
	if err != nil {
		return nil, "", err
	}
	if in.Size() > maxLayoutText {
		return nil, "", fmt.Errorf("the manifest %s has more than %d bytes", of.Digest, maxLayoutText)
	}
	b, err := io.ReadAll(in)
	return b, of.MediaType, err
}

// GetBlob implements types.ImageSource.
func (a *ociArchive) GetBlob(_ context.Context, info types.BlobInfo, _ types.BlobInfoCache) (io.ReadCloser, int64, error) {
	in, err := a.blob(info.Digest)
	if err != nil {
		return nil, 0, err
	}
	return io.NopCloser(in), in.Size(), nil
}

// blob reads one. Nobody has compared it with its digest.
func (a *ociArchive) blob(d digest.Digest) (*io.SectionReader, error) {
	at, ok := a.blobs[d]
	if !ok {
		return nil, fmt.Errorf("%s is not in the archive: %w", d, fs.ErrNotExist)
	}
	return io.NewSectionReader(a.file, at.offset, at.sizeBytes), nil
}

// HasThreadSafeGetBlob implements types.ImageSource.
func (a *ociArchive) HasThreadSafeGetBlob() bool { return true }

// GetSignatures implements types.ImageSource: a layout has none.
func (a *ociArchive) GetSignatures(context.Context, *digest.Digest) ([][]byte, error) {
	return nil, nil
}

// LayerInfosForCopy implements types.ImageSource: the manifest says it.
func (a *ociArchive) LayerInfosForCopy(context.Context, *digest.Digest) ([]types.BlobInfo, error) {
	return nil, nil
}
