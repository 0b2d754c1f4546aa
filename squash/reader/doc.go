// Package reader reads squashfs 4.0 files of any origin without trusting them.
//
// # Use
//
//	r, err := reader.Open(file, size, reader.Options{})
//	root, err := r.Root()
//	entries, err := r.ReadDir(&root)
//	ino, err := r.Lookup(&root, "etc")
//	n, err := r.ReadAt(&ino, buf, 0)
//	ino, err = r.Resolve("/bin/sh", true) // symlinks stay inside the image
//	fsys := r.FS()                        // the same as an io/fs file system
//
// Open reads the superblock and the id table and nothing else, so it takes the
// same time for an image of ten files and of ten million.
//
// # Concepts
//
// An [Inode] is a value decoded from the inode table; it is named for ever by
// its [squash.InodeRef], so a caller needs no table of open files. Everything
// about it (blocks, entries, xattrs) is found again from the value.
//
// A file's blocks lie one after another from its start; their sizes are a list
// of words behind the inode. Finding block n means adding n words, which is
// cheap up to a few hundred. Longer files get an index of one checkpoint per
// 64 blocks, grown as far as reads reach.
//
// # Caches
//
// Four, all bounded, all safe for concurrent use:
//
//   - metadata blocks (8 KiB each, clock replacement, read mostly);
//   - decoded directories (LRU by bytes; one that is larger than the whole
//     cache is kept until another comes, so that reading it in pieces stays
//     linear);
//   - data and fragment blocks (LRU by bytes, reference-counted buffers that
//     are re-used; two readers of one block decompress it once);
//   - block indexes of long files.
//
// A read of a whole data block goes past the block cache: the bytes are
// decompressed straight into the caller's buffer, since a caller that asks for
// whole blocks (the kernel's page cache) will not ask again. A block stored
// uncompressed is read straight from the file.
//
// A read of several blocks is shared among goroutines, one for each CPU at most:
// the kernel's read-ahead and mapped files ask for parts of two blocks, and a
// program that waits for them leaves the other CPUs idle.
//
// A file that is read from front to back is read ahead: the storage is told, in
// growing windows, which bytes will be wanted ([Options].ReadAhead).
//
// # Invariants
//
//   - Bytes come through io.ReaderAt, never through a memory map: a file that
//     shrinks on a network file system is an error and not a SIGBUS.
//   - Every offset, size and count is checked before use. What is wrong with
//     the bytes is an error wrapping [squash.ErrCorrupt]; what is right but not
//     supported wraps [squash.ErrUnsupported]; a failing read of the underlying
//     file wraps that error and neither of these.
//   - Memory for one request is bounded by the block size, by
//     maxDirListing for a directory, and never by a number in the file alone.
//   - A directory that can be reached twice (a cycle, or two names for one) is
//     found by Walk and FS, which are the two things here that descend by
//     themselves.
//
// # Limits
//
// A directory's listing may have 128 MiB (about four million entries), a
// symlink's target 4096 bytes, an xattr's value 64 KiB, as in Linux. lzma, lzo
// and xz with a BCJ filter are not supported.
package reader
