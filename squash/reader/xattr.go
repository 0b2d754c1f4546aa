package reader

import (
	"encoding/binary"
	"fmt"

	"github.com/jrun-hpc/jrun/squash"
)

// Limits of Linux: XATTR_SIZE_MAX and XATTR_LIST_MAX, in bytes.
const (
	maxXattrValue = 64 << 10
	maxXattrNames = 64 << 10
)

// xattrEntrySize is the length of struct squashfs_xattr_id, in bytes.
const xattrEntrySize = 16

// locateXattrs reads struct squashfs_xattr_id_table at start. The table's
// pointers end by end.
func (r *Reader) locateXattrs(start, end uint64) (pointerTable, span, error) {
	fail := func(err error) (pointerTable, span, error) { return pointerTable{}, span{}, err }
	if start < squash.SuperblockSize || start > end || end-start < 16 {
		return fail(corrupt("xattr table at %d", start))
	}
	var buf [16]byte
	if err := readFull(r.src, buf[:], start); err != nil {
		return fail(fmt.Errorf("reading xattr table: %w", err))
	}
	pairs := binary.LittleEndian.Uint64(buf[:])
	count := binary.LittleEndian.Uint32(buf[8:])
	table, err := r.openTable("xattr", start+16, end, uint64(count), xattrEntrySize)
	if err != nil {
		return fail(err)
	}
	if count == 0 {
		return table, span{start, start}, nil
	}
	if pairs < squash.SuperblockSize || pairs >= start {
		return fail(corrupt("xattrs at %d", pairs))
	}
	return table, span{pairs, start}, nil
}

// XattrNames returns the names of a file's extended attributes with their
// prefixes, in the order on disk. Prefixes that this package does not know are
// left out, as the kernel does.
func (r *Reader) XattrNames(ino *Inode) ([]string, error) {
	var names []string
	err := r.eachXattr(ino, func(name string, _ *cursor, _ bool) (bool, error) {
		names = append(names, name)
		return true, nil
	})
	return names, err
}

// Xattr returns the value of one extended attribute. An attribute that is not
// there is an error that wraps unix.ENODATA.
func (r *Reader) Xattr(ino *Inode, name string) ([]byte, error) {
	var value []byte
	found := false
	err := r.eachXattr(ino, func(have string, c *cursor, outOfLine bool) (bool, error) {
		if have != name {
			return true, nil
		}
		found = true
		var err error
		value, err = r.xattrValue(c, outOfLine)
		return false, err
	})
	if err == nil && !found {
		err = fmt.Errorf("reading xattr %q: %w", name, errNoXattr)
	}
	return value, err
}

// eachXattr calls visit for every name with a cursor at its value, until visit
// returns false. The cursor is a copy.
func (r *Reader) eachXattr(ino *Inode, visit func(name string, value *cursor, outOfLine bool) (bool, error)) error {
	if ino.xattr == squash.NoXattr {
		return nil
	}
	if err := r.walkXattrs(ino, visit); err != nil {
		return fmt.Errorf("reading xattrs of %#x: %w", uint64(ino.Ref), err)
	}
	return nil
}

func (r *Reader) walkXattrs(ino *Inode, visit func(name string, value *cursor, outOfLine bool) (bool, error)) error {
	var entry [xattrEntrySize]byte
	if err := r.tableEntries(r.xattrIDs, uint64(ino.xattr), entry[:]); err != nil {
		return err
	}
	le := binary.LittleEndian
	c, err := r.cursorAt(r.xattrs, squash.InodeRef(le.Uint64(entry[:])))
	if err != nil {
		return err
	}
	names := 0 // bytes
	var buf [squash.MaxNameLength]byte
	for range le.Uint32(entry[8:]) {
		head, err := c.next(4, buf[:])
		if err != nil {
			return err
		}
		kind, length := int(le.Uint16(head)), int(le.Uint16(head[2:]))
		if length == 0 || length > squash.MaxNameLength {
			return corrupt("xattr name of %d bytes", length)
		}
		raw, err := c.next(length, buf[:])
		if err != nil {
			return err
		}
		if names += length; names > maxXattrNames {
			return corrupt("more than %d bytes of xattr names", maxXattrNames)
		}
		if prefix := kind & 0xff; prefix < len(squash.XattrPrefixes) {
			value := c
			more, err := visit(squash.XattrPrefixes[prefix]+string(raw), &value, kind&squash.XattrOOL != 0)
			if err != nil || !more {
				return err
			}
		}
		if err := skipXattrValue(&c); err != nil {
			return err
		}
	}
	return nil
}

func xattrValueSize(c *cursor) (int, error) {
	var buf [4]byte
	raw, err := c.next(4, buf[:])
	if err != nil {
		return 0, err
	}
	size := binary.LittleEndian.Uint32(raw)
	if size > maxXattrValue {
		return 0, corrupt("xattr value of %d bytes", size)
	}
	return int(size), nil
}

func skipXattrValue(c *cursor) error {
	size, err := xattrValueSize(c)
	if err != nil {
		return err
	}
	return c.skip(int64(size))
}

// xattrValue reads a value, following one reference when it is out of line.
func (r *Reader) xattrValue(c *cursor, outOfLine bool) ([]byte, error) {
	size, err := xattrValueSize(c)
	if err != nil {
		return nil, err
	}
	if outOfLine {
		var buf [8]byte
		if size != len(buf) {
			return nil, corrupt("xattr reference of %d bytes", size)
		}
		ref, err := c.next(len(buf), buf[:])
		if err != nil {
			return nil, err
		}
		elsewhere, err := r.cursorAt(r.xattrs, squash.InodeRef(binary.LittleEndian.Uint64(ref)))
		if err != nil {
			return nil, err
		}
		c = &elsewhere
		if size, err = xattrValueSize(c); err != nil {
			return nil, err
		}
	}
	value := make([]byte, size)
	return value, c.read(value)
}
