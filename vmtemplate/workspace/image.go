package workspace

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/storage/pkg/archive"
)

// Image is an image as it goes to a registry. Close it.
type Image struct {
	Config []byte // JSON, as OCI or Docker has it
	Layers []Layer

	base     int       // how many of the layers are the base's
	contents *contents // of the others together; nil for an image of the store
	own      []*os.File
}

// Close frees what the image holds on the disk.
func (i *Image) Close() {
	for _, f := range i.own {
		f.Close()
	}
}

// ImageOptions say what an image made from a workspace has beside the files.
type ImageOptions struct {
	Labels map[string]string
	By     string                 // what the history says of the new layer
	Squash bool                   // one layer with everything
	Leave  func(path string) bool // what more is to stay out; may be nil

	// Further lets the image have the layers that the last upload brought to a registry,
	// and one more with what has changed since, where that is less. Those layers are only
	// there: opening one is ErrUploaded.
	Further bool
}

// Image is the workspace as an image. What has been changed is copied to a file first:
// the image stays the same whatever happens in the workspace. It can be used until the
// workspace is closed.
func (w *Workspace) Image(ctx context.Context, o ImageOptions) (*Image, error) {
	base, config, err := w.base()
	if err != nil {
		return nil, err
	}
	img := &Image{contents: newContents()}
	own := func() (io.ReadCloser, error) { return w.st.diff(w.container.LayerID) }
	if o.Squash {
		root, err := w.mount()
		if err != nil {
			return nil, err
		}
		if config, err = withoutLayers(config); err != nil {
			return nil, err
		}
		own = func() (io.ReadCloser, error) { return archive.TarWithOptions(root, &archive.TarOptions{}) }
	} else if img.Layers, err = w.st.layers(base.TopLayer, diffIDsOf(config)); err != nil {
		return nil, err
	}
	img.base = len(img.Layers)
	all, file, err := w.st.spoolAll(ctx, own, o.Leave, img.contents)
	if err != nil {
		return nil, message.Fail(message.Of("workspace.read", w.Name), interrupted(ctx, err))
	}
	img.own = append(img.own, file)
	if !o.Further || o.Squash || !w.further(img, all) {
		img.Layers = append(img.Layers, all)
	}
	if img.Config, err = w.finish(config, img.Layers[img.base:], o); err != nil {
		img.Close()
		return nil, err
	}
	return img, nil
}

// spoolAll writes a tar, without what does not belong into an image, to a file without a
// name, and notes what is in it.
func (st *Store) spoolAll(ctx context.Context, open func() (io.ReadCloser, error), leave func(string) bool, c *contents) (Layer, *os.File, error) {
	f := filter{leave: leave, contents: c}
	return st.spool(func(out io.Writer) (again bool, err error) {
		all, err := open()
		if err != nil {
			return false, fmt.Errorf("reading a layer: %w", err)
		}
		defer all.Close()
		stop := context.AfterFunc(ctx, func() { all.Close() })
		defer stop()
		return f.copy(out, all)
	})
}

// spool makes a layer of what write writes, which is called until it has no reason to be
// called again. (The store is locked while a layer is put into it, so that one layer
// cannot be read while another is written.)
func (st *Store) spool(write func(io.Writer) (again bool, err error)) (Layer, *os.File, error) {
	f, err := os.CreateTemp(filepath.Join(st.dir, "tmp"), "layer-")
	if err != nil {
		return Layer{}, nil, fmt.Errorf("writing a layer: %w", err)
	}
	_ = os.Remove(f.Name())
	for {
		l, again, err := spoolOnce(f, write)
		if err == nil && again {
			_, err = f.Seek(0, io.SeekStart)
			err = errors.Join(err, f.Truncate(0))
		}
		if err != nil {
			f.Close()
			return Layer{}, nil, err
		}
		if !again {
			return l, f, nil
		}
	}
}

func spoolOnce(f *os.File, write func(io.Writer) (bool, error)) (l Layer, again bool, err error) {
	sum := digest.SHA256.Digester()
	out := bufio.NewWriterSize(io.MultiWriter(f, sum.Hash()), 1<<20)
	if again, err = write(out); err != nil {
		return Layer{}, false, err
	}
	if err := out.Flush(); err != nil {
		return Layer{}, false, fmt.Errorf("writing a layer: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return Layer{}, false, fmt.Errorf("writing a layer: %w", err)
	}
	size := info.Size()
	return Layer{DiffID: sum.Digest(), Bytes: size, open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(f, 0, size)), nil
	}}, again, nil
}

// Stored is an image of the store, as it is.
func (st *Store) Stored(name string) (*Image, error) {
	base, err := st.local(name)
	if err != nil {
		return nil, missingImage(name, err)
	}
	img, err := st.store.Image(base.id)
	if err != nil {
		return nil, fmt.Errorf("reading image %s: %w", name, err)
	}
	config, err := st.configOf(img)
	if err != nil {
		return nil, err
	}
	layers, err := st.layers(img.TopLayer, diffIDsOf(config))
	if err != nil {
		return nil, err
	}
	return &Image{Config: config, Layers: layers}, nil
}

// finish is the configuration of the workspace's image, with the layers of its own.
func (w *Workspace) finish(base []byte, own []Layer, o ImageOptions) ([]byte, error) {
	// What is not in our types must stay: ONBUILD, HEALTHCHECK and SHELL are Docker's.
	top, err := object(base)
	if err != nil {
		return nil, err
	}
	inner, err := object(top["config"])
	if err != nil {
		return nil, err
	}
	var rootfs ocispec.RootFS
	var history []ocispec.History
	var config ocispec.ImageConfig
	for name, into := range map[string]any{"rootfs": &rootfs, "history": &history, "config": &config} {
		if len(top[name]) == 0 {
			continue
		}
		if err := json.Unmarshal(top[name], into); err != nil {
			return nil, fmt.Errorf("reading the image's configuration: %w", err)
		}
	}
	// Not the time of day: an image of which nothing has changed stays the same image, and
	// uploading it again sends nothing.
	now := w.State.Used
	rootfs.Type = "layers"
	for _, l := range own {
		rootfs.DiffIDs = append(rootfs.DiffIDs, l.DiffID)
		history = append(history, ocispec.History{Created: &now, CreatedBy: o.By, Comment: "jbuild"})
	}
	if config.Labels == nil {
		config.Labels = map[string]string{}
	}
	maps.Copy(config.Labels, o.Labels)
	inner.set("Labels", config.Labels)
	if len(w.State.Env) > 0 {
		inner.set("Env", mergeEnv(config.Env, w.State.Env))
	}
	if w.State.Workdir != "" {
		inner.set("WorkingDir", w.State.Workdir)
	}
	for _, name := range []string{"Hostname", "Domainname", "Image"} { // of the machine and the build
		delete(inner, name)
	}
	for _, name := range []string{"container", "container_config", "id", "parent"} {
		delete(top, name)
	}
	top.set("config", inner)
	top.set("rootfs", rootfs)
	top.set("history", history)
	top.set("created", now)
	raw, err := json.Marshal(top)
	if err != nil {
		return nil, fmt.Errorf("writing the image's configuration: %w", err)
	}
	return raw, nil
}
