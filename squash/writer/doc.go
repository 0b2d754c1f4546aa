// Package writer turns the layers of an OCI image into one squashfs 4.0 file,
// straight from the tar streams: nothing is unpacked, no privilege is needed,
// and the data of a file is never held whole.
//
// # Order of work
//
// [Write] takes the layers from the lowest to the highest, once:
//
//	tar stream ─ scan ─ blocks ─► compressors (Jobs) ─► one ordered writer ─► data area
//	               └── entries ─► tree (at the layer's end) ──────┐
//	                                          after the last layer └─► tables
//
// The scan reads a layer's tar: file data goes to the compressors block by
// block, everything else becomes a list of entries. Blocks return to their
// order in the tar before they are written, so the bytes of the result do not
// depend on the number of compressors nor on timing. When a layer's tar has
// ended, its whiteouts and then its entries are applied to the tree. After the
// last layer the tree is written out as the tables that follow the data.
//
// # Layout of the data area
//
// Each layer owns one contiguous region that starts at a multiple of 4096
// bytes: the blocks of its files and its fragment blocks, in tar order. A
// fragment block never holds files of two layers. A file whose content was
// stored before, in this layer or a lower one, is not stored again.
//
// Therefore the prefix property: the regions of layers 0 to k are a function
// of layers 0 to k and the options alone. Two images that share their lower
// layers share the bytes of those regions at the same offsets, so that a later
// conversion can copy (or reflink) them instead of compressing again.
//
// Data of files that a higher layer replaced or removed is known to be dead
// only at the end. It is punched out (zeros, and no room on file systems with
// holes), which changes no offset and makes such data unreadable in the image.
// A fragment block dies when all files in it are dead.
//
// A file smaller than a block goes into a fragment block; a larger one keeps
// its tail as a last, short block, which costs little room and spares a reader
// the decompression of a foreign fragment.
//
// # Re-use
//
// With [Options].Index, Write also writes a block index: for every layer its
// region, what its tar says (entries, without data), where its data stands, and
// by what sums duplicates were found. With [Options].Reuse a later Write of an
// image with the same lowest layers, named by [Options].LayerIDs, and the same
// settings (block size, compressor and its version, level, format of this
// package) replays the index instead of reading these layers, and copies their
// regions. By the prefix property the result is the same, byte for byte, index
// included; a property test holds it to that.
//
// What the old image's upper layers hid was punched out of it. Whether the new
// image needs some of that is known only after the merge; then Write fails with
// a [ReuseError] that says how many layers have all they need, and the caller
// begins again with these.
//
// Regions are cloned (FICLONERANGE) where the file system can: no byte is read,
// and the two files share their room. Elsewhere they are read, compared with the
// CRC-32C of each 4 MiB ([Result].Sums), and written. copy_file_range without
// clones would spare a server of network storage the way there and back, but
// nothing could be verified, so it is not used.
//
// Verified are: the index by sha256, its numbers by their ranges, that it is about
// this file, and, unless they are cloned, all bytes taken. Of cloned regions only
// the first chunk and the last are. Not verified is that the index tells the truth
// about the layers: whoever can write both file and index could lie. Package store
// therefore offers only what belongs to the caller and nobody else may write.
//
// # Sums
//
// Result.Sums has a BLAKE3 sum and a CRC-32C of each 4 MiB of the finished file. They
// are taken as the bytes are written; chunks with punched data, and the first one
// for its superblock, are read back and summed again. That costs about 3 % of a
// conversion. Sums of re-used chunks are taken over; what was punched out of them
// already changes nothing.
//
// # Merging
//
// A layer's whiteouts (".wh.NAME", ".wh..wh..opq") hide what lower layers
// hold, wherever in the tar they stand; what the same layer holds stays. Other
// names that begin with ".wh..wh." are AUFS's own and are ignored. Entries are
// then applied in tar order, so the last of two with one name wins. A directory
// over a directory keeps the children and takes the new metadata; anything else
// replaces what was there with all that is below it.
//
// A hard link shares the inode of its target, which may come from this layer
// or a lower one, may be a symbolic link, and may have been hidden or replaced by
// this very layer. The metadata of the link's own header is
// ignored, as link(2) has no use for it.
//
// The parent of an entry is found as chroot would find it: symbolic links are
// followed, "..", in their targets, stops at the image's root. Directories that
// are missing on the way are made with mode 0755, owner root, time 0.
//
// # Determinism
//
// The result is a function of the tar streams, the options and the version of
// the compressor: no clock, no host name, no map order. The superblock's time
// is 0. Times before 1970 and after 2106 are clamped to what 32 bits hold and
// fractions of seconds are dropped. Without cgo the compressor is another one,
// whose blocks differ: see [CanonicalZstd].
//
// # What it does not do
//
// No NFS export table, no xz, lzma or lzo, no extended attributes outside
// user., trusted. and security. (squashfs has no place for POSIX ACLs; they
// are counted in [Result]), no sockets (tar has none).
package writer
