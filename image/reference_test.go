package image

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseReference(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "here.sqfs", nil)
	writeFile(t, "sub/image", nil)
	if err := os.Mkdir("dir.sqfs", 0o700); err != nil {
		t.Fatal(err)
	}
	d := "sha256:" + strings.Repeat("ab", 32)
	type parts struct {
		Kind                         Kind
		Text, Familiar, Host, Digest string
	}
	tests := []struct {
		in   string
		want parts
	}{
		{"reg.example/team/app:1", parts{Registry, "reg.example/team/app:1", "reg.example/team/app:1", "reg.example", ""}},
		{"docker://reg.example/team/app", parts{Registry, "reg.example/team/app:latest", "reg.example/team/app:latest", "reg.example", ""}},
		{"127.0.0.1:5000/demo/python:3", parts{Registry, "127.0.0.1:5000/demo/python:3", "127.0.0.1:5000/demo/python:3", "127.0.0.1:5000", ""}},
		{"localhost/app", parts{Registry, "localhost/app:latest", "localhost/app:latest", "localhost", ""}},
		{"reg.example/app@" + d, parts{Registry, "reg.example/app@" + d, "reg.example/app@" + d, "reg.example", d}},
		{"reg.example/app:1@" + d, parts{Registry, "reg.example/app:1@" + d, "reg.example/app:1", "reg.example", d}},
		{"docker.io/ubuntu", parts{Registry, "docker.io/library/ubuntu:latest", "ubuntu:latest", "docker.io", ""}},
		{"python:3", parts{Registry, "python:3", "python:3", "", ""}},
		{"team/app@" + d, parts{Registry, "team/app@" + d, "team/app@" + d, "", d}},
		{"docker://oci:1", parts{Registry, "docker://oci:1", "oci:1", "", ""}},
		{"docker://reg.example/x.sqfs", parts{Registry, "reg.example/x.sqfs:latest", "reg.example/x.sqfs:latest", "reg.example", ""}},
		{"oci:/a/dir:tag", parts{OCI, "oci:/a/dir:tag", "oci:dir:tag", "", ""}},
		{"oci:dir", parts{OCI, "oci:dir", "oci:dir", "", ""}},
		{"oci-archive:/a/f.tar:v1", parts{OCIArchive, "oci-archive:/a/f.tar:v1", "oci-archive:f.tar:v1", "", ""}},
		{"docker-archive:f.tar:reg.example/app:1", parts{DockerArchive, "docker-archive:f.tar:reg.example/app:1", "docker-archive:f.tar:reg.example/app:1", "", ""}},
		{"/abs/image.sqfs", parts{Squashfs, "/abs/image.sqfs", "image.sqfs", "", ""}},
		{"./image", parts{Squashfs, "./image", "image", "", ""}},
		{"../image.sqfs", parts{Squashfs, "../image.sqfs", "image.sqfs", "", ""}},
		{"here.sqfs", parts{Squashfs, "./here.sqfs", "here.sqfs", "", ""}},
		{"sub/image", parts{Squashfs, "./sub/image", "image", "", ""}},
		{"gone.sqfs", parts{Registry, "gone.sqfs:latest", "gone.sqfs:latest", "", ""}},
		{"dir.sqfs", parts{Registry, "dir.sqfs:latest", "dir.sqfs:latest", "", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			ref := mustParse(t, tt.in)
			got := parts{ref.Kind(), ref.String(), ref.Familiar(), ref.Host(), ref.Digest().String()}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if again := mustParse(t, ref.String()); again.String() != ref.String() {
				t.Errorf("%s is read back as %s", ref, again)
			}
		})
	}
}

func TestParseReferenceRefuses(t *testing.T) {
	for _, in := range []string{
		"", "docker://", ":", "@", "/", "a b", "Reg/App", "reg.example/App:1", "reg.example/", "reg.example/app:", "app@sha256:1234",
		"app:tag with space", "oci:", "oci-archive:", "docker-archive:", "oci:a\x00b", "./a\x00b", "library://x", "docker-daemon:x:1", "dir:/x",
		"reg.example/app@md5:" + strings.Repeat("a", 32), "-app", "reg.example//app", strings.Repeat("a", 300),
	} {
		t.Run(in, func(t *testing.T) {
			ref, err := ParseReference(in)
			if in == "/" { // a path; that it is a directory is found when it is opened
				if err != nil || ref.Kind() != Squashfs {
					t.Errorf("got %v, %v", ref, err)
				}
				return
			}
			if !errors.Is(err, ErrReference) || !isFault(err) {
				t.Errorf("got %v, %v; want a fault that wraps ErrReference", ref, err)
			}
		})
	}
}

func FuzzParseReference(f *testing.F) {
	d := "@sha256:" + strings.Repeat("0", 64)
	for _, s := range []string{
		"reg.example/team/app:1", "docker://a/b", "python" + d, "a:1" + d, "localhost:5000/x", "oci:dir:tag", "oci-archive:f:t", "docker-archive:f:a/b:1",
		"./x.sqfs", "/x", "docker://oci:1", "docker://x.sqfs", "index.docker.io/a", "docker.io/library/a", "A/b", "[::1]:5000/x", "dir:x", "x://y", "\x00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := ParseReference(s)
		if err != nil {
			if !errors.Is(err, ErrReference) {
				t.Errorf("%q: %v does not wrap ErrReference", s, err)
			}
			return
		}
		again, err := ParseReference(ref.String())
		if err != nil {
			t.Fatalf("%q is %q, which is refused: %v", s, ref, err)
		}
		if again.String() != ref.String() || again.Kind() != ref.Kind() || again.Digest() != ref.Digest() || again.Familiar() != ref.Familiar() {
			t.Errorf("%q is %q, which is read back as %q", s, ref, again)
		}
	})
}
