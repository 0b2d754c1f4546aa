package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"time"
)

// when is the modification time of everything that this package writes.
var when = time.Date(2024, time.February, 29, 12, 0, 0, 0, time.UTC)

// Entry is one entry of a layer: a header, of which Name and Mode suffice for
// a regular file, and the file's content.
type Entry struct {
	tar.Header
	Content []byte
}

// File is an entry for a regular file.
func File(name string, mode int64, content string) Entry {
	return Entry{Header: tar.Header{Name: name, Mode: mode}, Content: []byte(content)}
}

// Dir is an entry for a directory.
func Dir(name string, mode int64) Entry {
	return Entry{Header: tar.Header{Name: name, Mode: mode, Typeflag: tar.TypeDir}}
}

// Symlink is an entry for a symbolic link.
func Symlink(name, target string) Entry {
	return Entry{Header: tar.Header{Name: name, Mode: 0o777, Linkname: target, Typeflag: tar.TypeSymlink}}
}

// Link is an entry for a hard link to a name of this layer or of one below.
func Link(name, target string) Entry {
	return Entry{Header: tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeLink}}
}

// Whiteout is an entry that removes name, of which it takes the directory and
// the base name, from the layers below.
func Whiteout(dir, base string) Entry { return File(dir+"/.wh."+base, 0o644, "") }

// Opaque is an entry that hides all that the layers below have in dir.
func Opaque(dir string) Entry { return File(dir+"/.wh..wh..opq", 0o644, "") }

// Tar writes entries as a tar.
func Tar(entries ...Entry) ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		header := e.Header
		header.Size = int64(len(e.Content))
		header.ModTime = when
		if header.Typeflag == 0 {
			header.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(&header); err != nil {
			return nil, fmt.Errorf("writing the tar entry %q: %w", e.Name, err)
		}
		if _, err := w.Write(e.Content); err != nil {
			return nil, fmt.Errorf("writing the tar entry %q: %w", e.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("ending a tar: %w", err)
	}
	return buf.Bytes(), nil
}
