package writer

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"github.com/jrun-hpc/jrun/squash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/google/go-cmp/cmp"

	"github.com/jrun-hpc/jrun/integration/torture"
)

// piped is a layer written on the fly, for tars too large for memory.
func piped(t *testing.T, write func(w *tar.Writer) error) Layer {
	return func(context.Context) (io.ReadCloser, error) {
		r, w := io.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			tw := tar.NewWriter(w)
			err := write(tw)
			if err == nil {
				err = tw.Close()
			}
			if err != nil {
				t.Errorf("writing a layer: %v", err)
			}
			w.CloseWithError(err)
		}()
		return waitingCloser{r, done}, nil
	}
}

func filesWithOwners(t *testing.T, distinct int) Layer {
	return piped(t, func(w *tar.Writer) error {
		for id := 1; id < distinct; id++ { // 0 is the root's
			h := &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("d/%d", id), Uid: id * 3, Gid: 0, Mode: 0o644}
			if err := w.WriteHeader(h); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestAsManyIDsAsFit(t *testing.T) {
	path, result := writeFile(t, []Layer{filesWithOwners(t, squash.MaxIDs)}, Options{})
	if want := squash.MaxIDs - 1 + 2; result.Inodes != want {
		t.Errorf("%d inodes, want %d", result.Inodes, want)
	}
	root := kernelMount(t, path)
	for id := squash.MaxIDs - 1; id > 0; id -= 1009 {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(root, fmt.Sprintf("d/%d", id)), &st); err != nil {
			t.Fatal(err)
		}
		if st.Uid != uint32(id*3) {
			t.Fatalf("file %d belongs to %d, want %d", id, st.Uid, id*3)
		}
	}
}

func TestOneIDTooMany(t *testing.T) {
	noLeaks(t)
	_, err := Write(t.Context(), &memFile{}, []Layer{filesWithOwners(t, squash.MaxIDs+1)}, Options{})
	if !errors.Is(err, ErrTooManyIDs) {
		t.Errorf("Write: %v, want ErrTooManyIDs", err)
	}
}

func TestDirectoryOf100000Entries(t *testing.T) {
	const count = 100_000
	name := func(i int) string { return fmt.Sprintf("d/%06d-%s", i, strings.Repeat("n", i%100)) }
	path, _ := writeFile(t, []Layer{piped(t, func(w *tar.Writer) error {
		for i := range count {
			i = i * 7919 % count // not in order
			h := &tar.Header{Typeflag: tar.TypeReg, Name: name(i), Mode: 0o644, Size: int64(i % 3)}
			if err := w.WriteHeader(h); err != nil {
				return err
			}
			if _, err := w.Write(make([]byte, i%3)); err != nil {
				return err
			}
		}
		return nil
	})}, Options{})
	root := kernelMount(t, path)
	entries, err := os.ReadDir(filepath.Join(root, "d"))
	if err != nil || len(entries) != count {
		t.Fatalf("%d entries: %v, want %d", len(entries), err, count)
	}
	// Looking names up goes through the directory's index.
	for i := 0; i < count; i += 997 {
		info, err := os.Lstat(filepath.Join(root, name(i)))
		if err != nil || info.Size() != int64(i%3) {
			t.Fatalf("looking up %s: %v", name(i), err)
		}
	}
	if _, err := os.Lstat(filepath.Join(root, "d/no-such-name")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("looking up a name that is not there: %v", err)
	}
}

// TestDataBeyond4GiB starts the data area at 5 GiB, where basic inodes cannot
// point to.
func TestDataBeyond4GiB(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image.sqfs")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := &output{dst: f, sums: newSums()}
	opts, err := Options{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if err := out.startData(opts); err != nil {
		t.Fatal(err)
	}
	out.position = 5 << 30
	layer := noisyTar(t, 3, 300_000)
	if _, err := build(t.Context(), out, memories(layer, tarOf(t, regular("small"))), opts); err != nil {
		t.Fatal(err)
	}
	got, err := torture.Walk(kernelMount(t, path))
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := writeFile(t, memories(layer, tarOf(t, regular("small"))), Options{})
	want, err := torture.Walk(kernelMount(t, plain))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("image with its data beyond 4 GiB (-want +got):\n%s", diff)
	}
}

// TestFileOf5GiBThatIsNotSparse also shows that file data is not held: the
// content differs from block to block, and memory stays as it is.
func TestFileOf5GiBThatIsNotSparse(t *testing.T) {
	if testing.Short() {
		t.Skip("compressing 5 GiB takes seconds")
	}
	const size, chunk = 5 << 30, 1 << 20
	sum := sha256.New()
	content := make([]byte, chunk)
	path, _ := writeFile(t, []Layer{piped(t, func(w *tar.Writer) error {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "large", Mode: 0o644, Size: size}); err != nil {
			return err
		}
		for i := range size / chunk {
			for at := 0; at < chunk; at += 64 << 10 {
				content[at] = byte(i)
				content[at+1] = byte(i >> 8)
				content[at+2] = byte(at>>16) + 1
			}
			sum.Write(content)
			if _, err := w.Write(content); err != nil {
				return err
			}
		}
		return nil
	})}, Options{Level: 1})
	got, err := torture.Walk(kernelMount(t, path))
	if err != nil {
		t.Fatal(err)
	}
	if want := hex.EncodeToString(sum.Sum(nil)); got["large"].SHA256 != want || got["large"].Size != size {
		t.Errorf("read back %d bytes with sha256 %s, want %s", got["large"].Size, got["large"].SHA256, want)
	}
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	t.Logf("peak memory of the test process: %d MiB", usage.Maxrss>>10)
}

// TestJobsAreBounded: memory stays within limits on any number of CPUs.
func TestJobsAreBounded(t *testing.T) {
	for _, opts := range []Options{
		{}, {BlockSize: squash.MaxBlockSize}, {BlockSize: squash.MinBlockSize}, {Level: 19}, {Level: 22, BlockSize: squash.MaxBlockSize},
	} {
		opts.Jobs = 1 << 20
		got, err := opts.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		blocks := blocksInFlight(got) * 2 * got.BlockSize
		if got.Jobs < 4 || got.Jobs > 256 || blocks > 64<<20 || blocksInFlight(got) < got.Jobs+spareBlocks {
			t.Errorf("level %d, blocks of %d: %d jobs and %d MiB of blocks", got.Level, got.BlockSize, got.Jobs, blocks>>20)
		}
	}
}
