package workspace

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// entry is one of a tar: a file with content, or a hard link.
type entry struct{ Name, Content, Link string }

func packed(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		h := tar.Header{Name: e.Name, Typeflag: tar.TypeReg, Size: int64(len(e.Content)), Mode: 0o644}
		if e.Link != "" {
			h.Typeflag, h.Linkname = tar.TypeLink, e.Link
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.Content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func unpacked(t *testing.T, from io.Reader) (all []entry) {
	t.Helper()
	for in := tar.NewReader(from); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entry{h.Name, string(content), h.Linkname})
	}
}

func TestFilter(t *testing.T) {
	file := func(name, content string) entry { return entry{Name: name, Content: content} }
	link := func(name, to string) entry { return entry{Name: name, Link: to} }
	for name, c := range map[string]struct {
		entries, want []entry
		copies        int
	}{
		"nothing": {nil, nil, 1},
		"caches":  {[]entry{file("opt/a", "1"), file("tmp/b", "2"), file("root/.cache/c", "3")}, []entry{file("opt/a", "1")}, 1},
		"asked":   {[]entry{file("opt/a", "1"), file("opt/secret", "2")}, []entry{file("opt/a", "1")}, 1},
		"links":   {[]entry{file("opt/a", "1"), link("opt/b", "opt/a")}, []entry{file("opt/a", "1"), link("opt/b", "opt/a")}, 1},
		"a link in a cache": {
			[]entry{file("opt/a", "1"), link("tmp/a", "opt/a")},
			[]entry{file("opt/a", "1")}, 1,
		},
		"content in a cache": {
			[]entry{file("root/.cache/uv/a", "1"), file("root/.cache/uv/b", "2"), link("root/.cache/uv/c", "root/.cache/uv/a"), link("usr/lib/a", "root/.cache/uv/a"), link("usr/lib/b", "root/.cache/uv/a"), file("usr/lib/z", "3")},
			[]entry{file("usr/lib/a", "1"), link("usr/lib/b", "usr/lib/a"), file("usr/lib/z", "3")}, 2,
		},
		"content that was asked to be left out, with dots": {
			[]entry{file("./opt/secret", "1"), link("./usr/lib/a", "./opt/secret")},
			[]entry{file("usr/lib/a", "1")}, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := filter{leave: func(path string) bool { return path == "/opt/secret" }}
			var out bytes.Buffer
			for copies := 1; ; copies++ {
				out.Reset()
				again, err := f.copy(&out, bytes.NewReader(packed(t, c.entries...)))
				if err != nil {
					t.Fatal(err)
				}
				if again {
					continue
				}
				if copies != c.copies {
					t.Errorf("it took %d copies, not %d", copies, c.copies)
				}
				break
			}
			if diff := cmp.Diff(c.want, unpacked(t, &out)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
