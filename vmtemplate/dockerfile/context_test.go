package dockerfile

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// aTar is a tar file of these files.
func aTar(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, content := range files {
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Uid: 99999999})
		if _, err2 := w.Write([]byte(content)); errors.Join(err, err2) != nil {
			t.Fatal(err, err2)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func compressed(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); errors.Join(err, w.Close()) != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestOpenContext(t *testing.T) {
	where := t.TempDir()
	t.Chdir(where)
	for name, content := range map[string]string{
		"ctx/Dockerfile": "FROM usual", "ctx/sub/other": "FROM other", "ctx/sub/other.dockerignore": "x",
		"here": "FROM here", "containerfile/Containerfile": "FROM second", "empty/Dockerfile": " \n", "none/x": "",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	packed := aTar(t, map[string]string{"Dockerfile": "FROM packed", "file": "x"})
	if err := os.WriteFile("c.tar.gz", compressed(t, packed), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o      Options
		stdin  []byte
		want   string // the Dockerfile's text
		ignore bool
		fault  string // or the error
		root   bool
	}{
		"a directory":             {o: Options{Context: "ctx"}, want: "FROM usual"},
		"Containerfile":           {o: Options{Context: "containerfile"}, want: "FROM second"},
		"seen from here":          {o: Options{Context: "ctx", File: "here"}, want: "FROM here"},
		"seen from the context":   {o: Options{Context: "ctx", File: "sub/other"}, want: "FROM other", ignore: true},
		"Dockerfile from stdin":   {o: Options{Context: "ctx", File: "-"}, stdin: []byte("FROM in"), want: "FROM in"},
		"no context":              {o: Options{Context: "-"}, stdin: []byte("FROM in"), want: "FROM in"},
		"a tar from stdin":        {o: Options{Context: "-"}, stdin: packed, want: "FROM packed", root: true},
		"compressed, from stdin":  {o: Options{Context: "-"}, stdin: compressed(t, packed), want: "FROM packed", root: true},
		"a tar file":              {o: Options{Context: "c.tar.gz"}, want: "FROM packed", root: true},
		"both from stdin":         {o: Options{Context: "-", File: "-"}, fault: "dockerfile.both-stdin"},
		"no such directory":       {o: Options{Context: "nowhere"}, fault: "dockerfile.context"},
		"no Dockerfile":           {o: Options{Context: "none"}, fault: "dockerfile.none"},
		"no Dockerfile as named":  {o: Options{Context: "ctx", File: "nothing"}, fault: "dockerfile.missing"},
		"an empty Dockerfile":     {o: Options{Context: "empty"}, fault: "dockerfile.empty"},
		"nothing on stdin":        {o: Options{Context: "-"}, fault: "dockerfile.empty"},
		"a repository":            {o: Options{Context: "https://github.com/a/b.git"}, fault: "dockerfile.remote-context"},
		"a directory as the file": {o: Options{Context: "ctx", File: "sub"}, fault: "dockerfile.unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.root && os.Getuid() != 0 {
				t.Skip("unpacking needs a namespace")
			}
			c.o.Stdin = bytes.NewReader(c.stdin)
			got, err := openContext(c.o, t.TempDir())
			var known *message.Error
			switch {
			case c.fault != "":
				if !errors.As(err, &known) || known.What.Name() != c.fault {
					t.Errorf("the error is %v", err)
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			if string(got.text) != c.want {
				t.Errorf("the Dockerfile is %q, not %q", got.text, c.want)
			}
			if got.ignore != "" != c.ignore {
				t.Errorf("the list of what to ignore is %q", got.ignore)
			}
			if info, err := os.Stat(got.dir); err != nil || !info.IsDir() || !filepath.IsAbs(got.dir) {
				t.Errorf("the context is %q (%v)", got.dir, err)
			}
			if strings.Contains(c.want, "packed") {
				if text, err := os.ReadFile(filepath.Join(got.dir, "file")); err != nil || string(text) != "x" {
					t.Errorf("the tar's file is %q (%v)", text, err)
				}
			}
		})
	}
}
