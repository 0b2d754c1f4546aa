package reader

import (
	"encoding/binary"
	"fmt"
	"sort"
	"strings"

	"github.com/jrun-hpc/jrun/squash"
)

// maxDirListing bounds one directory, in bytes of its listing on disk.
const maxDirListing = 128 << 20

// DirEntry is one name in a directory.
type DirEntry struct {
	Name   string
	Ref    squash.InodeRef
	Number uint32           // the inode's number
	Type   squash.InodeType // a basic type
}

// directory is a decoded listing: entries sorted by name, byte by byte.
type directory struct {
	entries []DirEntry
	bytes   int64 // memory
}

// ReadDir returns the entries of a directory, sorted by name, without "." and
// "..". The slice is shared and must not be changed.
func (r *Reader) ReadDir(dir *Inode) ([]DirEntry, error) {
	if dir.Type != squash.TypeDir {
		return nil, fmt.Errorf("reading directory %#x: %w", uint64(dir.Ref), errNotDir)
	}
	d, err := r.dirs.get(dir.Ref, func() (*directory, error) { return r.decodeDir(dir) })
	if err != nil {
		return nil, fmt.Errorf("reading directory %#x: %w", uint64(dir.Ref), err)
	}
	return d.entries, nil
}

// Lookup returns the inode of a name in a directory. A name that is not there
// is an error that wraps fs.ErrNotExist.
func (r *Reader) Lookup(dir *Inode, name string) (Inode, error) {
	e, err := r.LookupEntry(dir, name)
	if err != nil {
		return Inode{}, err
	}
	return r.EntryInode(e)
}

// LookupEntry is Lookup without decoding the inode.
func (r *Reader) LookupEntry(dir *Inode, name string) (DirEntry, error) {
	entries, err := r.ReadDir(dir)
	if err != nil {
		return DirEntry{}, err
	}
	i := sort.Search(len(entries), func(i int) bool { return entries[i].Name >= name })
	if i == len(entries) || entries[i].Name != name {
		return DirEntry{}, errNotExist
	}
	return entries[i], nil
}

// EntryInode decodes the inode that a directory entry names and checks that the
// two agree on type and number.
func (r *Reader) EntryInode(e DirEntry) (Inode, error) {
	ino, err := r.Inode(e.Ref)
	if err != nil {
		return Inode{}, err
	}
	if ino.Type != e.Type || ino.Number != e.Number {
		return Inode{}, corrupt("entry %q says type %d, number %d; its inode says %d, %d",
			e.Name, e.Type, e.Number, ino.Type, ino.Number)
	}
	return ino, nil
}

// dirHeaderSize and dirEntrySize are the lengths of struct squashfs_dir_header
// and of struct squashfs_dir_entry without the name, in bytes.
const (
	dirHeaderSize = 12
	dirEntrySize  = 8
)

func (r *Reader) decodeDir(dir *Inode) (*directory, error) {
	d := &directory{bytes: 64}
	const dotEntries = 3 // a listing's size counts "." and ".." as three bytes
	if dir.Size <= dotEntries {
		return d, nil
	}
	c, err := r.cursorAt(r.dirTable, squash.NewInodeRef(dir.start, uint16(dir.offset)))
	if err != nil {
		return nil, err
	}
	dec := dirDecoder{c: c, left: int64(dir.Size - dotEntries)}
	for dec.left > 0 {
		if err := dec.run(); err != nil {
			return nil, err
		}
	}
	d.entries = dec.entries()
	for i := range d.entries {
		if i > 0 && d.entries[i-1].Name >= d.entries[i].Name {
			return nil, corrupt("names %q and %q are not in order", d.entries[i-1].Name, d.entries[i].Name)
		}
	}
	d.bytes += int64(len(dec.names)) + int64(cap(dec.list))*dirEntryMemory
	return d, nil
}

// dirEntryMemory is the size of a DirEntry in memory, in bytes.
const dirEntryMemory = 32

// dirDecoder collects the names of a directory in one string, so that a
// directory is two allocations and not one for each name.
type dirDecoder struct {
	c     cursor
	left  int64 // bytes of the listing still to come
	names []byte
	ends  []uint32 // where each name ends in names
	list  []DirEntry
}

// run decodes one header and its entries.
func (d *dirDecoder) run() error {
	var buf [squash.MaxNameLength + 1]byte
	header, err := d.take(dirHeaderSize, buf[:])
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	count := le.Uint32(header) // minus one
	block := uint64(le.Uint32(header[4:]))
	number := le.Uint32(header[8:])
	if count >= squash.MaxDirRun {
		return corrupt("directory run of %d entries", uint64(count)+1)
	}
	for range count + 1 {
		entry, err := d.take(dirEntrySize, buf[:])
		if err != nil {
			return err
		}
		e := DirEntry{
			Ref:    squash.NewInodeRef(block, le.Uint16(entry)),
			Number: number + uint32(int32(int16(le.Uint16(entry[2:])))),
			Type:   squash.InodeType(le.Uint16(entry[4:])),
		}
		length := int(le.Uint16(entry[6:])) + 1
		if e.Type < squash.TypeDir || e.Type > squash.TypeSocket {
			return corrupt("directory entry of type %d", e.Type)
		}
		if length > squash.MaxNameLength {
			return corrupt("name of %d bytes", length)
		}
		name, err := d.take(length, buf[:])
		if err != nil {
			return err
		}
		if !validName(name) {
			return corrupt("name %q", name)
		}
		d.names = append(d.names, name...)
		d.ends = append(d.ends, uint32(len(d.names)))
		d.list = append(d.list, e)
	}
	return nil
}

func (d *dirDecoder) take(n int, buf []byte) ([]byte, error) {
	if d.left -= int64(n); d.left < 0 {
		return nil, corrupt("directory listing ends inside an entry")
	}
	return d.c.next(n, buf)
}

func (d *dirDecoder) entries() []DirEntry {
	names := string(d.names)
	start := uint32(0)
	for i, end := range d.ends {
		d.list[i].Name = names[start:end]
		start = end
	}
	return d.list
}

func validName(name []byte) bool {
	s := string(name)
	return s != "." && s != ".." && !strings.ContainsAny(s, "/\x00")
}
