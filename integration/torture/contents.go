package torture

import (
	"bytes"
	"fmt"
)

// contents: sizes around a block, duplicates, zeros and holes.
func contents() []scenario {
	const block = 128 << 10 // bytes, the usual block size
	sizes := scenario{name: "sizes", layers: [][]entry{{dir(".")}}, want: map[string]File{".": isDir(0)}}
	for i, size := range []int{0, 1, 511, 512, 513, block - 1, block, block + 1, 2 * block, 3*block - 1, 3 * block} {
		name, content := fmt.Sprintf("noise-%d", size), noise(uint64(i), size)
		sizes.layers[0] = append(sizes.layers[0], file(name, content))
		sizes.want[name] = isFile(content)
		name, content = fmt.Sprintf("text-%d", size), bytes.Repeat([]byte("squash "), size/7+1)[:size]
		sizes.layers[0] = append(sizes.layers[0], file(name, content))
		sizes.want[name] = isFile(content)
	}

	small, large := noise(100, 3000), noise(101, 3*block+77)
	zeros := make([]byte, 1<<20)
	holeInside := append(append(noise(102, block), make([]byte, 2*block)...), noise(103, 100)...)
	extents := []extent{{4096, noise(104, 1000)}, {700_000, noise(105, 131072)}, {999_000, nil}}
	many := make([]extent, 30)
	for i := range many {
		many[i] = extent{int64(i) * 40960, noise(uint64(200+i), 512)}
	}
	return []scenario{
		sizes,
		{
			name: "duplicates",
			layers: [][]entry{
				{dir("."), file("small-1", small), file("small-2", small), file("large-1", large), file("large-2", large), file("last", small[:10])},
				{file("small-3", small), file("large-3", large), file("after", small[:20])},
				{text(".wh.small-1", ""), text(".wh.large-1", "")},
			},
			want: map[string]File{
				".": isDir(0), "small-2": isFile(small), "large-2": isFile(large), "last": isFile(small[:10]),
				"small-3": isFile(small), "large-3": isFile(large), "after": isFile(small[:20]),
			},
		},
		{
			name: "hidden-data",
			layers: [][]entry{
				{dir("."), file("secret", noise(106, 5*block+5)), file("stays", noise(107, 2*block))},
				{text(".wh.secret", ""), file("new", noise(108, block))},
			},
			want: map[string]File{".": isDir(0), "stays": isFile(noise(107, 2*block)), "new": isFile(noise(108, block))},
		},
		{
			name:   "zeros",
			layers: [][]entry{{dir("."), file("all", zeros), file("small", zeros[:5000]), file("tail", append(noise(109, block), zeros[:100]...)), file("inside", holeInside)}},
			want: map[string]File{
				".": isDir(0), "all": isFile(zeros), "small": isFile(zeros[:5000]),
				"tail": isFile(append(noise(109, block), zeros[:100]...)), "inside": isFile(holeInside),
			},
		},
		{
			name: "sparse",
			layers: [][]entry{{
				dir("."),
				oldGNUSparse("sparse/gnu", 1_000_000, extents),
				oldGNUSparse("sparse/gnu-many", 2_000_000, many),
				paxSparse("0.0", "sparse/pax-0.0", 1_000_000, extents),
				paxSparse("0.1", "sparse/pax-0.1", 1_000_000, extents),
				paxSparse("1.0", "sparse/pax-1.0", 1_000_000, extents),
				paxSparse("1.0", "sparse/pax-many", 2_000_000, many),
				paxSparse("1.0", "sparse/only-hole", 300_000, nil),
				oldGNUSparse("sparse/5-GiB", hugeSize, hugeExtents),
			}},
			want: map[string]File{
				".":         isDir(0),
				"gnu":       isFile(filled(1_000_000, extents)),
				"gnu-many":  isFile(filled(2_000_000, many)),
				"pax-0.0":   isFile(filled(1_000_000, extents)),
				"pax-0.1":   isFile(filled(1_000_000, extents)),
				"pax-1.0":   isFile(filled(1_000_000, extents)),
				"pax-many":  isFile(filled(2_000_000, many)),
				"only-hole": isFile(make([]byte, 300_000)),
				"5-GiB":     {Type: 'f', Mode: 0o644, MTime: moment.Unix(), Size: hugeSize, SHA256: hugeSum, Nlink: 1},
			},
		},
	}
}

// Huge is the name of the sparse file of 5 GiB, whose content takes seconds to
// read.
const Huge = "sparse/5-GiB"

// The file that needs more than 32 bits for its size.
const (
	hugeSize = 5<<30 + 12345                                                      // bytes
	hugeSum  = "4003882ccecb2e115940fecedd009e0cbada8b88cccec6d28d026b875a6eb4a6" // sha256, checked by this package's test
)

var hugeExtents = []extent{
	{0, []byte("the beginning")},
	{4<<30 - 3, []byte("across 4 GiB")},
	{hugeSize - 7, []byte("the end")},
}
