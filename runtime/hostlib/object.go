package hostlib

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits that no library reaches, so that a hostile one costs little. The largest
// of a driver has 100 program headers, 50 needed libraries and 200 versions.
const (
	maxSegments = 512
	maxDynamic  = 1 << 16 // bytes of the dynamic section
	maxStrings  = 64 << 20
	maxName     = 4096 // bytes of one string
	maxNames    = 4096 // strings of all kinds
)

// ErrNotELF says that a file is something else, such as a linker script.
var ErrNotELF = errors.New("not an ELF file")

var errCorrupt = errors.New("the ELF file is damaged")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errCorrupt, fmt.Sprintf(format, args...))
}

// object is an ELF file of which the program headers are read.
type object struct {
	r       io.ReaderAt
	order   binary.ByteOrder
	class   elf.Class
	machine elf.Machine
	loads   []segment
	dynamic segment // of no size in a static program
	names   int     // strings that were read
}

type segment struct{ address, offset, size uint64 }

func readObject(r io.ReaderAt) (*object, error) {
	ident := make([]byte, elf.EI_NIDENT)
	if _, err := r.ReadAt(ident, 0); err != nil || string(ident[:4]) != elf.ELFMAG {
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return nil, ErrNotELF
	}
	o := &object{r: r, class: elf.Class(ident[elf.EI_CLASS])}
	switch elf.Data(ident[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
		o.order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		o.order = binary.BigEndian
	default:
		return nil, corrupt("byte order %d", ident[elf.EI_DATA])
	}
	h, err := o.header()
	if err != nil {
		return nil, err
	}
	o.machine = elf.Machine(h.Machine)
	if h.Phnum > maxSegments {
		return nil, corrupt("%d program headers", h.Phnum)
	}
	for i := range uint64(h.Phnum) {
		p, err := o.program(h.Phoff + i*uint64(h.Phentsize))
		if err != nil {
			return nil, err
		}
		s := segment{address: p.Vaddr, offset: p.Off, size: p.Filesz}
		switch elf.ProgType(p.Type) {
		case elf.PT_LOAD:
			o.loads = append(o.loads, s)
		case elf.PT_DYNAMIC:
			o.dynamic = s
		}
	}
	return o, nil
}

// header returns the file's header in the wider of its two forms.
func (o *object) header() (h elf.Header64, err error) {
	switch o.class {
	case elf.ELFCLASS64:
		return h, o.read(&h, 0)
	case elf.ELFCLASS32:
		var n elf.Header32
		err = o.read(&n, 0)
		return elf.Header64{Machine: n.Machine, Phoff: uint64(n.Phoff), Phentsize: n.Phentsize, Phnum: n.Phnum}, err
	}
	return h, corrupt("class %d", o.class)
}

func (o *object) program(offset uint64) (p elf.Prog64, err error) {
	if o.class == elf.ELFCLASS64 {
		return p, o.read(&p, offset)
	}
	var n elf.Prog32
	err = o.read(&n, offset)
	return elf.Prog64{Type: n.Type, Off: uint64(n.Off), Vaddr: uint64(n.Vaddr), Filesz: uint64(n.Filesz)}, err
}

// read fills the structure that to points to.
func (o *object) read(to any, offset uint64) error {
	text, err := o.bytes(offset, uint64(binary.Size(to)))
	if err != nil {
		return err
	}
	return binary.Read(bytes.NewReader(text), o.order, to)
}

// bytes returns a part of the file; the caller limits its size.
func (o *object) bytes(offset, size uint64) ([]byte, error) {
	if offset > 1<<62 || size > maxDynamic {
		return nil, corrupt("%d bytes at %d", size, offset)
	}
	text := make([]byte, size)
	n, err := o.r.ReadAt(text, int64(offset))
	if uint64(n) == size {
		return text, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return nil, corrupt("it ends within its tables")
	}
	return nil, err
}

// offset is where in the file the byte is that is loaded at an address, and how
// many of its segment follow.
func (o *object) offset(address uint64) (offset, rest uint64, err error) {
	for _, s := range o.loads {
		if into := address - s.address; address >= s.address && into < s.size {
			return s.offset + into, s.size - into, nil
		}
	}
	return 0, 0, corrupt("address %#x is in no segment", address)
}

// table are the entries of the dynamic section that are wanted here.
type table struct {
	strings, stringsSize uint64
	values               map[elf.DynTag]uint64
	needed               []uint64
}

func (o *object) readDynamic() (t table, err error) {
	t.values = map[elf.DynTag]uint64{}
	if o.dynamic.size > maxDynamic {
		return t, corrupt("a dynamic section of %d bytes", o.dynamic.size)
	}
	text, err := o.bytes(o.dynamic.offset, o.dynamic.size)
	if err != nil {
		return t, err
	}
	word := 4
	number := func(b []byte) uint64 { return uint64(o.order.Uint32(b)) }
	if o.class == elf.ELFCLASS64 {
		word, number = 8, o.order.Uint64
	}
	for ; len(text) >= 2*word; text = text[2*word:] {
		tag, value := elf.DynTag(number(text)), number(text[word:])
		switch tag {
		case elf.DT_NULL:
			return t, nil
		case elf.DT_NEEDED:
			t.needed = append(t.needed, value)
		default:
			t.values[tag] = value
		}
	}
	return t, nil
}

// describe fills in what the dynamic section says.
func (o *object) describe(l *Library) error {
	if o.dynamic.size == 0 {
		return nil
	}
	t, err := o.readDynamic()
	if err != nil {
		return err
	}
	address, ok := t.values[elf.DT_STRTAB]
	if !ok {
		return nil // nothing has a name
	}
	var rest uint64
	if t.strings, rest, err = o.offset(address); err != nil {
		return err
	}
	t.stringsSize = min(rest, t.values[elf.DT_STRSZ], maxStrings)
	for _, at := range t.needed {
		name, err := o.name(&t, at)
		if err != nil {
			return err
		}
		l.Needed = append(l.Needed, name)
	}
	var rpath, runpath string
	for tag, to := range map[elf.DynTag]*string{elf.DT_SONAME: &l.Soname, elf.DT_RPATH: &rpath, elf.DT_RUNPATH: &runpath} {
		if at, ok := t.values[tag]; ok {
			if *to, err = o.name(&t, at); err != nil {
				return err
			}
		}
	}
	l.Rpath, l.Runpath = directories(rpath), directories(runpath)
	if l.Requires, err = o.requires(&t); err != nil {
		return err
	}
	l.Defines, err = o.defines(&t)
	return err
}

func directories(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ":")
}

// name is the string at an offset of the string table.
func (o *object) name(t *table, at uint64) (string, error) {
	if o.names++; o.names > maxNames {
		return "", corrupt("more than %d names", maxNames)
	}
	if at >= t.stringsSize {
		return "", corrupt("a name at %d of %d", at, t.stringsSize)
	}
	// Most names are short; the long ones are search paths.
	for _, size := range []uint64{64, maxName} {
		text, err := o.bytes(t.strings+at, min(size, t.stringsSize-at))
		if err != nil {
			return "", err
		}
		if name, _, ended := bytes.Cut(text, []byte{0}); ended {
			return string(name), nil
		}
	}
	return "", corrupt("a name does not end")
}
