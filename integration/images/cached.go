package images

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// sums stand beside a compressed layer in the cache, so that it need not be
// read to be described.
type sums struct {
	Digest, DiffID v1.Hash
	SizeBytes      int64
}

// extension is that of a compressed layer in the cache.
func (f Flavour) extension() string {
	switch f {
	case OCIZstd:
		return ".zst"
	case OCITar:
		return ".copy"
	default:
		return ".gz"
	}
}

// cachedLayer is the tar at tarPath in the flavour's compression, kept beside
// the tar.
func cachedLayer(f Flavour, tarPath string) (v1.Layer, error) {
	blobPath := tarPath + f.extension()
	sumsPath := blobPath + ".json"
	text, err := os.ReadFile(sumsPath)
	if errors.Is(err, fs.ErrNotExist) {
		if err := compressFile(f, tarPath, blobPath, sumsPath); err != nil {
			return nil, fmt.Errorf("compressing %s: %w", tarPath, err)
		}
		text, err = os.ReadFile(sumsPath)
	}
	if err != nil {
		return nil, err
	}
	var s sums
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("reading %s: %w", sumsPath, err)
	}
	return &layer{
		digest:    s.Digest,
		diffID:    s.DiffID,
		sizeBytes: s.SizeBytes,
		open:      func() (io.ReadCloser, error) { return os.Open(blobPath) },
	}, nil
}

func compressFile(f Flavour, tarPath, blobPath, sumsPath string) error {
	in, err := os.Open(tarPath)
	if err != nil {
		return err
	}
	defer in.Close()
	diffID, digest := sha256.New(), sha256.New()
	var size int64
	err = writeFile(blobPath, func(out io.Writer) error {
		counter := &countingWriter{w: io.MultiWriter(out, digest)}
		defer func() { size = counter.n }()
		return f.compress(counter, io.TeeReader(in, diffID))
	})
	if err != nil {
		return err
	}
	text, err := json.Marshal(sums{Digest: sum(digest), DiffID: sum(diffID), SizeBytes: size})
	if err != nil {
		return err
	}
	return writeFile(sumsPath, func(out io.Writer) error {
		_, err := out.Write(text)
		return err
	})
}

// writeFile writes a file of the cache whole or not at all.
func writeFile(path string, write func(io.Writer) error) error {
	partial, err := os.CreateTemp(filepath.Dir(path), ".partial-*")
	if err != nil {
		return err
	}
	defer os.Remove(partial.Name())
	err = errors.Join(write(partial), partial.Chmod(0o644), partial.Close())
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.Rename(partial.Name(), path)
}

func sum(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))}
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
