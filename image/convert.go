package image

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/squash"
	"github.com/jrun-hpc/jrun/squash/writer"
)

// conversion is how images are written; the store records it.
var conversion = writer.Options{
	BlockSize:   squash.DefaultBlockSize,
	Compression: squash.Zstd,
	Level:       writer.DefaultZstdLevel,
}

// writeLayers converts the layers into the pending file. Those that an object in
// the store has are taken from it; when that object turns out to lack something,
// it begins again with fewer of them.
func writeLayers(ctx context.Context, st *store.Store, pending *store.Pending, src *source, p *plan, report *reporter) (writer.Result, error) {
	from := findReusable(st, placeOf(src.ref), p.layers)
	defer from.close()
	opts := conversion
	opts.LayerIDs, opts.Index, opts.Reuse = layerIDs(p.layers), pending.Index, from.upTo(len(p.layers))
	for {
		result, err := streamLayers(ctx, pending.File, src, p, opts, report)
		var fewer *writer.ReuseError
		if !errors.As(err, &fewer) {
			return result, err
		}
		opts.Reuse = from.upTo(min(fewer.Layers, opts.Reuse.Layers-1))
		_, err = pending.Index.Seek(0, io.SeekStart)
		if err = errors.Join(err, pending.Index.Truncate(0), pending.File.Truncate(0)); err != nil {
			return writer.Result{}, fmt.Errorf("beginning again: %w", err)
		}
	}
}

// streamLayers writes a squashfs of the layers, and fetches those that are not
// re-used. A tar that makes no sense is often one that arrived damaged; that is
// then the error to tell.
func streamLayers(ctx context.Context, dst writer.File, src *source, p *plan, opts writer.Options, report *reporter) (writer.Result, error) {
	first := 0
	if opts.Reuse != nil {
		first = opts.Reuse.Layers
	}
	var bytes int64
	for _, l := range p.layers[first:] {
		bytes += max(l.SizeBytes, 0)
	}
	report.size(first, len(p.layers), bytes)
	report.phase(Converting)

	ahead := prefetch(ctx, src, p, first, report)
	defer ahead.close()
	result, err := writer.Write(ctx, dst, ahead.layers(), opts)
	var bad *writer.TarError
	if errors.As(err, &bad) {
		if wrong := ahead.integrity(bad.Layer); wrong != nil {
			return result, wrong
		}
	}
	if err != nil {
		return result, fmt.Errorf("converting: %w", err)
	}
	return result, nil
}
