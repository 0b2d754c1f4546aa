package bundle

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor"
)

// TestRealHarbor restores a bundle with something of every kind into a real Harbor, and
// makes one of what is there then. HARBOR_URL, HARBOR_USER and HARBOR_PASSWORD name it
// and its administrator.
func TestRealHarbor(t *testing.T) {
	if os.Getenv("HARBOR_URL") == "" {
		t.Skip("HARBOR_URL names no Harbor")
	}
	_, dir := bundled(t)
	base := must(url.Parse(os.Getenv("HARBOR_URL")))
	user, password := os.Getenv("HARBOR_USER"), os.Getenv("HARBOR_PASSWORD")
	client := harbor.New(harbor.Options{Base: base, User: user, Password: password})
	registry := NewRegistry(RegistryOptions{Base: base, User: user, Password: password})
	project := "bundle-" + strings.ToLower(rand.Text()[:8])
	if err := client.CreateProject(t.Context(), harbor.NewProject{Name: project}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeProject(t, client, project) })

	if _, err := Restore(t.Context(), dir, RestoreRequest{Registry: registry, Project: project}); err != nil {
		t.Fatal(err)
	}
	results, err := Restore(t.Context(), dir, RestoreRequest{Registry: registry, Project: project})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.State != Present {
			t.Errorf("the second time %s is %s", r.Image, r.State)
		}
	}
	b := must(Load(dir))
	r := Request{Owner: Owner{ID: project}, Source: client, Registry: registry, Projects: []string{project}, Now: noon}
	for _, image := range b.Images {
		if len(image.Tags) == 0 {
			_, rest, _ := strings.Cut(image.Repository, "/")
			r.Pins = append(r.Pins, Pin{project + "/" + rest, image.Digest, "cited"})
		}
	}
	again := filepath.Join(t.TempDir(), "b")
	if _, err := Make(t.Context(), again, r); err != nil {
		t.Fatal(err)
	}
	one, two := map[string]string{}, map[string]string{}
	for name, text := range contents(t, dir) {
		if strings.Contains(name, "/blobs/") {
			one[name] = hexSum([]byte(text))
		}
	}
	for name, text := range contents(t, again) {
		if strings.Contains(name, "/blobs/") {
			two[name] = hexSum([]byte(text))
		}
	}
	if diff := cmp.Diff(one, two); diff != "" {
		t.Errorf("blobs (-first +second):\n%s", diff)
	}
	second := must(Load(again))
	if second.LeftOut != 0 {
		t.Errorf("Harbor lists %d artifacts more than it was given", second.LeftOut)
	}
	if len(second.Images) != len(b.Images) {
		t.Fatalf("there are %v, and were %v", second.Images, b.Images)
	}
	for i, image := range second.Images {
		first := b.Images[i]
		if image.Digest != first.Digest || !cmp.Equal(image.Tags, first.Tags) || len(image.Accessories) != len(first.Accessories) {
			t.Errorf("it is\n%+v\nand was\n%+v", image, first)
		}
	}
}

func removeProject(t *testing.T, client *harbor.Client, project string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	repositories, err := harbor.All(client.Repositories(ctx, project))
	if err != nil {
		t.Error(err)
	}
	for _, repository := range repositories {
		_, name, _ := strings.Cut(repository.Name, "/")
		if err := client.DeleteRepository(ctx, project, name); err != nil {
			t.Error(err)
		}
	}
	if err := client.DeleteProject(ctx, project); err != nil {
		t.Error(err)
	}
}
