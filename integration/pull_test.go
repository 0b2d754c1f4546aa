//go:build e2e

package integration

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/jrun-hpc/jrun/integration/images"
)

// digestOf asks the lab's registry, not jrun.
func digestOf(t *testing.T, image string) string {
	t.Helper()
	reference, err := name.ParseReference(ref(image), name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	descriptor, err := remote.Head(reference)
	if err != nil {
		t.Fatal(err)
	}
	return descriptor.Digest.String()
}

// layerOf asks the lab's registry for the digest of an image's only layer.
func layerOf(t *testing.T, image string) string {
	t.Helper()
	reference, err := name.ParseReference(ref(image), name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(reference)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Layers) != 1 {
		t.Fatalf("%s has %d layers, want 1", image, len(manifest.Layers))
	}
	return manifest.Layers[0].Digest.String()
}

// objects lists the converted images in the session's store.
func objects(s *session) []string {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.store, "user", itoa(s.user.UID), "objects", "sha256-*.sqfs"))
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

func TestPullImagesInspectRemove(t *testing.T) {
	s := freshSession(t)
	s.ok("pull", ref("demo/static:latest"))
	digest := digestOf(t, "demo/static:latest")
	if found := objects(s); len(found) != 1 || filepath.Base(found[0]) != "sha256-"+strings.TrimPrefix(digest, "sha256:")+".sqfs" {
		t.Fatalf("the store holds %q, want only %s", found, digest)
	}

	if list := s.ok("images"); !strings.Contains(list, "demo/static") || !strings.Contains(list, digest[7:19]) {
		t.Errorf("images printed %q", list)
	}
	var list []map[string]any
	decode(t, s.ok("images", "--json"), &list)
	if len(list) != 1 || !strings.Contains(fmt.Sprint(list[0]), digest) {
		t.Errorf("images --json printed %v", list)
	}

	if text := s.ok("inspect", ref("demo/static:latest")); !strings.Contains(text, digest) || !strings.Contains(text, "/probe") {
		t.Errorf("inspect printed %q", text)
	}
	var one map[string]any
	decode(t, s.ok("inspect", "--json", ref("demo/static:latest")), &one)
	if !strings.Contains(fmt.Sprint(one), digest) {
		t.Errorf("inspect --json printed %v", one)
	}

	s.ok("rm", ref("demo/static:latest"))
	if found := objects(s); len(found) != 0 {
		t.Errorf("after rm the store holds %q", found)
	}
	decode(t, s.ok("images", "--json"), &list)
	if len(list) != 0 {
		t.Errorf("after rm images --json lists %v", list)
	}
	s.run("rm", ref("demo/static:latest")).wantFault(125, "demo/static")
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
}

// TestDeterministic: one
// digest gives the same bytes whenever, and on however many processors, it is
// converted.
func TestDeterministic(t *testing.T) {
	s := freshSession(t)
	convert := func() string {
		s.ok("pull", "-q", ref(layered))
		text, err := os.ReadFile(objects(s)[0])
		if err != nil {
			t.Fatal(err)
		}
		s.ok("rm", ref(layered))
		return string(text)
	}
	all := convert()
	s.wrap = []string{"taskset", "-c", "0"}
	if one := convert(); one != all {
		t.Errorf("on one processor the file differs (%d and %d bytes)", len(one), len(all))
	}
}

func TestSources(t *testing.T) {
	s := freshSession(t)
	img, err := images.Static(t.Context(), images.OCI)
	if err != nil {
		t.Fatal(err)
	}
	layout := filepath.Join(s.dir, "layout")
	if err := images.WriteLayout(layout, "v1", img); err != nil {
		t.Fatal(err)
	}
	skopeo(t, "oci:"+layout+":v1", "oci-archive:"+s.dir+"/oci.tar:v1")
	skopeo(t, "oci:"+layout+":v1", "docker-archive:"+s.dir+"/docker.tar:demo/static:v1")
	// Some programs' archives, as this, do not name their directories.
	if out, err := exec.Command("sh", "-c", "cd "+layout+" && find * -type f | tar -cf ../bare.tar -T -").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	giveAway(t, s)
	for _, source := range []string{
		"oci:" + layout + ":v1", "oci:" + layout, "oci:layout:v1",
		"oci-archive:" + s.dir + "/oci.tar:v1", "oci-archive:oci.tar", "oci-archive:bare.tar:v1",
		"docker-archive:" + s.dir + "/docker.tar:demo/static:v1", "docker-archive:docker.tar",
		ref("demo/static:latest"), "docker://" + ref("demo/static"),
		ref("demo/static@" + digestOf(t, "demo/static:latest")),
		ref("demo/static:latest@" + digestOf(t, "demo/static:latest")),
	} {
		t.Run(source, func(t *testing.T) {
			s.t = t
			if got := s.ok("run", "-q", source); !strings.Contains(got, `"Args":["/probe"]`) {
				t.Errorf("the probe printed %q", got)
			}
		})
	}
	s.t = t
}

// TestSquashfsFile runs a file that mksquashfs made and one that jrun made.
func TestSquashfsFile(t *testing.T) {
	s := freshSession(t)
	s.ok("pull", "-q", ref("demo/static:latest"))
	ours := filepath.Join(s.dir, "ours.sqfs")
	if err := os.Rename(objects(s)[0], ours); err != nil {
		t.Fatal(err)
	}
	tree := filepath.Join(s.dir, "tree")
	theirs := filepath.Join(s.dir, "theirs")
	for _, line := range [][]string{
		{"unsquashfs", "-quiet", "-no-progress", "-dest", tree, ours},
		{"mksquashfs", tree, theirs, "-quiet", "-no-progress", "-comp", "xz"},
	} {
		if out, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", line, err, out)
		}
	}
	giveAway(t, s)
	for _, file := range []string{ours, "ours.sqfs", theirs, "./theirs"} {
		if got := s.ok("run", "-q", file, "--", "/probe"); !strings.Contains(got, `"Args":["/probe"]`) {
			t.Errorf("in %s the probe printed %q", file, got)
		}
	}
}

func TestCredentials(t *testing.T) {
	s := freshSession(t)
	image := lab.private.Host + "/secret/static:latest"
	s.run("pull", image).wantFault(125, lab.private.Host)

	login := func(password string) {
		auth := base64.StdEncoding.EncodeToString([]byte(registryUser + ":" + password))
		s.write("auth.json", fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, lab.private.Host, auth), 0o600)
		s.env["REGISTRY_AUTH_FILE"] = filepath.Join(s.dir, "auth.json")
	}
	login("wrong")
	r := s.run("pull", image).wantFault(125, lab.private.Host)
	if strings.Contains(r.stderr, "wrong\n") || strings.Contains(r.stderr, registryUser+":") {
		t.Errorf("the error shows the credential: %s", r.stderr)
	}
	login(registryPassword)
	s.ok("pull", image)
	s.ok("run", "-q", image)
}

// skopeo copies an image without anything of ours.
func skopeo(t *testing.T, args ...string) {
	t.Helper()
	args = append([]string{"--insecure-policy", "copy", "--quiet"}, args...)
	cmd := exec.Command("skopeo", args...)
	cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+t.TempDir()) // it remembers what it has seen
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("skopeo %q: %v: %s", args, err, out)
	}
}

// giveAway makes all in the session's directory the user's.
func giveAway(t *testing.T, s *session) {
	t.Helper()
	if out, err := exec.Command("chown", "-R", fmt.Sprintf("%d:%d", s.user.UID, s.user.GID), s.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
