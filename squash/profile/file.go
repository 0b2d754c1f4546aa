package profile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
)

// A profile's file is the magic, the number of ranges and then, for each, the
// distance from the end of the one before and the length, all as uvarints, and
// at last a CRC-32 (IEEE) of what comes before it.
const magic = "jrunprf1"

// maxFile bounds a profile's file, in bytes.
const maxFile = 1 << 20

// ErrInvalid is wrapped by errors about files that are no profiles.
var ErrInvalid = errors.New("not a start-up profile")

func (p Profile) marshal() []byte {
	b := binary.AppendUvarint([]byte(magic), uint64(len(p)))
	end := int64(0)
	for _, r := range p {
		b = binary.AppendUvarint(b, uint64(r.Offset-end))
		b = binary.AppendUvarint(b, uint64(r.Length))
		end = r.end()
	}
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func unmarshal(b []byte) (Profile, error) {
	if len(b) < len(magic)+4 || string(b[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: it does not begin like one", ErrInvalid)
	}
	body, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return nil, fmt.Errorf("%w: its checksum differs", ErrInvalid)
	}
	in := bytes.NewReader(body[len(magic):])
	count, err := binary.ReadUvarint(in)
	if err != nil || count > uint64(in.Len()) {
		return nil, fmt.Errorf("%w: it cannot hold %d ranges", ErrInvalid, count)
	}
	p := make(Profile, 0, count)
	end := int64(0)
	for range count {
		skip, err1 := binary.ReadUvarint(in)
		length, err2 := binary.ReadUvarint(in)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		if skip > math.MaxInt64/4 || length > maxBytes || end > math.MaxInt64/4 {
			return nil, fmt.Errorf("%w: a range of %d bytes %d bytes further on", ErrInvalid, length, skip)
		}
		r := Range{end + int64(skip), int64(length)}
		p, end = append(p, r), r.end()
	}
	return p, nil
}

// Load reads the profile in the file name. The error wraps fs.ErrNotExist or
// ErrInvalid when there is none.
func Load(name string) (Profile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading a start-up profile: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("reading a start-up profile: %w", err)
	}
	p, err := unmarshal(b)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return p, nil
}

// Save writes the profile to the file name, in place of one that is there.
// Readers see the old one or the new one.
func (p Profile) Save(name string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".profile-*")
	if err != nil {
		return fmt.Errorf("writing a start-up profile: %w", err)
	}
	_, err = f.Write(p.marshal())
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("writing a start-up profile: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
