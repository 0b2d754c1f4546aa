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
// the method SyscallConn of *os.File, dead data is punched out of it and re-used
// data may be shared with the file it is from.
type File interface {
	io.WriterAt
	io.ReaderAt
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
	// result. 0 means GOMAXPROCS. There are fewer where they would need more than
	// about 100 MiB.
	Jobs int

	// SparseLimit is how many bytes all sparse files of the image together may
	// claim to hold, so that a tar of a few bytes cannot ask for years of work.
	// Files that are not sparse bring their bytes and need no limit. 0 means 2 TiB.
	SparseLimit int64

	// LayerIDs name the uncompressed content of each layer, lowest first: its
	// diffID. They are needed for Index and Reuse only.
	LayerIDs []string

	// Index, if not nil, gets the block index of the result, by which a later
	// Write can re-use its layers.
	Index io.Writer

	// Reuse, if not nil, is where the data of the lowest layers is taken from.
	// Their streams are then not opened.
	Reuse *Reuse

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
	Sums           []Sum    // of each SumChunk bytes of the file, the last ones may be fewer
	Reused         Reused
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
	if o.Reuse != nil && len(o.LayerIDs) < o.Reuse.Layers {
		return o, fmt.Errorf("%d layers have IDs, %d are to be re-used", len(o.LayerIDs), o.Reuse.Layers)
	}
	if o.Jobs <= 0 {
		o.Jobs = runtime.GOMAXPROCS(0)
	}
	o.Jobs = min(o.Jobs, affordableJobs(o))
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
// of ctx, *ReuseError, or whatever dst and the layers' streams returned.
func Write(ctx context.Context, dst File, layers []Layer, opts Options) (Result, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return Result{}, fmt.Errorf("checking squashfs options: %w", err)
	}
	if opts.Index != nil && len(opts.LayerIDs) != len(layers) {
		return Result{}, fmt.Errorf("checking squashfs options: an index of %d layers of which %d have IDs", len(layers), len(opts.LayerIDs))
	}
	out := &output{dst: dst, sums: newSums()}
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
	if err := checkPresent(pipe); err != nil {
		return Result{}, err
	}
	dead, fresh := deadExtents(pipe)
	deadBytes, err := out.punch(dead)
	if err != nil {
		return Result{}, err
	}
	size, err := tables.writeTo(out)
	if err != nil {
		return Result{}, err
	}
	// What was punched out of a file that was re-used is zeros here, too: its sums
	// hold.
	fileSums, err := out.sums.finish(out.dst, fresh)
	if err != nil {
		return Result{}, err
	}
	if opts.Index != nil {
		if err := writeIndex(opts.Index, pipe, fileSums); err != nil {
			return Result{}, err
		}
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
		Sums:           fileSums,
		Reused:         pipe.reused,
	}, nil
}

// mergeLayers applies the layers to the tree in order: those that are re-used,
// then those whose streams are scanned.
func mergeLayers(ctx context.Context, layers []Layer, pipe *pipeline, opts Options) (*tree, error) {
	fs := newTree()
	reused := 0
	if opts.Reuse != nil {
		reused = opts.Reuse.Layers
		if err := pipe.reuse(ctx, fs, opts.Reuse); err != nil {
			return nil, err
		}
	}
	for i := reused; i < len(layers); i++ {
		entries, err := scanLayer(ctx, i, layers[i], fs, pipe, opts)
		if err != nil {
			return nil, err
		}
		if err := fs.apply(ctx, i, entries); err != nil {
			return nil, err
		}
	}
	return fs, nil
}
