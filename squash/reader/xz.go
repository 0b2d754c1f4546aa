package reader

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/ulikunitz/xz/lzma"

	"github.com/jrun-hpc/jrun/squash"
)

// xzCodec reads .xz streams of one block with the LZMA2 filter alone, which is
// what mksquashfs writes unless it was given -Xbcj. The container is read here
// rather than by the library, because the library allocates the dictionary
// that the stream asks for, up to 4 GiB. As in the kernel, a dictionary may not
// be larger than a block. Source: The .xz File Format, version 1.2.1.
type xzCodec struct{ maxDict int }

const (
	xzStreamHeader = 12 // magic, flags, crc32
	xzFilterLZMA2  = 0x21
)

func (x xzCodec) decompress(dst, packed []byte) (int, error) {
	if len(packed) < xzStreamHeader+8 || string(packed[:6]) != "\xfd7zXZ\x00" {
		return 0, corrupt("xz: no stream header")
	}
	check := packed[7] & 0xf
	if packed[6] != 0 || packed[7]&0xf0 != 0 || crc32.ChecksumIEEE(packed[6:8]) != binary.LittleEndian.Uint32(packed[8:]) {
		return 0, corrupt("xz: stream header")
	}
	block := packed[xzStreamHeader:]
	headerSize := (int(block[0]) + 1) * 4
	if block[0] == 0 || headerSize > len(block) {
		return 0, corrupt("xz: block header of %d bytes", headerSize)
	}
	if err := x.checkBlockHeader(block[:headerSize]); err != nil {
		return 0, err
	}
	body := bytes.NewReader(block[headerSize:])
	dec, err := lzma.Reader2Config{DictCap: max(x.maxDict, lzma.MinDictCap)}.NewReader2(body)
	if err != nil {
		return 0, corrupt("xz: %v", err)
	}
	n, err := readAllInto(dst, dec, "xz")
	if err != nil {
		return 0, err
	}
	rest := block[len(block)-body.Len():]
	consumed := len(block) - headerSize - body.Len()
	return n, x.verify(check, dst[:n], rest, consumed)
}

// checkBlockHeader verifies the header's checksum, its filters and the size of
// the dictionary.
func (x xzCodec) checkBlockHeader(h []byte) error {
	body, sum := h[:len(h)-4], h[len(h)-4:]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(sum) {
		return corrupt("xz: checksum of the block header")
	}
	flags := body[1]
	fields := body[2:]
	for _, present := range []byte{0x40, 0x80} { // compressed and uncompressed size
		if flags&present == 0 {
			continue
		}
		_, n := binary.Uvarint(fields)
		if n <= 0 {
			return corrupt("xz: size field")
		}
		fields = fields[n:]
	}
	if flags&3 != 0 || len(fields) < 3 || fields[0] != xzFilterLZMA2 {
		return fmt.Errorf("%w: xz filter other than LZMA2", squash.ErrUnsupported)
	}
	if fields[1] != 1 || fields[2] > 40 {
		return corrupt("xz: properties of the LZMA2 filter")
	}
	// Dictionary sizes are 2^n and 3*2^(n-1), from 4 KiB up.
	bits := fields[2]
	if size := uint64(2|bits&1) << (bits/2 + 11); bits == 40 || size > uint64(x.maxDict) {
		return corrupt("xz: dictionary of %d bytes in blocks of %d", size, x.maxDict)
	}
	return nil
}

// verify compares the check that follows the block's padding. Checks other than
// CRC32, which is all that the kernel knows, are not verified.
func (x xzCodec) verify(check byte, data, rest []byte, consumed int) error {
	const checkCRC32 = 1
	if check != checkCRC32 {
		return nil
	}
	padding := (4 - consumed%4) % 4
	if len(rest) < padding+4 {
		return corrupt("xz: no checksum")
	}
	if crc32.ChecksumIEEE(data) != binary.LittleEndian.Uint32(rest[padding:]) {
		return corrupt("xz: checksum of the data")
	}
	return nil
}
