package dockerfile

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// client has no other configuration than a site's registry.
func client(t *testing.T, registry string) *image.Client {
	t.Helper()
	t.Setenv("CONTAINERS_REGISTRIES_CONF", os.DevNull)
	return image.NewClient(image.Options{DefaultRegistry: registry})
}

func TestQualify(t *testing.T) {
	for name, c := range map[string]struct{ registry, name, want string }{
		"docker's own":         {"", "debian:12", "docker.io/library/debian:12"},
		"docker's, of a user":  {"", "user/image", "docker.io/user/image:latest"},
		"the site's":           {"harbor.example.ac.jp", "jaist/ubuntu:24.04", "harbor.example.ac.jp/jaist/ubuntu:24.04"},
		"with a registry":      {"harbor.example.ac.jp", "ghcr.io/a/b:1", "ghcr.io/a/b:1"},
		"with a port":          {"", "127.0.0.1:5000/a", "127.0.0.1:5000/a:latest"},
		"localhost":            {"", "localhost/a", "localhost/a:latest"},
		"capitals":             {"", "Debian", ""},
		"a name with a digest": {"", "a@sha256:75cff80a807f6672b6d3a267c43002043bff7b6e4b2ad2534781a408bf680b6f", "docker.io/library/a@sha256:75cff80a807f6672b6d3a267c43002043bff7b6e4b2ad2534781a408bf680b6f"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Qualify(client(t, c.registry), c.name)
			if got != c.want || (err != nil) != (c.want == "") {
				t.Errorf("%q is %q (%v), not %q", c.name, got, err, c.want)
			}
		})
	}
}

func TestReadContexts(t *testing.T) {
	dir := t.TempDir()
	got, err := readContexts(map[string]string{"d": dir, "i": "docker-image://debian"})
	if err != nil {
		t.Fatal(err)
	}
	if c := got["d"]; c.IsImage || c.Value != dir {
		t.Errorf("the directory is %+v", c)
	}
	if c := got["i"]; !c.IsImage || c.Value != "debian" {
		t.Errorf("the image is %+v", c)
	}
	if _, err := readContexts(map[string]string{"": dir}); err == nil {
		t.Error("a context without a name is taken")
	}
}

func TestRegistries(t *testing.T) {
	p, err := source{text: []byte("FROM 127.0.0.1:5000/a\nCOPY --from=harbor.example.ac.jp/b / /\nCOPY --from=127.0.0.1:5000/c / /")}.parse()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() != 0 {
		t.Skip("a store is opened by root of a namespace only")
	}
	st, err := workspace.Open(workspace.Options{Dir: t.TempDir(), Run: t.TempDir(), IDs: rootless.Real, Client: client(t, "")})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	b := &build{st: st, parsed: p}
	const want = `unqualified-search-registries = ["docker.io"]
short-name-mode = "disabled"
[[registry]]
location = "127.0.0.1:5000"
insecure = true
`
	if diff := cmp.Diff(want, string(b.registries())); diff != "" {
		t.Errorf("registries.conf (-want +got):\n%s", diff)
	}
}
