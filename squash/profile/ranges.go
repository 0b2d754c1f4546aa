package profile

import (
	"cmp"
	"slices"
)

// Range is a piece of the image's file, in bytes.
type Range struct{ Offset, Length int64 }

func (r Range) end() int64 { return r.Offset + r.Length }

// Profile is what a start reads: ranges in the order of their offsets, none
// touching another.
type Profile []Range

// gap is how many bytes between two ranges are rather read than asked about
// separately: at 1 ms a request and 1 GB/s they cost less.
const gap = 256 << 10

// maxBytes bounds what a sweep reads.
const maxBytes = 1 << 30

// merge sorts ranges, joins those that are closer than gap, and leaves out what
// exceeds maxBytes.
func merge(ranges []Range) Profile {
	slices.SortFunc(ranges, func(a, b Range) int { return cmp.Compare(a.Offset, b.Offset) })
	var merged Profile
	for _, r := range ranges {
		if r.Length <= 0 {
			continue
		}
		last := len(merged) - 1
		if last >= 0 && r.Offset-merged[last].end() <= gap {
			merged[last].Length = max(merged[last].end(), r.end()) - merged[last].Offset
			continue
		}
		merged = append(merged, r)
	}
	total := int64(0)
	for i, r := range merged {
		if total += r.Length; total > maxBytes {
			return merged[:i]
		}
	}
	return merged
}

// Bytes is how much a sweep reads at most.
func (p Profile) Bytes() int64 {
	total := int64(0)
	for _, r := range p {
		total += r.Length
	}
	return total
}

// Covers reports whether at least the given share of other's bytes is in p.
func (p Profile) Covers(other Profile, share float64) bool {
	common, i := int64(0), 0
	for _, o := range other {
		for i < len(p) && p[i].end() <= o.Offset {
			i++
		}
		for k := i; k < len(p) && p[k].Offset < o.end(); k++ {
			common += min(p[k].end(), o.end()) - max(p[k].Offset, o.Offset)
		}
	}
	return float64(common) >= share*float64(other.Bytes())
}
