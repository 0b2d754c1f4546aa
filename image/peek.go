package image

import (
	"archive/tar"
	"encoding/json"
	"io"
	"os"
	"path"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxLayoutIndex bounds the index.json of an archive, in bytes.
const maxLayoutIndex = 4 << 20

// peekArchive finds out which manifest an oci-archive names, by its index.json
// alone: image/v5 unpacks the archive to answer anything. What it says is used
// only to look into the store. It gives up on whatever is out of the ordinary;
// the full way then finds the error.
func peekArchive(ref Reference) (digest.Digest, bool) {
	if ref.kind != OCIArchive {
		return "", false
	}
	f, err := os.Open(ref.path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	for archive := tar.NewReader(f); ; { // skips over blobs by seeking
		h, err := archive.Next()
		if err != nil {
			return "", false
		}
		if path.Clean(h.Name) != imgspec.ImageIndexFile || h.Typeflag != tar.TypeReg || h.Size > maxLayoutIndex {
			continue
		}
		b, err := io.ReadAll(archive)
		if err != nil {
			return "", false
		}
		return chosenByTag(b, ref.tag)
	}
}

// chosenByTag is the one manifest that index.json has under tag, or at all.
func chosenByTag(b []byte, tag string) (digest.Digest, bool) {
	var index imgspec.Index
	if err := json.Unmarshal(b, &index); err != nil {
		return "", false
	}
	var found []digest.Digest
	for _, m := range index.Manifests {
		if tag == "" || m.Annotations[imgspec.AnnotationRefName] == tag {
			found = append(found, m.Digest)
		}
	}
	if len(found) != 1 || found[0].Validate() != nil {
		return "", false
	}
	return found[0], true
}
