package image

import (
	"context"
	"io"
	"sync"

	"github.com/jrun-hpc/jrun/squash/writer"
)

// layersAhead is how many layers are fetched and decompressed at once, the one
// that is being converted included.
const layersAhead = 3

// prefetcher opens layers before the converter asks for them. The converter
// takes them in order, so that what is open is always what it needs next.
type prefetcher struct {
	cancel  context.CancelCauseFunc
	report  *reporter
	layer   []prefetched
	slots   chan struct{} // one for each layer that is open
	running sync.WaitGroup
}

// prefetched is one layer, open or not yet.
type prefetched struct {
	turn   chan struct{}    // closed when the converter asks for it
	opened chan openedLayer // gets one
	reader *layerReader     // once the converter has it
}

type openedLayer struct {
	reader *layerReader
	err    error
}

// prefetch begins with the layer first, from 0; the lower ones are not opened.
// close has to be called.
func prefetch(ctx context.Context, src *source, p *plan, first int, report *reporter) *prefetcher {
	ctx, cancel := context.WithCancelCause(ctx)
	slots := layersAhead
	if !src.HasThreadSafeGetBlob() {
		slots = 1
	}
	f := &prefetcher{cancel: cancel, report: report, layer: make([]prefetched, len(p.layers)), slots: make(chan struct{}, slots)}
	for i := range f.layer {
		f.layer[i] = prefetched{turn: make(chan struct{}), opened: make(chan openedLayer, 1)}
	}
	f.running.Go(func() {
		for i := first; i < len(f.layer); i++ {
			select {
			case f.slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			f.running.Go(func() {
				r, err := openLayer(ctx, src, p, i, f.layer[i].turn, report)
				f.layer[i].opened <- openedLayer{r, err}
			})
		}
	})
	return f
}

// layers are what the converter opens.
func (f *prefetcher) layers() []writer.Layer {
	layers := make([]writer.Layer, len(f.layer))
	for i := range layers {
		layers[i] = func(ctx context.Context) (io.ReadCloser, error) { return f.take(ctx, i) }
	}
	return layers
}

// take waits for a layer. It stays open until the converter closes it, or gives
// up, which ends all requests.
func (f *prefetcher) take(ctx context.Context, i int) (io.ReadCloser, error) {
	l := &f.layer[i]
	context.AfterFunc(ctx, func() { f.cancel(context.Cause(ctx)) })
	f.report.begin(i + 1)
	close(l.turn)
	select {
	case got := <-l.opened:
		if got.err != nil {
			return nil, got.err
		}
		l.reader = got.reader
		return &takenLayer{got.reader, f}, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// takenLayer makes room for another layer when it is closed.
type takenLayer struct {
	*layerReader
	of *prefetcher
}

func (t *takenLayer) Close() error {
	err := t.layerReader.Close()
	<-t.of.slots
	return err
}

// integrity is what was found wrong with the bytes of a layer that was taken
// and closed, or nil.
func (f *prefetcher) integrity(i int) error {
	if i >= len(f.layer) || f.layer[i].reader == nil {
		return nil
	}
	return f.layer[i].reader.integrity()
}

// close ends all requests and waits for whatever was not taken.
func (f *prefetcher) close() {
	f.cancel(context.Canceled)
	for i := range f.layer {
		select {
		case <-f.layer[i].turn:
		default:
			close(f.layer[i].turn) // lets go of who waits for it
		}
	}
	f.running.Wait()
	for i := range f.layer {
		select {
		case got := <-f.layer[i].opened:
			if got.reader != nil {
				_ = got.reader.Close() // not read to the end, and not needed
			}
		default:
		}
	}
}
