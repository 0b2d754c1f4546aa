package reader

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jrun-hpc/jrun/squash"
)

// TestReadAhead reads blocks of 100 KiB, stored from 1000 KiB on, of a file of
// 100 blocks.
func TestReadAhead(t *testing.T) {
	const kib = 1 << 10
	type window struct{ From, Length int64 } // KiB
	tests := map[string]struct {
		blocks []uint64
		want   []window
	}{
		"one block":         {[]uint64{0}, nil},
		"the first two":     {[]uint64{0, 1}, []window{{1200, 256}}},
		"windows grow":      {[]uint64{0, 1, 2, 3, 4}, []window{{1200, 256}, {1456, 356}, {1812, 612}, {2424, 1124}}},
		"from the middle":   {[]uint64{50, 51}, []window{{6200, 256}}},
		"parts of blocks":   {[]uint64{0, 0, 1, 1, 1}, []window{{1200, 256}}},
		"overtaken":         {[]uint64{0, 1, 3, 2, 4}, []window{{1200, 256}, {1456, 456}, {1912, 612}}},
		"random":            {[]uint64{7, 13, 90, 20, 30, 60}, nil},
		"the end":           {[]uint64{97, 98, 99}, []window{{10900, 100}}},
		"backwards":         {[]uint64{9, 8, 7, 6, 5}, nil},
		"twice from start":  {[]uint64{0, 1, 50, 0, 1}, []window{{1200, 256}, {1200, 256}}},
		"only the last two": {[]uint64{98, 99}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []window
			a := readAhead{advise: func(off, length int64) { got = append(got, window{off / kib, length / kib}) }}
			for _, b := range tt.blocks {
				a.saw(0, b, 100, (1000+100*b)*kib, 100*kib, 11000*kib)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestReadAheadTellsFilesApart reads more files at once, in turns, than are
// remembered, and as many as are.
func TestReadAheadTellsFilesApart(t *testing.T) {
	for files, want := range map[uint64]int{maxStreams: maxStreams, maxStreams + 1: 0} {
		windows := 0
		a := readAhead{advise: func(int64, int64) { windows++ }}
		for block := range uint64(2) {
			for file := range files {
				a.saw(squash.InodeRef(file), block, 10, block*1000, 1000, 1<<40)
			}
		}
		if windows != want {
			t.Errorf("%d files: %d windows, want %d", files, windows, want)
		}
	}
}
