package image

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/squash"
)

// sidecarLimit bounds the .json beside a squashfs file, in bytes.
const sidecarLimit = 16 << 20

// openSquashfs makes an object of a local squashfs file: as it is, with the
// config of FILE.json (for image.sqfs: image.json, or image.sqfs.json) when
// that is there, and an empty one otherwise.
func openSquashfs(ref Reference) (store.Object, error) {
	path, err := filepath.Abs(ref.path)
	if err != nil {
		return store.Object{}, fmt.Errorf("finding %s: %w", ref.path, err)
	}
	size, err := checkSquashfs(path)
	if err != nil {
		return store.Object{}, squashfsFault(ref, err)
	}
	meta, err := readSidecar(path)
	if err != nil {
		return store.Object{}, fault.Newf(err, "mend or remove the .json file beside it",
			"what is written beside %s cannot be read", ref.path)
	}
	if meta.SizeBytes == 0 { // nothing was written of it; else it is for Verify to compare
		meta.SizeBytes = size
	}
	return store.Object{Digest: meta.Digest, Path: path, Meta: meta}, nil
}

// checkSquashfs reads the superblock and returns the file's size in bytes. A
// file that is shorter than its superblock says was cut short.
func checkSquashfs(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fault.Because("%w: it is no regular file", squash.ErrCorrupt)
	}
	head := make([]byte, squash.SuperblockSize)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, err
	}
	var sb squash.Superblock
	if err := sb.UnmarshalBinary(head[:n]); err != nil {
		return 0, err
	}
	if sb.BytesUsed > uint64(info.Size()) {
		return 0, fault.Because("%w: it was cut short: it has %d bytes of %d", squash.ErrCorrupt, info.Size(), sb.BytesUsed)
	}
	return info.Size(), nil
}

func readSidecar(path string) (store.Meta, error) {
	for _, sidecar := range []string{strings.TrimSuffix(path, squashfsSuffix) + ".json", path + ".json"} {
		b, err := readLimited(sidecar, sidecarLimit)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return store.Meta{}, fmt.Errorf("reading %s: %w", sidecar, err)
		}
		if !store.IsMeta(b) {
			continue
		}
		return store.ParseMeta(b)
	}
	return store.Meta{Version: store.MetaVersion}, nil
}

// readLimited reads a file, but not more of it than limit bytes.
func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	return io.ReadAll(io.LimitReader(f, limit))
}

func squashfsFault(ref Reference, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.Newf(err, fault.Say("check the path: ls -l %s", ref.path), "there is no file %s", ref.path)
	case errors.Is(err, fs.ErrPermission):
		return fault.Newf(err, fault.Say("ask its owner for the right to read it: ls -l %s", ref.path), "you may not read %s", ref.path)
	case errors.Is(err, squash.ErrUnsupported):
		return fault.Newf(err, "make it again with mksquashfs 4.0 or later, or with jrun pull", "%s cannot be read", ref.path)
	case errors.Is(err, squash.ErrCorrupt):
		return fault.Newf(err, "copy or make the file again", "%s is not a whole squashfs file", ref.path)
	}
	return fault.Newf(err, "check the file and the disk it is on", "%s cannot be read", ref.path)
}
