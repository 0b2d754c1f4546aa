package workspace

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
)

// ErrUploaded is returned by layers that are in a registry only.
var ErrUploaded = errors.New("the layer is only where it was uploaded to")

// uploadedFile is what is known of the last upload, in the workspace's directory.
const uploadedFile = "uploaded.json.gz"

// uploaded are the layers of a workspace that a registry has.
type uploaded struct {
	Base   string          `json:"base"` // id of the base's configuration
	Layers []uploadedLayer `json:"layers"`
	contents
}

type uploadedLayer struct {
	DiffID digest.Digest `json:"diff_id"`
	Bytes  int64         `json:"bytes"` // of the tar
	Blob   Blob          `json:"blob"`
}

// Bounds of building on the last upload: so many layers of a workspace's own, and a
// further one of at most this share of all. Beyond them what was overwritten and deleted
// weighs more than what is saved.
const (
	mostOwnLayers = 6
	mostFurther   = 0.5
)

// further gives an image the layers of the last upload and one with what has changed
// since, if that can be and is worth it. all is what the layer would be otherwise.
func (w *Workspace) further(img *Image, all Layer) bool {
	last, err := w.lastUpload()
	if err != nil || last.Base != w.container.ImageID || len(last.Layers) >= mostOwnLayers {
		return false
	}
	d, ok := img.contents.differ(&last.contents)
	if !ok {
		return false
	}
	var layers []Layer
	for _, l := range last.Layers {
		layers = append(layers, Layer{DiffID: l.DiffID, Bytes: l.Bytes, Blob: l.Blob, open: func() (io.ReadCloser, error) { return nil, ErrUploaded }})
	}
	if len(d.changed)+len(d.gone) > 0 {
		tar, err := all.Open()
		if err != nil {
			return false
		}
		more, file, err := w.st.spool(func(out io.Writer) (bool, error) { return false, d.write(out, tar) })
		if err != nil {
			return false
		}
		if float64(more.Bytes) > mostFurther*float64(all.Bytes) {
			file.Close()
			return false
		}
		img.own = append(img.own, file)
		layers = append(layers, more)
	}
	img.Layers = append(img.Layers, layers...)
	return true
}

// Uploaded notes that a registry has the image, whose layers it knows as blobs. The next
// image builds on it, see ImageOptions.Further.
func (w *Workspace) Uploaded(img *Image, blobs []Blob) error {
	if img.contents == nil || img.base == 0 || len(blobs) != len(img.Layers) {
		return nil // squashed, or not a workspace's: nothing to build on
	}
	last := uploaded{Base: w.container.ImageID, contents: *img.contents}
	for i, l := range img.Layers[img.base:] {
		last.Layers = append(last.Layers, uploadedLayer{DiffID: l.DiffID, Bytes: l.Bytes, Blob: blobs[img.base+i]})
	}
	dir, err := w.Dir()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, uploadedFile+".*")
	if err != nil {
		return fmt.Errorf("noting the upload: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	zip := gzip.NewWriter(f)
	err = json.NewEncoder(zip).Encode(last)
	if err = errors.Join(err, zip.Close(), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, uploadedFile))
	}
	if err != nil {
		return fmt.Errorf("noting the upload: %w", err)
	}
	return nil
}

func (w *Workspace) lastUpload() (*uploaded, error) {
	dir, err := w.Dir()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(dir, uploadedFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("reading what was uploaded: %w", err)
	}
	last := &uploaded{}
	if err := json.NewDecoder(zip).Decode(last); err != nil {
		return nil, fmt.Errorf("reading what was uploaded: %w", err)
	}
	return last, nil
}
