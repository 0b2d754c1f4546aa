package workspace

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/change"
)

// filter copies a layer's tar without what does not belong into an image.
//
// In a tar, the first of several hard links has the content, and the others name it. If
// the first is left out and another is not (uv links what it installs from its cache),
// the content must go where the other is. That is known only at the end: then
// the same tar is to be copied again.
type filter struct {
	leave func(path string) bool // what more is to stay out; may be nil

	contents *contents // what is copied is noted here; may be nil

	// heirs are the links that get the content of what is left out.
	heirs map[string]string
	grown bool // heirs were found in the last copy, which is of no use
}

// out reports whether an entry stays out.
func (f *filter) out(name string) bool {
	return change.Filter(name) != "" || f.leave != nil && f.leave("/"+clean(name))
}

// clean is a name in a tar without what may stand around it.
func clean(name string) string {
	return strings.Trim(strings.TrimPrefix(name, "./"), "/")
}

// copy copies entry by entry. It is done when again is false.
func (f *filter) copy(dst io.Writer, src io.Reader) (again bool, err error) {
	f.grown = false
	if f.contents != nil {
		*f.contents = *newContents()
	}
	in, out := tar.NewReader(src), tar.NewWriter(dst)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return f.grown, out.Close()
		}
		if err != nil {
			return false, fmt.Errorf("reading a layer: %w", err)
		}
		if !f.keep(h) {
			continue
		}
		// Times of access and of change of metadata make layers differ without a meaning.
		// Times of modification stay as they are: compiled Python files name that of
		// their source.
		h.AccessTime, h.ChangeTime = time.Time{}, time.Time{}
		if err := out.WriteHeader(h); err != nil {
			return false, fmt.Errorf("writing a layer: %w", err)
		}
		data, noted := io.Reader(in), func() {}
		if f.contents != nil {
			data, noted = f.contents.add(h, in)
		}
		if _, err := io.Copy(out, data); err != nil {
			return false, fmt.Errorf("writing a layer: %w", err)
		}
		noted()
	}
}

// keep reports whether an entry is to be written, and gives it the name under which it
// is.
func (f *filter) keep(h *tar.Header) bool {
	name := clean(h.Name)
	if f.out(h.Name) {
		heir, linked := f.heirs[name]
		if !linked || h.Typeflag == tar.TypeLink {
			return false
		}
		h.Name = heir
		return true
	}
	if h.Typeflag != tar.TypeLink || !f.out(h.Linkname) {
		return true
	}
	target := clean(h.Linkname)
	heir, known := f.heirs[target]
	switch {
	case !known:
		if f.heirs == nil {
			f.heirs = map[string]string{}
		}
		f.heirs[target], f.grown = name, true
		return false
	case heir == name:
		return false // it was written when its content came
	}
	h.Linkname = heir
	return true
}
