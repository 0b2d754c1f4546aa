package bundle

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/integration/campaign"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestMake(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "hanako")
	made, err := Make(t.Context(), dir, w.request())
	if err != nil {
		t.Fatal(err)
	}
	verified, err := VerifyWith(t.Context(), dir, VerifyRequest{Deep: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made, verified); diff != "" {
		t.Errorf("what Make says and what Verify says (-make +verify):\n%s", diff)
	}
	b, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := w.project + "/"
	var got []string
	for _, image := range b.Images {
		got = append(got, strings.Join(image.Names, " "))
	}
	want := []string{
		names2(p+"app", w.app.String(), "1", "latest"), names2(p+"app", w.old.String()), names2(p+"chart", w.chart.String(), "0.1.0"),
		names2(p+"docker", w.docker.String(), "v1"), w.odd.String(), names2(p+"team/cfd", w.index.String(), "2.0"),
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if b.LeftOut != 1 || len(b.Gone) != 1 || b.Gone[0].Used != 1 {
		t.Errorf("left out %d, gone %v", b.LeftOut, b.Gone)
	}
	if !slices.Contains(b.Repositories, p+"nothing") {
		t.Errorf("the empty repository is not in %q", b.Repositories)
	}
	app, cfd := find(t, b, "app:1"), find(t, b, "cfd")
	if len(app.Accessories) != 2 || app.Used != 0 || app.Pins[0] != "doi:10.1234/x" || app.Recipe != "recipes/"+p+"app@1" {
		t.Errorf("app:1 is %+v", app)
	}
	if len(cfd.Accessories) != 1 || cfd.Accessories[0].Subject != w.child || cfd.Accessories[0].Tag != signatureTag(w.child) || cfd.Used != 1 {
		t.Errorf("cfd is %+v", cfd)
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, cfd.Platforms); diff != "" {
		t.Errorf("platforms of cfd (-want +got):\n%s", diff)
	}
	files := contents(t, dir)
	if got := files["data/recipes/"+p+"app@1/files/opt/a b=0A=25.txt"]; got != "x" {
		t.Errorf("the recipe's file is %q", got)
	}
	if strings.Contains(files["data/README.html"], "<script>") || strings.Contains(files["data/README.txt"], "\x1b") {
		t.Error("a title got into the index as it was")
	}
	if entries := must(os.ReadDir(filepath.Dir(dir))); len(entries) != 1 {
		t.Errorf("beside the bundle there is %v", entries)
	}
}

func names2(repository, digest string, tags ...string) string {
	all := []string{repository + "@" + digest}
	for _, tag := range tags {
		all = append(all, repository+":"+tag)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func find(t testing.TB, b Bundle, words string) Image {
	t.Helper()
	image, err := b.Find(words)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// TestSha256sum: nothing of ours is needed to check a bundle.
func TestSha256sum(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "b")
	if _, err := Make(t.Context(), dir, w.request()); err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{"manifest-sha256.txt", "tagmanifest-sha256.txt"} {
		cmd := exec.Command("sha256sum", "--strict", "--quiet", "-c", list)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", list, err, out)
		}
	}
}

// TestSameBytes: two bundles of the same are the same, and so is one that is there.
func TestSameBytes(t *testing.T) {
	w := newWorld(t)
	one, two := filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "b")
	first, err := Make(t.Context(), one, w.request())
	if err != nil {
		t.Fatal(err)
	}
	r := w.request()
	r.Workers = 8
	if _, err := Make(t.Context(), two, r); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(contents(t, one), contents(t, two)); diff != "" {
		t.Errorf("files (-one +two):\n%s", diff)
	}
	w.fake.TakeRequests()
	again, err := Make(t.Context(), one, w.request())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("again (-first +again):\n%s", diff)
	}
	if n := len(w.fake.TakeRequests()); n > 0 {
		t.Errorf("%d requests for a bundle that is there", n)
	}
}

func TestMakeOfNothing(t *testing.T) {
	w := newWorld(t)
	r := w.request()
	r.Projects, r.Repositories, r.Records, r.Pins = nil, []string{w.project + "/nothing"}, nil, nil
	dir := filepath.Join(t.TempDir(), "b")
	s, err := Make(t.Context(), dir, r)
	if err != nil || s.Images != 0 {
		t.Errorf("made %+v, %v", s, err)
	}
}

func TestMakeRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*world, *Request, string)
		says   string
	}{
		{"no such project", func(_ *world, r *Request, _ string) { r.Projects = []string{"nobody"} }, "there is no project nobody"},
		{"no such repository", func(w *world, r *Request, _ string) { r.Repositories = []string{w.project + "/none"} }, "there is no repository"},
		{"a path as a project", func(_ *world, r *Request, _ string) { r.Projects = []string{"../x"} }, "is no name of a project"},
		{"a pin that is lost", func(w *world, r *Request, _ string) {
			r.Pins = append(r.Pins, Pin{w.project + "/app", w.chart, "doi:1"})
		}, "is pinned (doi:1), and not in the registry"},
		{"a lost manifest", func(w *world, _ *Request, _ string) { w.fake.Lose(w.project+"/chart", "0.1.0") }, "cannot bundle 20260001/chart:0.1.0: 20260001/chart@"},
		{"a wrong password", func(_ *world, r *Request, _ string) {
			r.Registry = NewRegistry(RegistryOptions{Base: r.Registry.base, User: "admin", Password: "hunter2"})
		}, "401 Unauthorized"},
		{"something is there", func(_ *world, _ *Request, dir string) { _ = os.WriteFile(dir, nil, 0o644) }, "there is something at"},
		{"a snapshot of another", func(w *world, r *Request, dir string) {
			other := *r
			other.Owner.ID, other.before = "other", dieAfter(40)
			_, _ = Make(w.Context(), dir, other)
		}, "it was begun for another person"},
		{"a bundle of another", func(w *world, r *Request, dir string) {
			other := *r
			other.Owner.ID = "other"
			if _, err := Make(w.Context(), dir, other); err != nil {
				w.Fatal(err)
			}
		}, "it is of other, from"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			dir := filepath.Join(t.TempDir(), "b")
			r := w.request()
			tt.change(w, &r, dir)
			_, err := Make(t.Context(), dir, r)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, which does not say %q", err, tt.says)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the password is in %v", err)
			}
		})
	}
}

// TestTagMoves: the bundle has what there was when it was begun.
func TestTagMoves(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "b")
	r := w.request()
	r.before = func(op string) error {
		if op == "name "+snapshotFile {
			return nil
		}
		return nil
	}
	moved := false
	r.Progress = func(p Progress) {
		if p.Stage == Downloading && !moved {
			moved = true
			w.fake.Push(w.project+"/app", "1", w.image(nil, w.layer(10)))
		}
	}
	if _, err := Make(t.Context(), dir, r); err != nil {
		t.Fatal(err)
	}
	if app := find(t, must(Load(dir)), "app:1"); !moved || app.Digest != w.app {
		t.Errorf("moved %v; app:1 is %s, not %s", moved, app.Digest, w.app)
	}
}

// TestDeletedMeanwhile is an error that names the image; a new look goes on.
func TestDeletedMeanwhile(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "b")
	r := w.request()
	r.before = func(op string) error {
		if op == "name "+snapshotFile {
			w.fake.DeleteArtifact(w.project+"/docker", "v1")
		}
		return nil
	}
	_, err := Make(t.Context(), dir, r)
	if err == nil || !strings.Contains(err.Error(), "docker:v1") || !strings.Contains(err.Error(), "deleted") {
		t.Fatalf("got %v", err)
	}
	r = w.request()
	if _, err := Make(t.Context(), dir, r); err == nil || !strings.Contains(err.Error(), "docker:v1") {
		t.Fatalf("again: %v", err)
	}
	r.Refresh = true
	if _, err := Make(t.Context(), dir, r); err != nil {
		t.Fatal(err)
	}
	if _, err := must(Load(dir)).Find("docker"); err == nil {
		t.Error("what was deleted is in the bundle")
	}
}

var errDied = errors.New("the machine stopped")

// dieAfter lets n changes of the disk happen, and none after.
func dieAfter(n int) func(string) error {
	done := 0
	return func(string) error {
		if done++; done > n {
			return errDied
		}
		return nil
	}
}

// stride is 1 where JRUN_SOAK asks for thoroughness, and leaves out steps elsewhere:
// most differ from those beside them by one file.
func stride(t testing.TB) int { return max(1, 7/campaign.Times(t)) }

// TestDieAtEveryStep: a run that ends at any change of the disk is gone on with, to the
// same bytes, and nothing is downloaded twice.
func TestDieAtEveryStep(t *testing.T) {
	w := newWorld(t)
	whole := filepath.Join(t.TempDir(), "b")
	steps := 0
	r := w.request()
	r.before = func(string) error { steps++; return nil }
	if _, err := Make(t.Context(), whole, r); err != nil {
		t.Fatal(err)
	}
	want := contents(t, whole)
	for n := 0; n < steps; n += stride(t) {
		dir := filepath.Join(t.TempDir(), "b")
		r := w.request()
		r.before = dieAfter(n)
		if _, err := Make(t.Context(), dir, r); !errors.Is(err, errDied) {
			t.Fatalf("after %d changes: %v", n, err)
		}
		if _, err := os.Lstat(dir); err == nil {
			t.Fatalf("after %d changes the bundle had its name", n)
		}
		had := contents(t, filepath.Dir(dir))
		w.fake.TakeRequests()
		if _, err := Make(t.Context(), dir, w.request()); err != nil {
			t.Fatalf("going on after %d changes: %v", n, err)
		}
		for _, request := range w.fake.TakeRequests() {
			hex := request.Path[strings.LastIndex(request.Path, ":")+1:]
			if _, there := had["b.partial/data/images/blobs/sha256/"+hex]; there && strings.Contains(request.Path, "/v2/") {
				t.Errorf("after %d changes: %s %s was there", n, request.Method, request.Path)
			}
		}
		if diff := cmp.Diff(want, contents(t, dir)); diff != "" {
			t.Fatalf("after %d changes (-whole +gone on with):\n%s", n, diff)
		}
	}
	t.Logf("%d steps", steps)
}

// TestDamagedPartial: what is not sound is downloaded again.
func TestDamagedPartial(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "b")
	r := w.request()
	r.before = func(op string) error {
		if op == "finish" {
			return errDied
		}
		return nil
	}
	if _, err := Make(t.Context(), dir, r); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	for name, text := range contents(t, dir+partialSuffix) {
		if strings.Contains(name, "/blobs/") {
			spoiled := []byte(text)
			spoiled[len(spoiled)/2] ^= 1
			if err := os.WriteFile(filepath.Join(dir+partialSuffix, name), spoiled, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir+partialSuffix, "data/images/blobs/sha256/stranger"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Make(t.Context(), dir, w.request()); err != nil {
		t.Fatal(err)
	}
}

// TestIndexOfLayout: each name is there once, and referrers can be found.
func TestIndexOfLayout(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "b")
	if _, err := Make(t.Context(), dir, w.request()); err != nil {
		t.Fatal(err)
	}
	var index imgspec.Index
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(dir, indexFile))), &index); err != nil {
		t.Fatal(err)
	}
	seen := map[string]imgspec.Descriptor{}
	sbom := false
	for _, d := range index.Manifests {
		name := d.Annotations[imgspec.AnnotationRefName]
		if _, twice := seen[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = d
		sbom = sbom || d.ArtifactType == "application/spdx+json"
	}
	if !sbom {
		t.Error("the SBOM cannot be found")
	}
	if d := seen[w.project+"/app:"+signatureTag(w.app)]; d.Digest == "" {
		t.Error("the signature cannot be found by its tag")
	}
	if d := seen[w.project+"/docker:v1"]; d.MediaType != dockerManifest || d.Digest != w.docker {
		t.Errorf("Docker's image is %+v", d)
	}
}
