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
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/squash"
	"github.com/jrun-hpc/jrun/squash/writer"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
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

// TestExportKeepsTheOldOne: when the new file cannot get its name, the old one and
// what is known of it stay.
func TestExportKeepsTheOldOne(t *testing.T) {
	for _, old := range []string{"", "the old metadata"} {
		dir := t.TempDir()
		target := targetOf(filepath.Join(dir, "x.sqfs"))
		if err := os.MkdirAll(filepath.Join(target.image, "in the way"), 0o755); err != nil {
			t.Fatal(err)
		}
		want := []string{"x.sqfs"}
		if old != "" {
			want = []string{"x.json", "x.sqfs"}
			if err := os.WriteFile(target.meta, []byte(old), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		file, err := createUnnamed(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := target.publish(file, store.Meta{}); err == nil {
			t.Error("a file took the place of a directory")
		}
		_ = file.Close()
		if b, _ := os.ReadFile(target.meta); string(b) != old {
			t.Errorf("the metadata is now %q, want %q", b, old)
		}
		if names := list(t, dir); !cmp.Equal(names, want) {
			t.Errorf("the directory holds %v, want %v", names, want)
		}
	}
}

// TestHalfAnExportIsTold: a machine that stopped between the two renames leaves
// the metadata of the new file with the old one, whichever is larger; and a file may
// become longer.
func TestHalfAnExportIsTold(t *testing.T) {
	dir := t.TempDir()
	one, two := targetOf(filepath.Join(dir, "one.sqfs")), targetOf(filepath.Join(dir, "two.sqfs"))
	server, client, st := newRegistry(t), NewClient(Options{}), openStore(t)
	small := server.push(t, "demo/half", "small", twoLayers("gzip"))
	if _, err := client.Export(t.Context(), st, small, one.image, conversion, false, nil); err != nil {
		t.Fatal(err)
	}
	other := writer.Options{Uncompressed: true, BlockSize: squash.MinBlockSize}
	if _, err := client.Export(t.Context(), st, small, two.image, other, false, nil); err != nil {
		t.Fatal(err)
	}
	swap := filepath.Join(dir, "swap")
	if err := errors.Join(os.Rename(one.meta, swap), os.Rename(two.meta, one.meta), os.Rename(swap, two.meta)); err != nil {
		t.Fatal(err)
	}
	longer := targetOf(filepath.Join(dir, "longer.sqfs"))
	if _, err := client.Export(t.Context(), st, small, longer.image, conversion, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(longer.image, 2*writer.SumChunk); err != nil {
		t.Fatal(err)
	}
	for _, target := range []exportTarget{one, two, longer} {
		ref, err := ParseReference(target.image)
		if err != nil {
			t.Fatal(err)
		}
		object, _, err := client.Ensure(t.Context(), nil, ref, nil)
		if err != nil {
			t.Fatal(err)
		}
		var damage *store.DamageError
		if err := store.Verify(t.Context(), object, nil); !errors.As(err, &damage) {
			t.Errorf("%s: verifying gave %v, want a DamageError", target.image, err)
		}
	}
}

func TestExportSparesWhatIsNotItsOwn(t *testing.T) {
	ref := newRegistry(t).push(t, "demo/spare", "1", twoLayers("gzip"))
	client, st, dir := NewClient(Options{}), openStore(t), t.TempDir()
	mine := filepath.Join(dir, "results.json")
	if err := errors.Join(os.WriteFile(mine, []byte(`{"energy": -3}`), 0o644), os.Mkdir(filepath.Join(dir, "dir.sqfs"), 0o755),
		unix.Mkfifo(filepath.Join(dir, "pipe.sqfs"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/results.sqfs", "/dir.sqfs", "/pipe.sqfs", "/missing/"} {
		var f *fault.Error
		if _, err := client.Export(t.Context(), st, ref, dir+name, conversion, true, nil); !errors.As(err, &f) {
			t.Errorf("%s: %v, want a fault", name, err)
		}
	}
	if names := list(t, dir); !cmp.Equal(names, []string{"dir.sqfs", "pipe.sqfs", "results.json"}) {
		t.Errorf("the directory holds %v", names)
	}
	if b, err := os.ReadFile(mine); string(b) != `{"energy": -3}` {
		t.Errorf("the user's file is %q, %v", b, err)
	}
}

// TestExportTakesTheUmask: what others may read of an export is for the user to say.
func TestExportTakesTheUmask(t *testing.T) {
	ref := newRegistry(t).push(t, "demo/umask", "1", twoLayers("gzip"))
	dir := t.TempDir()
	before := unix.Umask(0o027)
	_, err := NewClient(Options{}).Export(t.Context(), openStore(t), ref, filepath.Join(dir, "x.sqfs"), conversion, false, nil)
	unix.Umask(before)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x.sqfs", "x.json"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: %v, %v, want mode 0640", name, info.Mode(), err)
		}
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

// ClosedAuthFile is closedAuthFile, with a directory in the place of /run/containers.
func ClosedAuthFile(dir string) (string, bool) {
	defer func(before string) { sharedAuthDir = before }(sharedAuthDir)
	sharedAuthDir = dir
	return closedAuthFile()
}
