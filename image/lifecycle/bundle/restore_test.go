package bundle

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/opencontainers/go-digest"
)

// bundled is a world and a bundle of it.
func bundled(t testing.TB) (*world, string) {
	t.Helper()
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "b")
	if _, err := Make(t.Context(), dir, w.request()); err != nil {
		t.Fatal(err)
	}
	return w, dir
}

// other is a Harbor with nothing but a project.
func other(t testing.TB, project string) *world {
	t.Helper()
	w := &world{TB: t, fake: fakeharbor.New(fakeharbor.Options{LoginDelay: 10 * time.Millisecond}), project: project}
	t.Cleanup(w.fake.Close)
	w.fake.AddProject(fakeharbor.Project{Name: project})
	return w
}

// TestRoundTrip: a bundle of what was restored is the bundle that it was restored from.
func TestRoundTrip(t *testing.T) {
	_, dir := bundled(t)
	b := must(Load(dir))
	there := other(t, "20260001")
	results, err := Restore(t.Context(), dir, RestoreRequest{Registry: there.registry()})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.State != Pushed {
			t.Errorf("%s is %s", r.Image, r.State)
		}
	}
	r := there.request()
	r.Records, r.Pins = nil, nil
	for _, image := range b.Images {
		if len(image.Tags) == 0 {
			r.Pins = append(r.Pins, Pin{image.Repository, image.Digest, "x"})
		}
	}
	again := filepath.Join(t.TempDir(), "b")
	if _, err := Make(t.Context(), again, r); err != nil {
		t.Fatal(err)
	}
	one, two := contents(t, dir), contents(t, again)
	for name := range one {
		if strings.HasPrefix(name, "data/images/blobs/") && one[name] != two[name] {
			t.Errorf("%s is not the same", name)
		}
	}
	if diff := cmp.Diff(one[indexFile], two[indexFile]); diff != "" {
		t.Errorf("index.json (-first +second):\n%s", diff)
	}
	results, err = Restore(t.Context(), dir, RestoreRequest{Registry: there.registry()})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.State != Present {
			t.Errorf("the second time %s is %s", r.Image, r.State)
		}
	}
	for _, request := range there.fake.TakeRequests() {
		if request.Method == http.MethodPut && strings.Contains(request.Path, "uploads") && request.Bytes > 100_000 {
			t.Errorf("%s %s", request.Method, request.Path)
		}
	}
}

func TestRestoreIntoAnotherProject(t *testing.T) {
	w, dir := bundled(t)
	there := other(t, "supervisor")
	r := RestoreRequest{Registry: there.registry(), Project: "supervisor", Images: []string{"app:1", "cfd"}}
	r.DryRun = true
	results, err := Restore(t.Context(), dir, r)
	if err != nil || len(results) != 2 || results[0].State != Missing {
		t.Fatalf("dry run: %+v, %v", results, err)
	}
	for _, request := range there.fake.TakeRequests() {
		if request.Method != http.MethodHead {
			t.Errorf("a dry run sent %s %s", request.Method, request.Path)
		}
	}
	r.DryRun = false
	if _, err := Restore(t.Context(), dir, r); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"app": w.app.String(), "team/cfd": w.index.String()} {
		tag := map[string]string{"app": "latest", "team/cfd": "2.0"}[name]
		if got, err := there.registry().Digest(t.Context(), "supervisor/"+name, tag); err != nil || got.String() != want {
			t.Errorf("%s:%s is %s, %v", name, tag, got, err)
		}
	}
	if got, _ := there.registry().Digest(t.Context(), "supervisor/app", signatureTag(w.app)); got == "" {
		t.Error("the signature was not restored")
	}
}

func TestRestoreRefuses(t *testing.T) {
	_, dir := bundled(t)
	tests := []struct {
		name   string
		change func(*world, *RestoreRequest)
		says   string
	}{
		{"no such project", func(_ *world, r *RestoreRequest) { r.Project = "none" }, "check that the project none is there"},
		{"no such image", func(_ *world, r *RestoreRequest) { r.Images = []string{"nothing:1"} }, `there is no image "nothing:1"`},
		{"a project that is none", func(_ *world, r *RestoreRequest) { r.Project = "../x" }, "is no name of a repository"},
		{"quota", func(w *world, _ *RestoreRequest) { w.fake.SetQuota("20260001", 3000) }, "raise that of 20260001"},
		{"read only", func(w *world, _ *RestoreRequest) { w.fake.SetReadOnly(true) }, "read only"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			there := other(t, "20260001")
			r := RestoreRequest{Registry: there.registry()}
			tt.change(there, &r)
			_, err := Restore(t.Context(), dir, r)
			if err == nil || !strings.Contains(formatted(err), tt.says) {
				t.Errorf("got %v, which does not say %q", formatted(err), tt.says)
			}
		})
	}
}

func TestTagIsTaken(t *testing.T) {
	_, dir := bundled(t)
	there := newWorld(t)
	there.fake.Push("20260001/app", "1", there.image(nil, there.layer(20)))
	there.fake.TakeRequests()
	r := RestoreRequest{Registry: there.registry()}
	_, err := Restore(t.Context(), dir, r)
	if !errors.Is(err, errTagTaken) || !strings.Contains(err.Error(), "20260001/app:1") {
		t.Fatalf("got %v", err)
	}
	for _, request := range there.fake.TakeRequests() {
		if request.Method != http.MethodHead {
			t.Errorf("a refusal sent %s %s", request.Method, request.Path)
		}
	}
	r.Overwrite = true
	if _, err := Restore(t.Context(), dir, r); err != nil {
		t.Fatal(err)
	}
	want := find(t, must(Load(dir)), "app:1").Digest
	if got := must(there.registry().Digest(t.Context(), "20260001/app", "1")); got != want {
		t.Errorf("app:1 is %s, not %s", got, want)
	}
}

// TestRestoreDiesAtEveryRequest: a registry that breaks off at any request leaves
// something that can be gone on with.
func TestRestoreDiesAtEveryRequest(t *testing.T) {
	_, dir := bundled(t)
	for n := int64(0); ; n++ {
		there := other(t, "20260001")
		var count atomic.Int64
		proxy := httputil.NewSingleHostReverseProxy(must(url.Parse(there.fake.URL)))
		proxy.ModifyResponse = func(resp *http.Response) error {
			if at := resp.Header.Get("Location"); at != "" {
				resp.Header.Set("Location", must(url.Parse(at)).RequestURI())
			}
			return nil
		}
		front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if count.Add(1) > n {
				panic(http.ErrAbortHandler)
			}
			proxy.ServeHTTP(rw, r)
		}))
		registry := NewRegistry(RegistryOptions{Base: must(url.Parse(front.URL)), User: "admin", Password: fakeharbor.AdminPassword, RetryTotal: -1, RetryDelay: time.Microsecond})
		_, err := Restore(t.Context(), dir, RestoreRequest{Registry: registry, Workers: 1})
		front.Close()
		if err == nil {
			if n < 50 {
				t.Errorf("only %d requests", n)
			}
			return
		}
		if n%(5*int64(stride(t))) != 0 { // each state differs from the one before by one request only
			continue
		}
		if _, err := Restore(t.Context(), dir, RestoreRequest{Registry: there.registry()}); err != nil {
			t.Fatalf("going on after %d requests: %v", n, err)
		}
	}
}

// TestRestoreOfDamage: a blob that is not what it should be does not get there.
func TestRestoreOfDamage(t *testing.T) {
	w, dir := bundled(t)
	there := other(t, "20260001")
	blob := filepath.Join(dir, blobFile(digestOf(t, w.shared)))
	content := must(os.ReadFile(blob))
	content[7] ^= 1
	if err := os.WriteFile(blob, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), dir, RestoreRequest{Registry: there.registry(), Images: []string{"app:1"}}); err == nil {
		t.Error("a damaged layer was uploaded")
	}
	if got := must(there.registry().Digest(t.Context(), "20260001/app", "1")); got != "" {
		t.Errorf("app:1 is %s", got)
	}
}

// TestCircle: a bundle may say that each of two signatures belongs to the other.
func TestCircle(t *testing.T) {
	w, dir := bundled(t)
	b := must(Load(dir))
	image := b.Images[slices.IndexFunc(b.Images, func(i Image) bool { return i.Digest == w.app })]
	image.Accessories = append([]Accessory{}, image.Accessories[0], image.Accessories[0])
	second := digest.FromString("second")
	image.Accessories[0].Subject, image.Accessories[1].Subject, image.Accessories[1].Digest = second, image.Accessories[0].Digest, second
	re := &restorer{r: RestoreRequest{Registry: other(t, "20260001").registry(), Workers: 1}, have: map[digest.Digest]string{}}
	re.root = must(openBundle(dir))
	defer re.root.Close()
	ended := make(chan error, 1)
	go func() { ended <- re.push(t.Context(), image) }()
	select {
	case <-ended: // with which error is no matter
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
}
