package image

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/squash"
	"github.com/jrun-hpc/jrun/squash/writer"
	"github.com/opencontainers/go-digest"
)

func TestExport(t *testing.T) {
	img := twoLayers("gzip")
	ref := newRegistry(t).push(t, "demo/export", "1", img)
	client, st, dir := NewClient(Options{}), openStore(t), t.TempDir()
	dst := filepath.Join(dir, "image.sqfs")
	export := func(opts writer.Options, replace bool) error {
		t.Helper()
		object, err := client.Export(t.Context(), st, ref, dst, opts, replace, nil)
		if err == nil && object.Digest != img.digest() {
			t.Errorf("the digest is %s, want %s", object.Digest, img.digest())
		}
		return err
	}
	if err := export(conversion, false); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(dst)
	if err != nil || !bytes.Equal(first, img.converted(t)) {
		t.Errorf("the file is not what the store would hold: %v", err)
	}
	if names := list(t, dir); !cmp.Equal(names, []string{"image.json", "image.sqfs"}) {
		t.Errorf("the directory holds %v", names)
	}

	// The file stands for itself.
	local, err := ParseReference(dst)
	if err != nil {
		t.Fatal(err)
	}
	object, _, err := client.Ensure(t.Context(), nil, local, nil)
	if err != nil || !cmp.Equal(object.Meta.Config.Config.Env, []string{"GREETING=hello"}) {
		t.Errorf("the file's environment is %v, %v", object.Meta.Config.Config.Env, err)
	}
	var f *fault.Error
	if _, err := client.Export(t.Context(), st, local, dst+"2", conversion, false, nil); !errors.As(err, &f) {
		t.Errorf("converting a squashfs file gave %v", err)
	}

	other := writer.Options{Compression: squash.Gzip}
	if err := export(other, false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("an existing file gave %v", err)
	}
	if err := export(other, true); err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(dst); err != nil || bytes.Equal(first, second) {
		t.Errorf("the file was not replaced: %v", err)
	}
}

func TestExportLeavesNothing(t *testing.T) {
	bad := twoLayers("gzip")
	none := digest.FromString("another tar")
	bad.diffIDs = []digest.Digest{none, none}
	ref := newRegistry(t).push(t, "demo/bad", "1", bad)
	dir := t.TempDir()
	_, err := NewClient(Options{}).Export(t.Context(), openStore(t), ref, filepath.Join(dir, "x.sqfs"), conversion, false, nil)
	var wrong *DiffIDError
	if !errors.As(err, &wrong) {
		t.Errorf("a wrong diffID gave %v", err)
	}
	if names := list(t, dir); len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
	var f *fault.Error
	_, err = NewClient(Options{}).Export(t.Context(), openStore(t), ref, filepath.Join(dir, "missing", "x.sqfs"), conversion, false, nil)
	if !errors.As(err, &f) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing directory gave %v", err)
	}
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
