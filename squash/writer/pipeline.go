package writer

import (
	"context"
	"sync"

	"github.com/jrun-hpc/jrun/squash"
)

// blockKind says what the ordered writer does with a block.
type blockKind uint8

const (
	dataBlock     blockKind = iota // a block of a file
	fragmentBlock                  // tails of small files
	layerEnd                       // no data: the layer's region ends here
)

// block is one unit of work on its way from the scan through a compressor to
// the ordered writer. Blocks and their buffers are used again.
type block struct {
	kind blockKind
	blob *blob // of a dataBlock
	last bool  // of its file

	raw []byte // before compression; its capacity is the block size
	buf []byte // room for the compressor

	// Set by the compressor.
	out  []byte          // what to write: raw, part of buf, or nothing for zeros
	word squash.SizeWord // of out
	sum  [SumSize]byte
	err  error
	done chan struct{} // one token when the block is compressed
}

// pipeline compresses blocks in parallel and writes them in the order in which
// they were sent. One goroutine (the scan) sends; what the scan and the ordered
// writer fill in may be read after finish.
type pipeline struct {
	ctx       context.Context
	cancel    context.CancelCauseFunc
	out       *output
	opts      Options
	blockSize int

	free      chan *block // blocks to use again
	allocated int
	limit     int // blocks in flight; bounds the memory
	work      chan *block
	order     chan *block
	running   sync.WaitGroup

	packer     packer // small files; used by the scan
	sparseLeft int64  // of Options.SparseLimit; used by the scan
	largeBlobs uint32 // files with blocks so far; used by the scan

	recorder *recorder // nil when no index is wanted

	// Filled in by the scan.
	tarBytes int64
	reused   Reused

	// Filled in by the ordered writer, except for the scan's share of
	// duplicates, which finish adds.
	fragments      []fragment
	blobs          []*blob // of files with blocks, in file order
	byContent      map[[SumSize]byte]*blob
	duplicates     int
	duplicateBytes int64
}

// fragment is a fragment block as the fragment table describes it.
type fragment struct {
	start  int64 // file offset
	word   squash.SizeWord
	live   bool
	absent bool   // see blob
	number uint32 // in the table, which lists only what lives
}

func startPipeline(ctx context.Context, cancel context.CancelCauseFunc, out *output, opts Options) *pipeline {
	limit := blocksInFlight(opts)
	p := &pipeline{
		ctx: ctx, cancel: cancel, out: out, opts: opts, blockSize: opts.BlockSize,
		free: make(chan *block, limit), limit: limit,
		work: make(chan *block, limit), order: make(chan *block, limit),
		sparseLeft: opts.SparseLimit,
		byContent:  make(map[[SumSize]byte]*blob),
	}
	p.packer.init(p)
	if opts.Index != nil {
		p.recorder = newRecorder(len(opts.LayerIDs))
	}
	for range opts.Jobs {
		p.running.Go(p.compress)
	}
	p.running.Go(p.writeInOrder)
	return p
}

// affordableJobs is how many compressors there may be: on nodes of many CPUs their
// memory would be most of what a conversion takes, and one layer cannot be inflated
// fast enough for more.
func affordableJobs(opts Options) int {
	const memory = 96 << 20 // bytes
	// What libzstd takes at blocks of this size, measured: 0.8 MiB at level 3 and
	// 128 KiB, 3.5 MiB at level 19, 16 MiB at level 19 and 1 MiB.
	each := 512<<10 + 2*opts.BlockSize
	if opts.Compression == squash.Zstd && opts.Level > 9 {
		each = 1536<<10 + 16*opts.BlockSize
	}
	return min(memory/each, affordableBlocks(opts)-spareBlocks)
}

// spareBlocks are there besides one for each compressor: what is being filled,
// written, or waits for either.
const spareBlocks = 4

func affordableBlocks(opts Options) int {
	const memory = 64 << 20 // bytes
	return memory / (2 * opts.BlockSize)
}

// blocksInFlight keeps every compressor and the ordered writer busy while a slow
// block holds up the order, and the memory below 64 MiB where large blocks meet
// many CPUs.
func blocksInFlight(opts Options) int {
	return min(3*opts.Jobs+spareBlocks, affordableBlocks(opts))
}

// finish ends the pipeline, after success and failure alike, and waits until
// all its goroutines have gone.
func (p *pipeline) finish() {
	close(p.work)
	close(p.order)
	p.running.Wait()
	p.duplicates += p.packer.duplicates
	p.duplicateBytes += p.packer.duplicateBytes
	p.packer.byContent, p.byContent = nil, nil // their memory is for the tables
}

// acquire returns an empty block, waiting while too many are in flight.
func (p *pipeline) acquire() (*block, error) {
	if p.allocated < p.limit && len(p.free) == 0 {
		p.allocated++
		return &block{
			raw:  make([]byte, 0, p.blockSize),
			buf:  make([]byte, compressBound(p.blockSize)),
			done: make(chan struct{}, 1),
		}, nil
	}
	select {
	case b := <-p.free:
		b.raw, b.out, b.blob, b.last, b.err = b.raw[:0], nil, nil, false, nil
		return b, nil
	case <-p.ctx.Done():
		return nil, context.Cause(p.ctx)
	}
}

// send hands a block to the compressors and keeps its place in the order. It
// never waits: both queues have room for all blocks there are.
func (p *pipeline) send(b *block) {
	p.order <- b
	p.work <- b
}

// endLayer marks the end of a layer's region.
func (p *pipeline) endLayer() error {
	if err := p.packer.flush(); err != nil {
		return err
	}
	b, err := p.acquire()
	if err != nil {
		return err
	}
	b.kind = layerEnd
	p.send(b)
	return nil
}

// compress is the body of a compressing goroutine.
func (p *pipeline) compress() {
	c := newCompressor(p.opts)
	for b := range p.work {
		if b.kind != layerEnd && p.ctx.Err() == nil {
			b.compress(c)
		}
		b.done <- struct{}{}
	}
}

func (b *block) compress(c compressor) {
	if b.kind == dataBlock && allZero(b.raw) {
		b.out, b.word, b.sum = nil, 0, [SumSize]byte{}
		return
	}
	out, err := c.compress(b.buf, b.raw)
	if err != nil {
		b.err = err
		return
	}
	compressed := len(out) < len(b.raw)
	if !compressed {
		out = b.raw
	}
	b.out, b.word = out, squash.NewSizeWord(len(out), compressed)
	if b.kind == dataBlock {
		// A block decompresses to one content only, so the sum of the smaller,
		// compressed form tells contents apart just as well.
		b.sum = contentSum(out)
	}
}

// allZero reports whether b holds nothing but zeros.
func allZero(b []byte) bool {
	if len(b) == 0 || b[0] != 0 {
		return false
	}
	for len(b) >= len(zeros) {
		if [512]byte(b) != zeros {
			return false
		}
		b = b[len(zeros):]
	}
	return string(b) == string(zeros[:len(b)])
}

var zeros [512]byte
