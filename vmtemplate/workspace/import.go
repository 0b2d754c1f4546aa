package workspace

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/oci/layout"
)

// importedBase begins the names of bases that came with a workspace.
const importedBase = "localhost/imported/"

// errNotExported is wrapped by errors about files that Export has not written.
var errNotExported = errors.New("it is not an exported workspace")

// Import makes a workspace from what Export has written. Its name is the one that it
// had, if name is empty. Nothing is there after an error.
func (st *Store) Import(ctx context.Context, from io.Reader, name string) (*Workspace, error) {
	dir, err := os.MkdirTemp(filepath.Join(st.dir, "tmp"), "import-")
	if err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	w, err := st.importFrom(ctx, from, name, dir)
	var known *message.Error
	if err == nil || errors.As(err, &known) {
		return w, err
	}
	return nil, message.Fail(message.Of("workspace.import"), interrupted(ctx, err), message.Of("workspace.import.next"))
}

func (st *Store) importFrom(ctx context.Context, from io.Reader, name, dir string) (*Workspace, error) {
	if err := unpack(ctx, from, dir); err != nil {
		return nil, err
	}
	about, whole, base, err := readExported(dir)
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = about.Name
	}
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if st.Has(name) {
		return nil, message.Fail(message.Of("workspace.exists", name), nil, message.Of("workspace.import.name"))
	}
	// An image here that is called as the base must not lose its name to it.
	imported := importedBase + name + ":base"
	source, err := layout.NewReference(dir, "base")
	if err != nil {
		return nil, err
	}
	if err := st.copyIn(ctx, source, imported, &st.system, nil); err != nil {
		return nil, err
	}
	id, err := st.store.Lookup(imported)
	if err != nil {
		return nil, err
	}
	about.State.Used = time.Now().UTC().Truncate(time.Second)
	w, err := st.create(name, Base{Name: about.State.Base, Digest: base, id: id}, about.State, func(w *Workspace) error { return w.fill(dir, whole) })
	if err != nil {
		st.removeImported(id)
		return nil, err
	}
	return w, nil
}

// fill puts into a new workspace what the other one had.
func (w *Workspace) fill(dir string, whole ocispec.Manifest) error {
	own := whole.Layers[len(whole.Layers)-1]
	f, err := os.Open(filepath.Join(dir, blobName(own.Digest)))
	if err != nil {
		return err
	}
	defer f.Close()
	sum := own.Digest.Verifier()
	plain, err := gzip.NewReader(io.TeeReader(f, sum))
	if err != nil {
		return err
	}
	if _, err := w.st.store.ApplyDiff(w.container.LayerID, plain); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, io.TeeReader(f, sum)); err != nil {
		return err
	}
	if !sum.Verified() {
		return fmt.Errorf("%w: its contents are damaged", errNotExported)
	}
	notes, err := w.Dir()
	if err != nil {
		return err
	}
	if err := os.CopyFS(notes, os.DirFS(filepath.Join(dir, filepath.Clean(notesDir)))); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// unpack writes the regular files of a tar into a directory, and nothing outside of
// it.
func unpack(ctx context.Context, from io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for in := tar.NewReader(from); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errNotExported, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		name := filepath.Clean(h.Name)
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue // two layers can be the same
		}
		if err != nil {
			return err
		}
		_, err = io.Copy(f, in)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
}

// readExported finds the two manifests.
func readExported(dir string) (about exported, whole ocispec.Manifest, base digest.Digest, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, ocispec.ImageIndexFile))
	if err != nil {
		return about, whole, "", errNotExported
	}
	var index ocispec.Index
	if err := json.Unmarshal(raw, &index); err != nil {
		return about, whole, "", fmt.Errorf("%w: %w", errNotExported, err)
	}
	for _, d := range index.Manifests {
		switch {
		case d.Annotations[annotationBase] != "":
			base = d.Digest
		case d.Annotations[annotationWorkspace] != "":
			if err := json.Unmarshal([]byte(d.Annotations[annotationWorkspace]), &about); err != nil {
				return about, whole, "", fmt.Errorf("%w: %w", errNotExported, err)
			}
			if err := d.Digest.Validate(); err != nil {
				return about, whole, "", fmt.Errorf("%w: %w", errNotExported, err)
			}
			text, err := os.ReadFile(filepath.Join(dir, blobName(d.Digest)))
			if err != nil || d.Digest != digest.FromBytes(text) || json.Unmarshal(text, &whole) != nil {
				return about, whole, "", fmt.Errorf("%w: its manifest is missing or damaged", errNotExported)
			}
		}
	}
	if base == "" || len(whole.Layers) == 0 || whole.Layers[len(whole.Layers)-1].Digest.Validate() != nil {
		return about, whole, "", errNotExported
	}
	about.Name = strings.TrimSpace(about.Name)
	return about, whole, base, nil
}
