package reader

import (
	"testing"

	"github.com/jrun-hpc/jrun/squash"
)

// BenchmarkZstd decompresses a whole block into a buffer with slack and into
// one without.
func BenchmarkZstd(b *testing.B) {
	r := openBytes(b, imageBytes(b, "zstd"), Options{})
	f, err := r.fragment(0)
	if err != nil {
		b.Fatal(err)
	}
	packed := make([]byte, f.size.Size())
	if err := readFull(r.src, packed, f.start); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, r.sb.BlockSize+slack)
	n, err := r.pack.decompress(buf[:r.sb.BlockSize], packed)
	if err != nil {
		b.Fatal(err)
	}
	for name, dst := range map[string][]byte{"slack": buf[:n], "copy": buf[:n:n]} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				if _, err := r.pack.decompress(dst, packed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWalk decodes every directory and inode of an image that is in memory
// and in the caches.
func BenchmarkWalk(b *testing.B) {
	r := openBytes(b, imageBytes(b, "zstd"), Options{})
	for b.Loop() {
		if err := r.Walk(func(string, *Inode) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(r.sb.Inodes), "inodes/op")
}

// BenchmarkReadAt reads one file in 4 KiB pieces, through the block cache.
func BenchmarkReadAt(b *testing.B) {
	r := openBytes(b, imageBytes(b, "zstd"), Options{})
	ino, err := r.Resolve("usr/bin/text", true)
	if err != nil || ino.Type != squash.TypeFile {
		b.Fatal(err)
	}
	buf := make([]byte, 1000)
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		if _, err := r.ReadAt(&ino, buf, 5000); err != nil {
			b.Fatal(err)
		}
	}
}
