package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/opencontainers/go-digest"
	ociarchive "go.podman.io/image/v5/oci/archive"
	"go.podman.io/image/v5/oci/layout"
)

// tarAgain writes a tar anew, as change has each of its headers; those for which it says
// no are left out.
func tarAgain(t testing.TB, from, to string, change func(*tar.Header) bool) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b bytes.Buffer
	out := tar.NewWriter(&b)
	for in := tar.NewReader(f); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && change(h) {
			if err = out.WriteHeader(h); err == nil {
				_, err = io.Copy(out, in)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, b.Bytes())
}

// TestArchives: an archive is read where it is, whoever it says its files belong to and
// whether or not it names directories; what is not a plain tar is left to image/v5.
func TestArchives(t *testing.T) {
	dir := t.TempDir()
	img := twoLayers("gzip")
	writeLayout(t, dir+"/layout", []string{"1"}, img)
	tarDirectory(t, dir+"/layout", dir+"/a.tar")
	none := func(*tar.Header) bool { return true }
	link := func(h *tar.Header) bool {
		if h.Typeflag == tar.TypeDir {
			h.Name, h.Typeflag, h.Linkname = "link"+path.Base(h.Name), tar.TypeSymlink, "index.json"
		}
		return true
	}
	noDirectories := func(h *tar.Header) bool { h.Uid, h.Gid = 0, 0; return h.Typeflag != tar.TypeDir }
	for name, test := range map[string]struct {
		change func(*tar.Header) bool
		plain  bool
	}{
		"as it is": {none, true},
		"root's":   {noDirectories, true},
		"with ./":  {func(h *tar.Header) bool { h.Name = "./" + h.Name; return true }, true},
		"with a pax head": {func(h *tar.Header) bool {
			h.Format, h.PAXRecords = tar.FormatPAX, map[string]string{"JRUN.x": "y"}
			return true
		}, true},
		"with links": {link, false},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "b.tar")
			tarAgain(t, dir+"/a.tar", file, test.change)
			ref := mustParse(t, "oci-archive:"+file+":1")
			from, err := ociarchive.ParseReference(ref.local())
			if err != nil {
				t.Fatal(err)
			}
			a, err := openOCIArchive(ref, from)
			if plain := err == nil; plain != test.plain || !plain && !errors.Is(err, errNotPlain) {
				t.Fatalf("read where it is: %v", err)
			}
			if err == nil {
				a.Close()
			}
			st := openStore(t)
			object, _, err := NewClient(Options{}).Ensure(t.Context(), st, ref, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, converted, err := NewClient(Options{}).Ensure(t.Context(), st, ref, nil); err != nil || converted {
				t.Errorf("the second time: converted %v, %v", converted, err)
			}
			got, err := os.ReadFile(object.Path)
			if err != nil || !bytes.Equal(got, img.converted(t)) {
				t.Errorf("the object is not what the layers' tars give: %v", err)
			}
		})
	}
	t.Run("compressed", func(t *testing.T) {
		plain, err := os.ReadFile(dir + "/a.tar")
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(plain); err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		writeFile(t, dir+"/a.tar.gz", b.Bytes())
		if _, _, err := NewClient(Options{}).Ensure(t.Context(), openStore(t), mustParse(t, "oci-archive:"+dir+"/a.tar.gz:1"), nil); err != nil {
			t.Error(err)
		}
	})
}

// TestArchiveTags: which of its images an archive's tag means.
func TestArchiveTags(t *testing.T) {
	dir := t.TempDir()
	one, two := twoLayers("gzip"), twoLayers("zstd")
	writeLayout(t, dir+"/one", []string{"1"}, one)
	writeLayout(t, dir+"/both", []string{"1", "2"}, one, two)
	for _, name := range []string{"one", "both"} {
		tarDirectory(t, filepath.Join(dir, name), dir+"/"+name+".tar")
	}
	for s, want := range map[string]struct {
		digest digest.Digest
		err    error
	}{
		"/one.tar":    {one.digest(), nil},
		"/one.tar:1":  {one.digest(), nil},
		"/both.tar:2": {two.digest(), nil},
		"/one.tar:2":  {"", errNoTag},
		"/both.tar":   {"", layout.ErrMoreThanOneImage},
	} {
		resolved, err := NewClient(Options{}).Resolve(t.Context(), nil, mustParse(t, "oci-archive:"+dir+s))
		if resolved.Digest != want.digest || !errors.Is(err, want.err) {
			t.Errorf("%s: %s, %v", s, resolved.Digest, err)
		}
		var f *fault.Error
		if err != nil && !errors.As(err, &f) {
			t.Errorf("%s: no advice: %v", s, err)
		}
	}
}

// FuzzOCIArchive: whatever the file is, what is found in it lies in it.
func FuzzOCIArchive(f *testing.F) {
	dir := f.TempDir()
	writeLayout(f, dir+"/layout", []string{"1"}, twoLayers("gzip"))
	tarDirectory(f, dir+"/layout", dir+"/a.tar")
	whole, err := os.ReadFile(dir + "/a.tar")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, "1")
	f.Add(whole[:len(whole)/2], "")
	f.Add([]byte("no tar"), "")
	f.Fuzz(func(t *testing.T, content []byte, tag string) {
		file := filepath.Join(t.TempDir(), "a.tar")
		writeFile(t, file, content)
		a, err := openOCIArchive(Reference{kind: OCIArchive, path: file, tag: tag}, nil)
		if err != nil {
			return
		}
		defer a.Close()
		for d, at := range a.blobs {
			if at.offset < 0 || at.sizeBytes < 0 || at.offset+at.sizeBytes > int64(len(content)) {
				t.Errorf("%s is at %+v", d, at)
			}
		}
		_, _, _ = a.GetManifest(t.Context(), nil)
	})
}
