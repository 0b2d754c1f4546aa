package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/squash/writer"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Files of a trial: their names are a stem with these endings.
const (
	imageSuffix = ".sqfs"
	indexSuffix = ".index"
	metaSuffix  = ".json"
)

// meta is what is known of the squashfs.
type meta struct {
	Config ocispec.ImageConfig `json:"config"`
	Size   int64               `json:"size"`
	Sums   []writer.Sum        `json:"sums"`
}

// Make writes the squashfs of an image, with what is known of it, to files whose names
// begin with stem. Lower layers that the files had before are taken from them.
func Make(ctx context.Context, img *workspace.Image, stem string) error {
	if err := os.MkdirAll(filepath.Dir(stem), 0o700); err != nil {
		return fmt.Errorf("making a directory for the trial: %w", err)
	}
	out, err := create(stem + imageSuffix)
	if err != nil {
		return err
	}
	defer out.discard()
	index, err := create(stem + indexSuffix)
	if err != nil {
		return err
	}
	defer index.discard()
	options := writer.Options{Index: index}
	layers := make([]writer.Layer, len(img.Layers))
	for i, l := range img.Layers {
		options.LayerIDs = append(options.LayerIDs, l.DiffID.String())
		layers[i] = func(context.Context) (io.ReadCloser, error) { return l.Open() }
	}
	old, err := openEarlier(stem)
	if err == nil {
		defer old.close()
		options.Reuse = old.reuse(options)
	}
	result, err := write(ctx, out, index, layers, options)
	if err != nil {
		return fmt.Errorf("converting the image: %w", err)
	}
	var config struct {
		Config ocispec.ImageConfig `json:"config"`
	}
	if err := json.Unmarshal(img.Config, &config); err != nil {
		return fmt.Errorf("reading the image's configuration: %w", err)
	}
	raw, err := json.Marshal(meta{Config: config.Config, Size: result.Size, Sums: result.Sums})
	if err != nil {
		return fmt.Errorf("noting what the image is: %w", err)
	}
	known, err := create(stem + metaSuffix)
	if err != nil {
		return err
	}
	defer known.discard()
	if _, err := known.Write(raw); err != nil {
		return fmt.Errorf("noting what the image is: %w", err)
	}
	// An old image with a new index would be taken for one that it is not: without its
	// .json nobody takes it.
	_ = os.Remove(stem + metaSuffix)
	return errors.Join(out.keep(), index.keep(), known.keep())
}

// write converts, and begins again with fewer layers when some data of the old file
// turns out to be missing.
func write(ctx context.Context, out, index *file, layers []writer.Layer, o writer.Options) (writer.Result, error) {
	for {
		result, err := writer.Write(ctx, out, layers, o)
		var fewer *writer.ReuseError
		if !errors.As(err, &fewer) {
			return result, err
		}
		if n := min(fewer.Layers, o.Reuse.Layers-1); n > 0 {
			o.Reuse.Layers = n
		} else {
			o.Reuse = nil
		}
		_, err = index.Seek(0, io.SeekStart)
		if err = errors.Join(err, index.Truncate(0), out.Truncate(0)); err != nil {
			return writer.Result{}, fmt.Errorf("beginning again: %w", err)
		}
	}
}

// earlier is what the last trial has left.
type earlier struct {
	image, index *os.File
	meta         meta
}

func openEarlier(stem string) (*earlier, error) {
	var e earlier
	raw, err := os.ReadFile(stem + metaSuffix)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &e.meta); err != nil {
		return nil, err
	}
	if e.image, err = os.Open(stem + imageSuffix); err != nil {
		return nil, err
	}
	if e.index, err = os.Open(stem + indexSuffix); err != nil {
		e.image.Close()
		return nil, err
	}
	return &e, nil
}

func (e *earlier) close() {
	e.image.Close()
	e.index.Close()
}

// reuse is what the new image can have of it; nil for nothing.
func (e *earlier) reuse(o writer.Options) *writer.Reuse {
	info, err := e.index.Stat()
	if err != nil {
		return nil
	}
	index, err := writer.OpenIndex(e.index, info.Size())
	if err != nil {
		return nil
	}
	n, err := index.Shared(o, o.LayerIDs)
	if err != nil || n == 0 {
		return nil
	}
	return &writer.Reuse{File: e.image, Size: e.meta.Size, Index: index, Layers: n, Sums: e.meta.Sums}
}

// file gets its name when it is complete.
type file struct {
	*os.File
	name string
	kept bool
}

func create(name string) (*file, error) {
	f, err := os.CreateTemp(filepath.Dir(name), strings.TrimPrefix(filepath.Base(name), ".")+".*")
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", name, err)
	}
	return &file{File: f, name: name}, nil
}

func (f *file) keep() error {
	if err := os.Rename(f.Name(), f.name); err != nil {
		return fmt.Errorf("writing %s: %w", f.name, err)
	}
	f.kept = true
	return nil
}

func (f *file) discard() {
	if !f.kept {
		_ = os.Remove(f.Name())
	}
	f.Close()
}
