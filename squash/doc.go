// Package squash holds the squashfs 4.0 on-disk format: the types and
// constants that the writer and the reader share, and nothing that does I/O.
//
// # A file, front to back
//
//	superblock            96 bytes, always at offset 0
//	data                  compressed blocks of files, and fragment blocks that
//	                      hold the tails of many small files
//	inode table           metadata blocks
//	directory table       metadata blocks
//	fragment table        metadata blocks, then a list of their offsets
//	export table          (NFS; we neither write nor read it)
//	id table              metadata blocks, then a list of their offsets
//	xattr table           metadata blocks, a descriptor and its offsets
//
// A metadata block holds 8 KiB before compression and starts with a 16-bit
// header. Things inside tables are named by an [InodeRef]: the offset of the
// metadata block from the table's start, and the offset inside it once
// decompressed. Everything is little-endian.
//
// The source for every field is the kernel's fs/squashfs/squashfs_fs.h and the
// layout description in Documentation/filesystems/squashfs.rst.
//
// Not supported: versions before 4.0, big-endian files, the lzma and lzo
// compressors.
package squash
