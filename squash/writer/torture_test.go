package writer

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jrun-hpc/jrun/integration/torture"
	"github.com/jrun-hpc/jrun/squash"
)

func TestTortureImageInTheKernel(t *testing.T) {
	for name, opts := range map[string]Options{
		"defaults":           {},
		"gzip":               {Compression: squash.Gzip},
		"lz4":                {Compression: squash.Lz4},
		"uncompressed":       {Uncompressed: true},
		"4 KiB blocks":       {BlockSize: 4 << 10},
		"1 MiB blocks":       {BlockSize: 1 << 20},
		"64 KiB, zstd 1":     {BlockSize: 64 << 10, Level: 1},
		"one job at a time":  {Jobs: 1},
		"zstd's highest":     {Level: 19, BlockSize: 16 << 10},
		"more jobs than CPU": {Jobs: 16},
	} {
		t.Run(name, func(t *testing.T) {
			path, result := writeFile(t, memories(torture.Layers()...), opts)
			if result.SkippedXattrs != 1 {
				t.Errorf("%d extended attributes skipped, want 1", result.SkippedXattrs)
			}
			want, unread := torture.Expected(), []string{}
			if name != "defaults" || testing.Short() {
				huge := want[torture.Huge]
				huge.SHA256 = ""
				want[torture.Huge], unread = huge, []string{torture.Huge}
			}
			got, err := torture.Walk(kernelMount(t, path), unread...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("merged image (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTortureImageInOurReader(t *testing.T) {
	path, _ := writeFile(t, memories(torture.Layers()...), Options{})
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	got, err := tryReadImage(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(torture.Expected(), got); diff != "" {
		t.Errorf("merged image (-want +got):\n%s", diff)
	}
}

// TestTortureImageUnpacked lets an independent reader check every table.
func TestTortureImageUnpacked(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("unpacking owners and devices needs root")
	}
	path, _ := writeFile(t, memories(torture.Layers()...), Options{})
	root := filepath.Join(t.TempDir(), "root")
	// Extended attributes of 64 KiB fit no other file system.
	if out, err := exec.Command("unsquashfs", "-no-progress", "-no-xattrs", "-d", root, path).CombinedOutput(); err != nil {
		t.Fatalf("unsquashfs: %v\n%s", err, out)
	}
	got, err := torture.Walk(root, torture.Huge)
	if err != nil {
		t.Fatal(err)
	}
	want := torture.Expected()
	for name, f := range want {
		f.Xattrs = nil
		if name == torture.Huge {
			f.SHA256 = ""
		}
		want[name] = f
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unpacked image (-want +got):\n%s", diff)
	}
}

func TestTortureImageIsDeterministic(t *testing.T) {
	layers := memories(torture.Layers()...)
	first := writeBytes(t, layers, Options{Jobs: 1})
	for _, jobs := range []int{1, 2, 3, 8, 32} {
		if again := writeBytes(t, layers, Options{Jobs: jobs}); !bytes.Equal(first, again) {
			t.Errorf("%d jobs: %d bytes that differ from those of one job", jobs, len(again))
		}
	}
}
