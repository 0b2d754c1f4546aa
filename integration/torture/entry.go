package torture

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"
)

// entry is one entry of a layer's tar.
type entry struct {
	tar.Header
	content []byte
	raw     []byte // the whole entry, where archive/tar cannot write it
	asIs    bool   // the name already says all: do not put the scenario before it
}

func newEntry(flag byte, name string, mode int64) entry {
	return entry{Header: tar.Header{Typeflag: flag, Name: name, Mode: mode, ModTime: moment}}
}

func file(name string, content []byte) entry {
	e := newEntry(tar.TypeReg, name, 0o644)
	e.content = content
	return e
}

func text(name, content string) entry { return file(name, []byte(content)) }
func dir(name string) entry           { return newEntry(tar.TypeDir, name+"/", 0o755) }
func fifo(name string) entry          { return newEntry(tar.TypeFifo, name, 0o644) }

func symlink(name, target string) entry {
	e := newEntry(tar.TypeSymlink, name, 0o777)
	e.Linkname = target
	return e
}

// hardlink's target is relative to the scenario, as its name is.
func hardlink(name, target string) entry {
	e := newEntry(tar.TypeLink, name, 0o600) // a mode that must not count
	e.Linkname = target
	return e
}

func device(flag byte, name string, major, minor int64) entry {
	e := newEntry(flag, name, 0o644)
	e.Devmajor, e.Devminor = major, minor
	return e
}

func (e entry) mode(mode int64) entry     { e.Mode = mode; return e }
func (e entry) owner(uid, gid int) entry  { e.Uid, e.Gid = uid, gid; return e }
func (e entry) time(t time.Time) entry    { e.ModTime = t; return e }
func (e entry) format(f tar.Format) entry { e.Format = f; return e }
func (e entry) xattrs(x map[string]string) entry {
	e.PAXRecords = maps.Clone(e.PAXRecords)
	if e.PAXRecords == nil {
		e.PAXRecords = make(map[string]string)
	}
	for name, value := range x {
		e.PAXRecords["SCHILY.xattr."+name] = value
	}
	return e
}

// noise returns bytes that do not compress, the same for the same seed.
func noise(seed uint64, size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}

// writeTar writes the entries of one layer.
func writeTar(entries []entry) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		if e.raw != nil {
			must(w.Flush())
			buf.Write(e.raw)
			continue
		}
		e.Size = int64(len(e.content))
		if e.Format == tar.FormatUnknown {
			e.Format = tar.FormatPAX
		}
		must(w.WriteHeader(&e.Header))
		if len(e.content) > 0 {
			_, err := w.Write(e.content)
			must(err)
		}
	}
	must(w.Close())
	return buf.Bytes()
}

// must stops on what can only be a mistake in a scenario.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("torture: writing a layer: %v", err))
	}
}
