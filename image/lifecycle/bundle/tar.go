package bundle

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
)

// WriteTar writes a bundle that was verified as one file, and FILE.sha256 beside it,
// for archives that take files. The same bundle gives the same bytes: entries are
// sorted, belong to nobody, and have the time at which the bundle was made. The file
// has its name when it is whole. It returns the file's SHA-256 sum in hexadecimal.
func WriteTar(ctx context.Context, dir, file string) (string, error) {
	root, err := openBundle(dir)
	if err != nil {
		return "", err
	}
	defer root.Close() //nolint:errcheck // it was only read
	b, err := loadFrom(root)
	if err != nil {
		return "", err
	}
	v := &verifier{root: root, files: map[string]int64{}}
	if err := v.walk(ctx); err != nil {
		return "", err
	}
	if err := v.found.err(dir); err != nil {
		return "", err
	}
	h := sha256.New()
	out := &disk{dir: filepath.Dir(file)}
	err = out.fill(filepath.Base(file), func(w io.Writer) error {
		buffered := bufio.NewWriterSize(io.MultiWriter(w, h), 1<<20)
		t := tar.NewWriter(buffered)
		for _, name := range withDirectories(v.files) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := addEntry(t, root, filepath.Base(dir), name, b); err != nil {
				return err
			}
		}
		return errors.Join(t.Close(), buffered.Flush())
	})
	if err != nil {
		return "", roomFault(file, err)
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if err := checkFile(file, sum); err != nil {
		return "", err
	}
	err = out.write(filepath.Base(file)+".sha256", []byte(sum+"  "+filepath.Base(file)+"\n"))
	if err == nil {
		err = out.settle()
	}
	return sum, roomFault(file, err)
}

// withDirectories are all files and the directories that they are in, sorted; those
// with a slash at the end.
func withDirectories(files map[string]int64) []string {
	all := map[string]bool{imagesDir + "/blobs/": true}
	for name := range files {
		all[name] = true
		for dir := filepath.Dir(name); dir != "."; dir = filepath.Dir(dir) {
			all[dir+"/"] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func addEntry(t *tar.Writer, root *os.Root, top, name string, b Bundle) error {
	header := &tar.Header{Name: top + "/" + name, ModTime: b.Made, Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatPAX}
	if strings.HasSuffix(name, "/") {
		header.Typeflag, header.Mode = tar.TypeDir, 0o755
		return t.WriteHeader(header)
	}
	f, err := openIn(root, name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header.Size = info.Size()
	if err := t.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.CopyN(t, f, header.Size)
	return err
}

// checkFile reads a file back.
func checkFile(file, want string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("reading %s back: %w", file, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fault.Newf(fmt.Errorf("its SHA-256 sum is %s, not %s", got, want), "check the disk, and write it again", "%s is not what was written", file)
	}
	return nil
}
