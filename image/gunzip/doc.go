// Package gunzip decompresses gzip streams (RFC 1952), as fast as one core can.
//
// Layers of images are gzip streams, and a gzip stream can only be decompressed
// from its beginning: for an image with one big layer this package is the
// longest stretch of a conversion that no second core can shorten. Decoders
// that were measured on layers of Debian: Go's own 220 MB/s, klauspost's 280 to
// 350, zlib 400; this one is C behind cgo and about twice zlib. Decoders of
// that speed in other projects take a whole file at once (libdeflate) or are
// not packaged as static libraries (ISA-L), so this one is ours: inflate.c.
//
// Without cgo the package is klauspost's decoder under the same interface. The
// bytes are the same, since gzip leaves a decoder no choice.
//
// Members that follow each other are one stream, as gzip(1) has it. Checksums
// and lengths are verified; what follows the last member and is not gzip is an
// error.
package gunzip
