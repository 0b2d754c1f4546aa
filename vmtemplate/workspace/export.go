package workspace

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"github.com/klauspost/pgzip"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// An exported workspace is an OCI layout in a tar (an oci-archive), so that podman,
// skopeo and jrun can use it, too. Its index has the workspace's image and the base;
// what else belongs to the workspace is an annotation of the former, and files below
// notesDir.
const (
	annotationWorkspace = "org.jrun.workspace"      // exported
	annotationBase      = "org.jrun.workspace.base" // "true"
	notesDir            = "jbuild/"
)

// exported is what the annotation says.
type exported struct {
	Name  string `json:"name"`
	State State  `json:"state"`
}

// Export writes the workspace to a file, from which Import makes it again, here or on
// another machine. The image in it has no secrets and caches, like one that is pushed.
func (w *Workspace) Export(ctx context.Context, out io.Writer) error {
	img, err := w.Image(ctx, ImageOptions{By: "jbuild export"})
	if err != nil {
		return err
	}
	defer img.Close()
	_, baseConfig, err := w.base()
	if err != nil {
		return err
	}
	e := &exporter{ctx: ctx, tar: tar.NewWriter(out), tmp: filepath.Join(w.st.dir, "tmp")}
	if err := e.write(w, img, baseConfig); err != nil {
		return message.Fail(message.Of("workspace.export", w.Name), interrupted(ctx, err))
	}
	return nil
}

type exporter struct {
	ctx context.Context
	tar *tar.Writer
	tmp string
}

func (e *exporter) write(w *Workspace, img *Image, baseConfig []byte) error {
	for _, dir := range []string{"blobs/", "blobs/sha256/", notesDir} {
		if err := e.header(tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755}); err != nil {
			return err
		}
	}
	if err := e.file("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	var layers []ocispec.Descriptor
	for _, l := range img.Layers {
		d, err := e.layer(l)
		if err != nil {
			return err
		}
		layers = append(layers, d)
	}
	about, err := json.Marshal(exported{Name: w.Name, State: w.State})
	if err != nil {
		return err
	}
	whole, err := e.manifest(img.Config, layers)
	if err != nil {
		return err
	}
	whole.Annotations = map[string]string{annotationWorkspace: string(about), ocispec.AnnotationRefName: w.Name}
	base, err := e.manifest(baseConfig, layers[:len(layers)-1])
	if err != nil {
		return err
	}
	base.Annotations = map[string]string{annotationBase: "true", ocispec.AnnotationRefName: "base"}
	index, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{whole, base},
	})
	if err != nil {
		return err
	}
	if err := e.file(ocispec.ImageIndexFile, index); err != nil {
		return err
	}
	if err := e.notes(w); err != nil {
		return err
	}
	return e.tar.Close()
}

func (e *exporter) file(name string, content []byte) error {
	return e.stream(name, int64(len(content)), bytes.NewReader(content))
}

func (e *exporter) stream(name string, size int64, from io.Reader) error {
	if err := e.ctx.Err(); err != nil {
		return err
	}
	if err := e.header(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size}); err != nil {
		return err
	}
	_, err := io.Copy(e.tar, from)
	return err
}

// header writes one. Who unpacks an oci-archive gives its files to whom the tar says,
// and may do so only to themselves; directories that it does not name, to root.
func (e *exporter) header(h tar.Header) error {
	h.Uid, h.Gid = rootless.Caller()
	h.ModTime = time.Unix(0, 0)
	return e.tar.WriteHeader(&h)
}

func (e *exporter) blob(content []byte, mediaType string) (ocispec.Descriptor, error) {
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
	return d, e.file(blobName(d.Digest), content)
}

func blobName(d digest.Digest) string { return "blobs/sha256/" + d.Encoded() }

func (e *exporter) manifest(config []byte, layers []ocispec.Descriptor) (ocispec.Descriptor, error) {
	c, err := e.blob(config, ocispec.MediaTypeImageConfig)
	if err != nil {
		return c, err
	}
	raw, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: c, Layers: layers,
	})
	if err != nil {
		return c, err
	}
	return e.blob(raw, ocispec.MediaTypeImageManifest)
}

// layer compresses a layer to a file first: a tar wants to know sizes beforehand.
func (e *exporter) layer(l Layer) (ocispec.Descriptor, error) {
	f, err := os.CreateTemp(e.tmp, "export-")
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer f.Close()
	_ = os.Remove(f.Name())
	plain, err := l.Open()
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer plain.Close()
	sum := digest.SHA256.Digester()
	zip := pgzip.NewWriter(io.MultiWriter(f, sum.Hash()))
	if _, err := io.Copy(zip, plain); err != nil {
		return ocispec.Descriptor{}, err
	}
	if err := zip.Close(); err != nil {
		return ocispec.Descriptor{}, err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return ocispec.Descriptor{}, err
	}
	d := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: sum.Digest(), Size: size}
	return d, e.stream(blobName(d.Digest), size, f)
}

// notes are the files of the workspace's directory: what was typed, the recipe.
func (e *exporter) notes(w *Workspace) error {
	dir, err := w.Dir()
	if err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return e.file(notesDir+filepath.ToSlash(name), content)
	})
}
