package writer

import (
	"archive/tar"
	"bytes"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// tarContents writes regular files with given contents, name by name.
func tarContents(t testing.TB, namesAndContents ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := 0; i < len(namesAndContents); i += 2 {
		content := namesAndContents[i+1]
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: namesAndContents[i], Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func noise(t testing.TB, seed byte, size int) string {
	t.Helper()
	b := make([]byte, size)
	if _, err := rand.NewChaCha8([32]byte{seed}).Read(b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHiddenDataIsGone(t *testing.T) {
	secret := noise(t, 1, 700_000)
	smallSecret := noise(t, 2, 100_000)
	layers := memories(
		tarContents(t, "secret", secret, "stays", noise(t, 3, 300_000)),
		tarContents(t, "small-secret", smallSecret),
		tarContents(t, ".wh.secret", "", "small-secret", "replaced"),
	)
	path, result := writeFile(t, layers, Options{})
	onDisk, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{"large": secret, "small": smallSecret} {
		if bytes.Contains(onDisk, []byte(s[1000:1064])) {
			t.Errorf("the %s hidden file can be read in the image", name)
		}
	}
	if want := int64(len(secret) + len(smallSecret)); result.DeadBytes < want || result.DeadBytes > want+100 {
		t.Errorf("%d dead bytes, want about %d", result.DeadBytes, want)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	if room := st.Blocks * 512; room > result.Size-result.DeadBytes+64<<10 {
		t.Errorf("the file takes %d bytes of room, its size is %d, and %d are dead", room, result.Size, result.DeadBytes)
	}
	// A file without holes has the same bytes.
	inMemory, _ := convert(t, layers, Options{})
	if !bytes.Equal(onDisk, inMemory) {
		t.Error("holes and zeros give different bytes")
	}
}

func TestDuplicatesAreStoredOnce(t *testing.T) {
	large, small := noise(t, 1, 400_000), noise(t, 2, 5000)
	once, _ := convert(t, memories(tarContents(t, "large", large, "small", small)), Options{})
	layers := memories(
		tarContents(t, "large", large, "small", small, "large-2", large, "small-2", small),
		tarContents(t, "large-3", large, "small-3", small, "cut", large[:300_000]),
	)
	content, result := convert(t, layers, Options{})
	if result.Duplicates != 4 || result.DuplicateBytes != 2*(400_000+5000) {
		t.Errorf("%d duplicates of %d bytes, want 4 of %d", result.Duplicates, result.DuplicateBytes, 2*(400_000+5000))
	}
	if more := len(content) - len(once); more > 300_000+16<<10 {
		t.Errorf("duplicates made the file %d bytes larger", more)
	}
	image := readImage(t, content)
	for name, want := range map[string]string{"large": large, "large-2": large, "large-3": large, "small-3": small, "cut": large[:300_000]} {
		if got := image[name]; got.SHA256 != hexSum(want) {
			t.Errorf("%s has other content", name)
		}
	}
}

// TestDuplicateAtTheEnd: what a duplicate wrote before it was recognised must
// not be left in the file.
func TestDuplicateAtTheEnd(t *testing.T) {
	large := noise(t, 1, 3<<20)
	content, _ := convert(t, memories(tarContents(t, "a", large, "b", large)), Options{})
	alone, _ := convert(t, memories(tarContents(t, "a", large)), Options{})
	if len(content) != len(alone) {
		t.Errorf("%d bytes, want %d as without the duplicate", len(content), len(alone))
	}
}

func TestZerosTakeNoRoom(t *testing.T) {
	zeros := strings.Repeat("\x00", 10<<20)
	content, _ := convert(t, memories(tarContents(t, "zeros", zeros, "then", zeros+"x")), Options{})
	if len(content) > 12<<10 {
		t.Errorf("20 MiB of zeros take %d bytes", len(content))
	}
	image := readImage(t, content)
	if got := image["then"].SHA256; got != hexSum(zeros+"x") {
		t.Error("the byte behind the zeros is lost")
	}
}

func TestEmptyImages(t *testing.T) {
	for name, layers := range map[string][]Layer{
		"no layers":       nil,
		"an empty tar":    memories(tarOf(t)),
		"an empty stream": memories(nil),
		"all hidden":      memories(tarContents(t, "a", "1", "b", noise(t, 1, 200_000)), tarContents(t, ".wh..wh..opq", "")),
	} {
		t.Run(name, func(t *testing.T) {
			path, result := writeFile(t, layers, Options{})
			if result.Inodes != 1 {
				t.Errorf("%d inodes, want the root only", result.Inodes)
			}
			entries, err := os.ReadDir(kernelMount(t, path))
			if err != nil || len(entries) != 0 {
				t.Errorf("the root holds %v: %v", entries, err)
			}
		})
	}
}

func TestRegionsAreAligned(t *testing.T) {
	_, result := convert(t, memories(tarContents(t, "a", noise(t, 1, 1000)), tarOf(t), tarContents(t, "b", noise(t, 2, 200_000))), Options{})
	want := []Region{{4096, 5096}, {8192, 8192}, {8192, 208192}}
	if diff := cmp.Diff(want, result.Layers); diff != "" {
		t.Errorf("regions (-want +got):\n%s", diff)
	}
}

func TestProgressCountsEveryByte(t *testing.T) {
	tars := [][]byte{noisyTar(t, 10, 500_000), noisyTar(t, 3, 700_000)}
	var last int64
	calls := 0
	_, result := convert(t, memories(tars...), Options{Progress: func(tarBytes int64) {
		if tarBytes < last {
			t.Errorf("progress went from %d back to %d", last, tarBytes)
		}
		last = tarBytes
		calls++
	}})
	if want := int64(len(tars[0]) + len(tars[1])); last != want || result.TarBytes != want {
		t.Errorf("progress ended at %d, result has %d, want %d", last, result.TarBytes, want)
	}
	if calls < 5 {
		t.Errorf("%d calls for %d bytes", calls, last)
	}
}
