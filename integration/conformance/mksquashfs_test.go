package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// known is a folder that does not change, and is looked at once.
type known struct {
	folder
	entries map[string]entry
}

func (k known) tree(...string) (map[string]entry, error) { return k.entries, nil }

// TestImagesOfMksquashfs packs one folder in many ways and compares every view
// of every image with the folder.
func TestImagesOfMksquashfs(t *testing.T) {
	if _, err := exec.LookPath("mksquashfs"); err != nil {
		t.Skip("mksquashfs is not installed: integration/setup.sh test")
	}
	source := makeFolder(t)
	truth := known{folder: folder{"the folder", source, []func(*entry){blindToHoles}}}
	if os.Geteuid() != 0 {
		truth.blinds = append(truth.blinds, blindToXattrs)
	}
	var err error
	if truth.entries, err = truth.folder.tree(); err != nil {
		t.Fatal(err)
	}
	images := map[string]string{
		"gzip 128K":                "-comp gzip -b 128K",
		"gzip 4K":                  "-comp gzip -b 4K",
		"gzip 1M, no fragments":    "-comp gzip -b 1M -no-fragments",
		"zstd 128K":                "-comp zstd -Xcompression-level 3 -b 128K",
		"zstd 4K, tails packed":    "-comp zstd -Xcompression-level 1 -b 4K -tailends",
		"zstd 1M":                  "-comp zstd -Xcompression-level 6 -b 1M",
		"lz4 128K":                 "-comp lz4 -b 128K",
		"lz4 64K, high":            "-comp lz4 -Xhc -b 64K -no-exports",
		"xz 64K":                   "-comp xz -b 64K",
		"xz 1M":                    "-comp xz -b 1M -Xdict-size 100%",
		"nothing compressed":       "-noI -noD -noF -noX",
		"inodes not compressed":    "-comp zstd -noI",
		"data not compressed":      "-comp gzip -noD -noF",
		"no duplicates, no sparse": "-comp zstd -no-duplicates -no-sparse",
	}
	if testing.Short() {
		images = map[string]string{"zstd 128K": images["zstd 128K"], "gzip 4K": images["gzip 4K"]}
	}
	for name, options := range images {
		t.Run(name, func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "image.sqfs")
			args := append([]string{source, image, "-no-progress", "-quiet"}, strings.Fields(options)...)
			if out, err := exec.Command("mksquashfs", args...).CombinedOutput(); err != nil {
				t.Fatalf("mksquashfs: %v\n%s", err, out)
			}
			all := views(t, image)
			ours := all[:min(2, len(all))]
			check(t, truth, ours)
			// Bytes at odd places of an image that is mksquashfs's, read by the kernel, would be
			// a test of these two.
			compareTrees(t, truth, truth.entries, all[len(ours):])
		})
	}
}
