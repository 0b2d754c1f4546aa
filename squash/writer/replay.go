package writer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"

	"github.com/jrun-hpc/jrun/squash"
)

// replay reads what recorder wrote, layer by layer, and brings the pipeline and
// the tree into the state in which the scan of these layers left them. Nothing
// in an index is believed before it was checked.
type replay struct {
	index *Index
	pipe  *pipeline
	fs    *tree

	// All so far, by number.
	small []*blob
	large []*blob
}

// blocks replays where the data of a layer with this region stands.
func (r *replay) blocks(s sectionContent, region Region) error {
	return s.decode(func(in *sectionReader) error {
		switch in.byte() {
		case blocksFragment:
			f := fragment{start: in.position(region), word: squash.SizeWord(in.uint(math.MaxUint32))}
			if in.err == nil && f.start+int64(f.word.Size()) > region.End {
				return errRecord
			}
			r.pipe.fragments = append(r.pipe.fragments, f)
		case blocksNew:
			return r.file(in, region)
		case blocksDuplicate:
			n := in.uint(math.MaxUint32)
			if n >= uint64(len(r.large)) {
				return errRecord
			}
			r.large = append(r.large, &blob{large: true, number: uint32(len(r.large)), same: r.large[n].stands()})
		default:
			return errRecord
		}
		return in.err
	})
}

func (r *replay) file(in *sectionReader, region Region) error {
	e := &extent{start: in.position(region), stored: int64(in.uint(math.MaxInt64)), sparse: int64(in.uint(math.MaxInt64))}
	for range in.uint(math.MaxUint32) {
		if in.err != nil {
			break
		}
		e.words = append(e.words, squash.SizeWord(in.uint(math.MaxUint32)))
	}
	sum := in.sum()
	if in.err != nil {
		return in.err
	}
	if e.stored > region.End-e.start {
		return errRecord
	}
	b := &blob{large: true, number: uint32(len(r.large)), extent: e}
	r.large = append(r.large, b)
	r.pipe.blobs = append(r.pipe.blobs, b)
	r.pipe.byContent[sum] = b
	return nil
}

// dead replays what was punched out of a layer's data, which from is the
// beginning of.
func (r *replay) dead(layer int, from layerCounts) error {
	s, err := r.index.read(r.index.head.Layers[layer].Dead)
	if err != nil {
		return err
	}
	in := &sectionReader{r: bufio.NewReader(bytes.NewReader(s.bytes))}
	blobs, fragments := r.pipe.blobs[from.blobs:], r.pipe.fragments[from.fragments:]
	for range in.uint(uint64(len(blobs))) {
		if n := in.uint(uint64(len(blobs)) - 1); in.err == nil {
			blobs[n].absent = true
		}
	}
	for range in.uint(uint64(len(fragments))) {
		if n := in.uint(uint64(len(fragments)) - 1); in.err == nil {
			fragments[n].absent = true
		}
	}
	return in.err
}

// entries replays a layer's tar.
func (r *replay) entries(s sectionContent, layer int) (*entries, error) {
	list := &entries{}
	var path []byte
	var sets []uint32
	nextLarge := r.pipe.largeBlobs
	err := s.decode(func(in *sectionReader) error {
		first := in.byte()
		e := entry{kind: nameKind(first & entryKindMask)}
		shared := in.uint(uint64(len(path))) // with the one before
		path = append(path[:shared], in.next(in.uint(maxPath))...)
		if in.err != nil {
			return in.err
		}
		switch {
		case e.kind >= ignoredName:
			return errRecord
		case first&entryInode != 0:
			var err error
			if e.inode, err = r.inode(in, layer, &sets, &nextLarge); err != nil {
				return err
			}
		case e.kind == plainName, e.kind == aufsLinkName:
			e.link = in.string(maxPath)
		}
		list.add(string(path), e)
		return in.err
	})
	r.pipe.largeBlobs = nextLarge
	if err == nil && int(nextLarge) != len(r.large) {
		err = errRecord
	}
	return list, err
}

func (r *replay) inode(in *sectionReader, layer int, sets *[]uint32, nextLarge *uint32) (*inode, error) {
	n := &inode{
		kind: squash.InodeType(in.byte()), layer: int32(layer),
		mode: uint16(in.uint(0o7777)), uid: uint32(in.uint(math.MaxUint32)), gid: uint32(in.uint(math.MaxUint32)),
		mtime: uint32(in.uint(math.MaxUint32)),
	}
	n.xattr = r.xattrs(in, sets)
	switch n.kind {
	case squash.TypeDir:
		n.children = &children{}
	case squash.TypeFile:
		n.size = int64(in.uint(math.MaxInt64))
		var err error
		if n.data, err = r.data(in, n.size, nextLarge); err != nil {
			return nil, err
		}
	case squash.TypeSymlink:
		n.target = in.string(maxPath)
	case squash.TypeBlockDev, squash.TypeCharDev:
		n.rdev = uint32(in.uint(math.MaxUint32))
	case squash.TypeFifo:
	default:
		return nil, errRecord
	}
	return n, in.err
}

func (r *replay) xattrs(in *sectionReader, sets *[]uint32) uint32 {
	number := in.uint(uint64(len(*sets)) + 1)
	if number == 0 || in.err != nil {
		return squash.NoXattr
	}
	if number <= uint64(len(*sets)) {
		return (*sets)[number-1]
	}
	var set []xattr
	for range in.uint(math.MaxUint16) {
		x := xattr{prefix: uint16(in.uint(uint64(len(squash.XattrPrefixes)) - 1)), name: in.string(maxXattrName), value: in.string(maxXattrValue)}
		if in.err != nil {
			return squash.NoXattr
		}
		set = append(set, x)
	}
	index := r.fs.intern(set)
	*sets = append(*sets, index)
	return index
}

func (r *replay) data(in *sectionReader, size int64, nextLarge *uint32) (*blob, error) {
	p := r.pipe
	switch in.byte() {
	case dataNone:
		return nil, in.err
	case dataLarge:
		if int(*nextLarge) >= len(r.large) {
			return nil, errRecord
		}
		b := r.large[*nextLarge]
		*nextLarge++
		if b.same != nil {
			p.packer.duplicates++
			p.packer.duplicateBytes += size
		}
		return b, nil
	case dataOldSmall:
		n := in.uint(math.MaxUint32)
		if in.err != nil || n >= uint64(len(r.small)) {
			return nil, errRecord
		}
		p.packer.duplicates++
		p.packer.duplicateBytes += size
		return r.small[n], nil
	case dataNewSmall:
		b := &blob{fragment: uint32(in.uint(math.MaxUint32)), offset: uint32(in.uint(uint64(p.blockSize))), number: uint32(len(r.small))}
		sum := in.sum()
		if in.err != nil || int(b.fragment) >= len(p.fragments) {
			return nil, errRecord
		}
		r.small = append(r.small, b)
		p.packer.byContent[sum] = b
		return b, nil
	}
	return nil, errRecord
}

var errRecord = errors.New("a record makes no sense")

// decode decompresses a section and calls record until it has ended.
func (s sectionContent) decode(record func(*sectionReader) error) error {
	z, err := zstd.NewReader(bytes.NewReader(s.bytes), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(smallWindow))
	if err != nil {
		return indexError("decompressing a section", err)
	}
	defer z.Close()
	in := &sectionReader{r: bufio.NewReaderSize(z, sectionBuffer)}
	for {
		if _, err := in.r.Peek(1); errors.Is(err, io.EOF) {
			return nil
		}
		if err := record(in); err != nil {
			return indexError("decoding a section", err)
		}
	}
}
