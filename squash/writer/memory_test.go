package writer

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/jrun-hpc/jrun/integration/campaign"
)

// memoryLimit is what a conversion may use, whatever the image's size.
const memoryLimit = 256 << 20 // bytes

// memoryVariable makes the test's program a conversion of that many MiB.
const memoryVariable = "JRUN_TEST_CONVERT_MIB"

// TestMemoryIsBounded converts a layer of 1 GiB, or of 10 GiB when JRUN_SOAK is
// set, in a process of its own, and looks at the most memory that it used.
func TestMemoryIsBounded(t *testing.T) {
	if mib, err := strconv.Atoi(os.Getenv(memoryVariable)); err == nil {
		convertGenerated(t, int64(mib)<<20)
		return
	}
	mib := 1 << 10
	if campaign.Soaking() {
		mib = 10 << 10
	} else if testing.Short() {
		mib = 128
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestMemoryIsBounded$", "-test.timeout=30m")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", memoryVariable, mib))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("converting %d MiB: %v\n%s", mib, err, out)
	}
	peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	t.Logf("%d MiB of layer took at most %d MiB of memory", mib, peak>>20)
	if peak > memoryLimit {
		t.Errorf("the conversion used %d MiB", peak>>20)
	}
}

// convertGenerated converts a layer of files of all sizes that compress to about
// a third.
func convertGenerated(t *testing.T, size int64) {
	t.Helper()
	layer := func(context.Context) (io.ReadCloser, error) {
		read, write := io.Pipe()
		go func() { write.CloseWithError(generate(write, size)) }()
		return read, nil
	}
	file, err := os.CreateTemp("/var/tmp", "convert-") // a third of the layer's size
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	defer os.Remove(file.Name())
	result, err := Write(t.Context(), file, []Layer{layer}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if result.TarBytes < size || result.Size < size/10 {
		t.Fatalf("%d bytes became %d: that is not the layer that was meant", result.TarBytes, result.Size)
	}
}

func generate(out io.Writer, size int64) error {
	random := rand.New(rand.NewPCG(1, 2))
	chunk := make([]byte, 1<<20)
	tw := tar.NewWriter(out)
	for i, left := 0, size; left > 0; i++ {
		n := min(left, random.Int64N(1<<(10+random.IntN(20))))
		if err := tw.WriteHeader(&tar.Header{Name: fmt.Sprintf("d%d/f%d", i/1000, i), Mode: 0o644, Size: n, Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		for rest := n; rest > 0; {
			piece := chunk[:min(rest, int64(len(chunk)))]
			for k := 0; k < len(piece); k += 24 { // a third of it is noise
				word := random.Uint64()
				for b := range min(8, len(piece)-k) {
					piece[k+b] = byte(word >> (8 * b))
				}
			}
			if _, err := tw.Write(piece); err != nil {
				return err
			}
			rest -= int64(len(piece))
		}
		left -= n
	}
	return tw.Close()
}
