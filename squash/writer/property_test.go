package writer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/jrun-hpc/jrun/squash"
)

func hexSum(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// genPath makes short paths of few names, so that layers meet often.
var genPath = rapid.Custom(func(t *rapid.T) string {
	names := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 3).Draw(t, "path")
	return path.Join(names...)
})

var genTarget = rapid.Custom(func(t *rapid.T) string {
	prefix := rapid.SampledFrom([]string{"", "", "/", "../", "../../../", "./"}).Draw(t, "prefix")
	return prefix + genPath.Draw(t, "target")
})

var genContent = rapid.Custom(func(t *rapid.T) string {
	unit := rapid.SampledFrom([]string{"\x00", "x", "squashfs ", "0123456789abcdef"}).Draw(t, "unit")
	size := rapid.SampledFrom([]int{0, 1, 100, 4095, 4096, 4097, 8192, 10000}).Draw(t, "size")
	content := strings.Repeat(unit, size/len(unit)+1)[:size]
	if size > 0 && rapid.Bool().Draw(t, "ends otherwise") {
		content = content[:size-1] + "!"
	}
	return content
})

var genOp = rapid.Custom(func(t *rapid.T) op {
	o := op{
		kind: rapid.SampledFrom([]byte("ffffdddlhhpwwo")).Draw(t, "kind"),
		name: genPath.Draw(t, "name"),
		mode: rapid.SampledFrom([]int64{0o644, 0o755, 0o4711}).Draw(t, "mode"),
		uid:  rapid.SampledFrom([]int{0, 1000, 70000}).Draw(t, "uid"),
	}
	switch o.kind {
	case 'f':
		o.content = genContent.Draw(t, "content")
		o.xattr = rapid.SampledFrom([]string{"", "", "1", "another"}).Draw(t, "xattr")
	case 'l':
		o.target = genTarget.Draw(t, "symlink")
	case 'h':
		o.target = genPath.Draw(t, "hard link")
	case 'd', 'o':
		if rapid.IntRange(0, 9).Draw(t, "root") == 0 {
			o.name = "."
		}
	}
	return o
})

// genValidLayers draws layers and drops the entries that make one invalid, so
// that most of what is generated is merged.
func genValidLayers(t *rapid.T) ([][]op, model) {
	merged := newModel()
	var layers [][]op
	for range rapid.IntRange(1, 4).Draw(t, "layers") {
		var layer []op
		next := merged.clone()
		for _, o := range rapid.SliceOfN(genOp, 0, 12).Draw(t, "layer") {
			try := merged.clone()
			if longer := slices.Concat(layer, []op{o}); try.apply(longer) {
				layer, next = longer, try
			}
		}
		layers = append(layers, layer)
		merged = next
	}
	return layers, merged
}

func (m model) clone() model {
	c := make(model, len(m))
	for name, n := range m {
		c[name] = n
	}
	return c
}

func tarsOf(layers [][]op) []Layer {
	var tars []Layer
	for _, ops := range layers {
		tars = append(tars, memory(tarOps(ops)))
	}
	return tars
}

// TestMergeFollowsTheModel is the heart: any stack of layers gives what the
// model gives, the same bytes for any number of jobs.
func TestMergeFollowsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		layers, want := genValidLayers(t)
		opts := Options{BlockSize: squash.MinBlockSize, Jobs: 1}
		content, _ := convert(t, tarsOf(layers), opts)
		if diff := cmp.Diff(want.files(), readImage(t, content)); diff != "" {
			t.Fatalf("merged image (-model +image):\n%s", diff)
		}
		for _, jobs := range []int{2, 8} {
			opts.Jobs = jobs
			if again, _ := convert(t, tarsOf(layers), opts); !bytes.Equal(content, again) {
				t.Fatalf("%d jobs give other bytes than one", jobs)
			}
		}
	})
}

// TestMergeRefusesWhatTheModelRefuses: entries that lead nowhere are ErrTar.
func TestMergeRefusesWhatTheModelRefuses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		layer := rapid.SliceOfN(genOp, 1, 8).Draw(t, "layer")
		valid := newModel().apply(layer)
		_, err := Write(context.Background(), &memFile{}, tarsOf([][]op{layer}), Options{BlockSize: squash.MinBlockSize, Jobs: 1})
		if valid && err != nil {
			t.Fatalf("Write: %v", err)
		}
		if !valid && !errors.Is(err, ErrTar) {
			t.Fatalf("Write: %v, want ErrTar", err)
		}
	})
}

// TestLowerLayersDecideTheirRegions is the prefix property: what stands in a
// layer's region does not depend on the layers above it, but for what they hide.
func TestLowerLayersDecideTheirRegions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		layers, _ := genValidLayers(t)
		opts := Options{BlockSize: squash.MinBlockSize, Jobs: 2}
		whole, result := convert(t, tarsOf(layers), opts)
		for k := 1; k < len(layers); k++ {
			lower, lowerResult := convert(t, tarsOf(layers[:k]), opts)
			if diff := cmp.Diff(lowerResult.Layers, result.Layers[:k]); diff != "" {
				t.Fatalf("regions of %d of %d layers (-alone +below others):\n%s", k, len(layers), diff)
			}
			end := lowerResult.Layers[k-1].End
			for i, b := range whole[squash.SuperblockSize:end] {
				at := i + squash.SuperblockSize
				if b != lower[at] && b != 0 && lower[at] != 0 {
					t.Fatalf("byte %d differs with layers above %d", at, k)
				}
			}
		}
	})
}
