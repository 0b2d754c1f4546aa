package upload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Compression is how layers are compressed that no registry has yet.
type Compression int

// Gzip is understood everywhere. Zstd is smaller and faster; registries and container
// tools of 2020 and later know it.
const (
	Gzip Compression = iota
	Zstd
)

func (c Compression) mediaType() string {
	if c == Zstd {
		return v1.MediaTypeImageLayerZstd
	}
	return v1.MediaTypeImageLayerGzip
}

func (c Compression) suffix() string {
	if c == Zstd {
		return ".zst"
	}
	return ".gz"
}

// zstdWindow is what jrun, and zstd itself, take without being asked for memory.
const zstdWindow = 8 << 20

func (c Compression) writer(w io.Writer) (io.WriteCloser, error) {
	if c == Zstd {
		return zstd.NewWriter(w, zstd.WithWindowSize(zstdWindow))
	}
	return pgzip.NewWriter(w), nil // all processors
}

// cache is the directory of compressed layers:
//
//	sha256-DIGEST         a compressed layer, until it has arrived somewhere
//	DIFFID.gz.json        its note
//	DIGEST.REPOSITORY.upload   a session under way, see notes.go
//	temporary-*           somebody is writing, or was
type cache struct {
	dir         string
	compression Compression
}

// note says what a layer has become.
type note struct {
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size"`
	// Repositories have it, the newest last: HOST/PROJECT/NAME.
	Repositories []string `json:"repositories,omitempty"`
}

const (
	temporaryPrefix = "temporary-"
	blobPrefix      = "sha256-"
)

// ages are when files are of no use any more: nobody writes to them, the registry has
// forgotten the session (distribution purges after a week), and whoever has not
// uploaded for so long needs the room.
var ages = map[string]time.Duration{
	temporaryPrefix + "*": 48 * time.Hour,
	"*" + notesSuffix:     7 * 24 * time.Hour,
	blobPrefix + "*":      30 * 24 * time.Hour,
}

func openCache(dir string, c Compression) (*cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of compressed layers: %w", err)
	}
	for pattern, age := range ages {
		old, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, fmt.Errorf("looking into the directory of compressed layers: %w", err)
		}
		for _, file := range old {
			if info, err := os.Stat(file); err == nil && time.Since(info.ModTime()) > age {
				_ = os.Remove(file) // the next time, then
			}
		}
	}
	return &cache{dir: dir, compression: c}, nil
}

func (c *cache) blobFile(d digest.Digest) string {
	return filepath.Join(c.dir, blobPrefix+d.Encoded())
}

func (c *cache) noteFile(diffID digest.Digest) string {
	return filepath.Join(c.dir, diffID.Encoded()+c.compression.suffix()+".json")
}

// note is what is known of a layer; ok is false when it was never compressed.
func (c *cache) note(diffID digest.Digest) (n note, ok bool) {
	text, err := os.ReadFile(c.noteFile(diffID))
	ok = err == nil && json.Unmarshal(text, &n) == nil && n.Digest.Validate() == nil && n.Size > 0
	return n, ok
}

// find is the compressed layer as it is known; its file is nil when that is gone, and to be closed otherwise.
func (c *cache) find(diffID digest.Digest) *blob {
	n, ok := c.note(diffID)
	if !ok {
		return nil
	}
	b := &blob{digest: n.Digest, size: n.Size, mediaType: c.compression.mediaType(), diffID: diffID}
	f, err := os.Open(c.blobFile(n.Digest))
	if err != nil {
		return b
	}
	if info, err := f.Stat(); err != nil || info.Size() != n.Size {
		f.Close()
		return b
	}
	b.file = f
	return b
}

// compress makes the file, and the note. read is told how much of the tar is done.
func (c *cache) compress(ctx context.Context, layer Layer, read func(int)) (*blob, error) {
	tar, err := layer.Open()
	if err != nil {
		return nil, fmt.Errorf("reading the layer %s: %w", layer.DiffID(), err)
	}
	defer tar.Close()
	var n note
	err = c.write(func(f *os.File) (string, error) {
		sum, plain := digest.SHA256.Digester(), digest.SHA256.Digester()
		counted := &countingWriter{w: io.MultiWriter(f, sum.Hash())}
		out, err := c.compression.writer(counted)
		if err != nil {
			return "", err
		}
		from := &tellingReader{from: tar, tell: read, ctx: ctx}
		if _, err := io.Copy(io.MultiWriter(out, plain.Hash()), from); err != nil {
			return "", errors.Join(err, out.Close())
		}
		if err := out.Close(); err != nil {
			return "", err
		}
		if plain.Digest() != layer.DiffID() {
			return "", fmt.Errorf("%w: it reads as %s", ErrConfig, plain.Digest())
		}
		n = note{Digest: sum.Digest(), Size: counted.n}
		return c.blobFile(n.Digest), nil
	})
	if err != nil {
		return nil, fmt.Errorf("compressing the layer %s: %w", layer.DiffID(), err)
	}
	if err := c.writeNote(layer.DiffID(), n); err != nil {
		return nil, err
	}
	b := c.find(layer.DiffID())
	if b == nil || b.file == nil {
		return nil, fmt.Errorf("%w: the layer %s was just taken away by another upload", errAgain, layer.DiffID())
	}
	return b, nil
}

// writeNote replaces the note on a layer.
func (c *cache) writeNote(diffID digest.Digest, n note) error {
	text, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("writing the note on the layer %s: %w", diffID, err)
	}
	err = c.writeText(c.noteFile(diffID), text)
	if err != nil {
		return fmt.Errorf("writing the note on the layer %s: %w", diffID, err)
	}
	return nil
}

func (c *cache) writeText(file string, text []byte) error {
	return c.write(func(f *os.File) (string, error) {
		_, err := f.Write(text)
		return file, err
	})
}

// write makes a file that is there when it is whole, and durable.
func (c *cache) write(fill func(*os.File) (name string, err error)) error {
	f, err := os.CreateTemp(c.dir, temporaryPrefix)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // it has another name by then
	name, err := fill(f)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// mostRepositories bounds a note: one that has a layer is enough for a mount.
const mostRepositories = 8

// arrived remembers that a repository has the layer, and frees its file.
func (c *cache) arrived(b *blob, repository string) {
	n, ok := c.note(b.diffID)
	if !ok || n.Digest != b.digest {
		return
	}
	n.Repositories = append(slices.DeleteFunc(n.Repositories, func(r string) bool { return r == repository }), repository)
	n.Repositories = n.Repositories[max(0, len(n.Repositories)-mostRepositories):]
	_ = c.writeNote(b.diffID, n) // it only saves a mount
	_ = os.Remove(c.blobFile(b.digest))
}

// forget drops a layer whose file is not what its note says.
func (c *cache) forget(b *blob) error {
	for _, file := range []string{c.noteFile(b.diffID), c.blobFile(b.digest)} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a damaged layer: %w", err)
		}
	}
	return nil
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

// tellingReader tells how much is read, and ends with its context.
type tellingReader struct {
	from io.Reader
	tell func(int)
	ctx  context.Context
}

func (r *tellingReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.from.Read(p)
	r.tell(n)
	return n, err
}
