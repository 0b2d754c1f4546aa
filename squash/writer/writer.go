package writer

import (
	"context"
	"fmt"
	"io"
	"math/bits"
	"runtime"

	"github.com/jrun-hpc/jrun/squash"
)

// Layer opens the uncompressed tar stream of one layer. The stream verifies
// itself: where its digest is wrong, Read returns that error instead of io.EOF.
// Write reads every stream to io.EOF, the padding behind the tar included, and
// closes it. When ctx is done, Read has to return; Write waits for it.
type Layer func(ctx context.Context) (io.ReadCloser, error)

// File is where the result goes: an empty *os.File, or a stand-in. When it has
// the method SyscallConn of *os.File, dead data is punched out of it.
type File interface {
	io.WriterAt
	Truncate(size int64) error
}

// DefaultZstdLevel is where zstd gives most for its time: on 128 KiB blocks of a
// Debian image it takes 6 % more room than level 6 and a third of its time
// (BenchmarkWrite measures it).
const DefaultZstdLevel = 3

// Options of Write. The zero value is zstd level 3, 128 KiB blocks, all CPUs.
type Options struct {
	// BlockSize is the size of a data block before compression, in bytes: a
	// power of two from 4 KiB to 1 MiB. Larger blocks make smaller files and
	// slower random reads. 0 means squash.DefaultBlockSize.
	BlockSize int

	// Compression is squash.Zstd (also when 0), squash.Gzip or squash.Lz4, for
	// readers that lack zstd.
	Compression squash.Compression

	// Level is the compressor's own scale; 0 means its default (zstd 3, gzip 6).
	// Lz4 has none.
	Level int

	// Uncompressed stores everything as it is, for debugging and for storage
	// that compresses by itself.
	Uncompressed bool

	// Jobs is the number of compressing goroutines; it does not change the
	// result. 0 means GOMAXPROCS.
	Jobs int

	// SparseLimit is how many bytes all sparse files of the image together may
	// claim to hold, so that a tar of a few bytes cannot ask for years of work.
	// Files that are not sparse bring their bytes and need no limit. 0 means 2 TiB.
	SparseLimit int64

	// Progress, if not nil, is called from one goroutine, about once per MiB
	// and at the end, with the number of uncompressed tar bytes read so far.
	Progress func(tarBytes int64)
}

// Result describes a file that was written.
type Result struct {
	TarBytes       int64    // read from the layers
	Size           int64    // of the file, padding included
	Inodes         int      // distinct files, directories, links, …
	Fragments      int      // fragment blocks that some file uses
	Duplicates     int      // files whose content was already stored
	DuplicateBytes int64    // their size before compression
	DeadBytes      int64    // bytes of the data area that upper layers hide
	SkippedXattrs  int      // extended attributes that squashfs cannot hold
	Layers         []Region // where each layer's data stands
}

// Region is a range of the file, in bytes.
type Region struct{ Start, End int64 }

func (o Options) withDefaults() (Options, error) {
	if o.BlockSize == 0 {
		o.BlockSize = squash.DefaultBlockSize
	}
	if o.BlockSize < squash.MinBlockSize || o.BlockSize > squash.MaxBlockSize || bits.OnesCount(uint(o.BlockSize)) != 1 {
		return o, fmt.Errorf("block size %d is not a power of two from %d to %d", o.BlockSize, squash.MinBlockSize, squash.MaxBlockSize)
	}
	if o.Compression == 0 {
		o.Compression = squash.Zstd
	}
	if o.Level == 0 {
		o.Level = defaultLevel(o.Compression)
	}
	if err := checkCompression(o.Compression, o.Level); err != nil {
		return o, err
	}
	if o.Jobs <= 0 {
		o.Jobs = runtime.GOMAXPROCS(0)
	}
	if o.SparseLimit == 0 {
		o.SparseLimit = 2 << 40
	}
	if o.Progress == nil {
		o.Progress = func(int64) {}
	}
	return o, nil
}

// Write merges layers, lowest first, into one squashfs on dst, which has to be
// empty. It neither syncs nor renames. After an error the content of dst is of
// no use. Errors wrap ErrTar (a layer is invalid), ErrTooManyIDs, context.Cause
// of ctx, or whatever dst and the layers' streams returned.
func Write(ctx context.Context, dst File, layers []Layer, opts Options) (Result, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return Result{}, fmt.Errorf("checking squashfs options: %w", err)
	}
	out := &output{dst: dst}
	if err := out.startData(opts); err != nil {
		return Result{}, err
	}
	return build(ctx, out, layers, opts)
}

// build writes the data where out stands, and the tables behind it.
func build(ctx context.Context, out *output, layers []Layer, opts Options) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pipe := startPipeline(ctx, cancel, out, opts)
	fs, scanErr := mergeLayers(ctx, layers, pipe, opts)
	if scanErr != nil {
		cancel(scanErr) // if another failure came first, that one stands
	}
	pipe.finish()
	if err := context.Cause(ctx); err != nil {
		return Result{}, err
	}

	tables := newTables(fs, pipe.fragments, opts)
	if err := tables.build(); err != nil {
		return Result{}, err
	}
	deadBytes, err := out.punch(deadExtents(pipe))
	if err != nil {
		return Result{}, err
	}
	size, err := tables.writeTo(out)
	if err != nil {
		return Result{}, err
	}
	return Result{
		TarBytes:       pipe.tarBytes,
		Size:           size,
		Inodes:         int(tables.inodeCount),
		Fragments:      int(tables.fragmentCount),
		Duplicates:     pipe.duplicates,
		DuplicateBytes: pipe.duplicateBytes,
		DeadBytes:      deadBytes,
		SkippedXattrs:  fs.skippedXattrs,
		Layers:         out.regions,
	}, nil
}

// mergeLayers scans the layers in order and applies each to the tree when its
// stream has ended.
func mergeLayers(ctx context.Context, layers []Layer, pipe *pipeline, opts Options) (*tree, error) {
	fs := newTree()
	for i, open := range layers {
		entries, err := scanLayer(ctx, i, open, fs, pipe, opts)
		if err != nil {
			return nil, err
		}
		if err := fs.apply(ctx, i, entries); err != nil {
			return nil, err
		}
	}
	return fs, nil
}
