package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/squash/writer"
)

// candidatesTried is how many objects are looked at for layers to re-use.
const candidatesTried = 8

// reusable is an object in the store whose lowest layers an image can have.
type reusable struct {
	writer.Reuse
	file, index *os.File
}

func (r *reusable) close() {
	if r != nil {
		_ = r.file.Close() // only read from
		_ = r.index.Close()
	}
}

// upTo limits how many layers are taken, and returns nil for none.
func (r *reusable) upTo(layers int) *writer.Reuse {
	if r == nil || layers == 0 {
		return nil
	}
	reuse := r.Reuse
	reuse.Layers = min(layers, reuse.Layers)
	return &reuse
}

// findReusable chooses the object that has most layers in common with an image,
// and among equals the one that lacks least of their data. It returns nil when
// there is none; what cannot be read is passed over.
func findReusable(st *store.Store, place store.Place, layers []store.Layer) *reusable {
	var best *reusable
	var bestDead int64
	for i, candidate := range st.Sharing(place, layers) {
		if i == candidatesTried || best != nil && candidate.Layers < best.Layers {
			break
		}
		r := openReusable(st, candidate.Object, layers)
		if r == nil {
			continue
		}
		_, dead := r.Index.Bytes(r.Layers)
		if best == nil || r.Layers > best.Layers || r.Layers == best.Layers && dead < bestDead {
			best.close()
			best, bestDead = r, dead
		} else {
			r.close()
		}
	}
	return best
}

func openReusable(st *store.Store, o store.Object, layers []store.Layer) *reusable {
	sums := unpackSums(o.Meta.Sums)
	if sums == nil {
		return nil
	}
	r := &reusable{}
	var err error
	if r.index, err = st.OpenIndex(o); err != nil {
		return nil
	}
	if r.file, err = os.Open(o.Path); err != nil {
		_ = r.index.Close()
		return nil
	}
	if r.Layers = r.shared(layers); r.Layers == 0 {
		r.close()
		return nil
	}
	r.File, r.Size, r.Sums = r.file, o.Meta.SizeBytes, sums
	return r
}

// shared reads the index and says how many layers it has in common.
func (r *reusable) shared(layers []store.Layer) int {
	info, err := r.index.Stat()
	if err != nil {
		return 0
	}
	if r.Index, err = writer.OpenIndex(r.index, info.Size()); err != nil {
		return 0
	}
	n, err := r.Index.Shared(conversion, layerIDs(layers))
	if err != nil {
		return 0
	}
	return n
}

// layerIDs are the layers' diffIDs, as the writer takes them.
func layerIDs(layers []store.Layer) []string {
	ids := make([]string, len(layers))
	for i, l := range layers {
		ids[i] = l.DiffID.String()
	}
	return ids
}

// CheckIndex reads the block index of an object in the store and compares it with
// its sums. Objects without one, of older versions or outside the store, are as
// they should be. Errors wrap writer.ErrIndex where it is damaged.
func CheckIndex(st *store.Store, o store.Object) error {
	if !st.Holds(o) {
		return nil
	}
	f, err := st.OpenIndex(o)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("checking the block index: %w", err)
	}
	x, err := writer.OpenIndex(f, info.Size())
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	if err := x.Check(unpackSums(o.Meta.Sums)); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	return nil
}
