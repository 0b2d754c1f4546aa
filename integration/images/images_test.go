package images

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDifference(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, entries ...Entry) string {
		data, err := Tar(entries...)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	lower := write("lower", Dir("./", 0o755), Dir("./etc/", 0o755), File("./etc/same", 0o644, "same"),
		File("./etc/changed", 0o644, "before"), File("./etc/mode", 0o644, "x"),
		Dir("./gone/", 0o755), File("./gone/too", 0o644, ""), File("./etc/gone", 0o644, ""))
	upper := write("upper", Dir("./", 0o755), Dir("./etc/", 0o755), File("./etc/same", 0o644, "same"),
		File("./etc/changed", 0o644, "after!"), File("./etc/mode", 0o755, "x"), File("./etc/new", 0o644, "new"))

	var out bytes.Buffer
	if err := writeDifference(&out, lower, upper); err != nil {
		t.Fatal(err)
	}
	var got []string
	r := tar.NewReader(&out)
	for {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, cleanName(header.Name))
	}
	slices.Sort(got)
	want := []string{".wh.gone", "etc/.wh.gone", "etc/changed", "etc/mode", "etc/new"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries of the difference (-want +got):\n%s", diff)
	}
}

// TestHostile checks that each bad image is bad in the way its name says as
// far as Go's own tar and gzip readers can tell, and that all are made.
func TestHostile(t *testing.T) {
	bad, err := Hostile()
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string]string{}
	for _, b := range bad {
		digest, err := b.Image.Digest()
		if err != nil {
			t.Fatalf("%s: %v", b.Name, err)
		}
		if other, twice := digests[digest.String()]; twice {
			t.Errorf("%s is the same image as %s", b.Name, other)
		}
		digests[digest.String()] = b.Name
	}
}
