package gunzip

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// ErrCorrupt is wrapped by errors about bytes that are not valid gzip.
var ErrCorrupt = errors.New("gzip stream is corrupt")

// ErrChecksum is returned when the checksum or length at a member's end differ
// from what was decompressed. It wraps ErrCorrupt.
var ErrChecksum = fmt.Errorf("%w: checksum or length differ", ErrCorrupt)

// Flags of a member's header (RFC 1952, 2.3.1).
const (
	flagHeaderCRC = 1 << 1
	flagExtra     = 1 << 2
	flagName      = 1 << 3
	flagComment   = 1 << 4
	flagsReserved = 0xe0
)

// headerMax bounds how long a name or comment may be, in bytes, with its NUL.
const headerMax = 512

// readHeader reads a member's header byte by byte and keeps nothing of it.
func readHeader(raw func() (byte, error)) error {
	sum := uint32(0)
	next := func() (byte, error) {
		b, err := raw()
		sum = crc32.Update(sum, crc32.IEEETable, []byte{b})
		return b, err
	}
	var fixed [10]byte
	for i := range fixed {
		b, err := next()
		if err != nil {
			return err
		}
		fixed[i] = b
		if i == 1 && (fixed[0] != 0x1f || fixed[1] != 0x8b) {
			return fmt.Errorf("%w: it begins with %#02x %#02x", ErrCorrupt, fixed[0], fixed[1])
		}
	}
	flags := fixed[3]
	if fixed[2] != 8 || flags&flagsReserved != 0 {
		return fmt.Errorf("%w: method %d, flags %#x", ErrCorrupt, fixed[2], flags)
	}
	if flags&flagExtra != 0 {
		length, err := word(next)
		if err != nil {
			return err
		}
		if err := skip(next, int(length)); err != nil {
			return err
		}
	}
	for _, flag := range []byte{flagName, flagComment} {
		if flags&flag != 0 {
			if err := skipString(next); err != nil {
				return err
			}
		}
	}
	if flags&flagHeaderCRC != 0 {
		want := uint16(sum)
		got, err := word(next)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%w: the header's checksum differs", ErrCorrupt)
		}
	}
	return nil
}

// word reads 16 bits, the low ones first.
func word(next func() (byte, error)) (uint16, error) {
	low, err := next()
	if err != nil {
		return 0, err
	}
	high, err := next()
	return uint16(low) | uint16(high)<<8, err
}

func skip(next func() (byte, error), n int) error {
	for range n {
		if _, err := next(); err != nil {
			return err
		}
	}
	return nil
}

// skipString reads up to and including a NUL.
func skipString(next func() (byte, error)) error {
	for range headerMax {
		b, err := next()
		if b == 0 || err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: a name in the header does not end", ErrCorrupt)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
