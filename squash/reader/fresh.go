package reader

// Fresh collects the data blocks that reads decompressed for the first time
// since long, and used in part only. The rest of such a block is worth passing
// on to whoever keeps it: another read of it may find the block gone.
type Fresh struct{ Blocks []FreshBlock }

// FreshBlock is a whole data block of a file. It stays in memory until it is
// released.
type FreshBlock struct {
	Data   []byte // not to be changed
	Offset uint64 // of Data in the file, in bytes
	block  *block
}

func (f *Fresh) add(b *block, offset uint64) {
	f.Blocks = append(f.Blocks, FreshBlock{Data: b.data, Offset: offset, block: b})
}

// ReadFresh is ReadAt that appends to fresh, and that may use the capacity of p
// behind its length as scratch space, which makes reads of whole blocks faster.
// The caller must release every block.
func (r *Reader) ReadFresh(ino *Inode, p []byte, off int64, fresh *Fresh) (int, error) {
	return r.readAt(ino, p, off, fresh)
}

// Release ends the use of a block of ReadFresh.
func (r *Reader) Release(b FreshBlock) { r.blocks.release(b.block) }
