//go:build e2e

package admin

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/integration/images"
)

// registry is a Harbor, and who administers it.
type registry struct {
	t              *testing.T
	fake           *fakeharbor.Server // nil for a real one
	url, host      string
	user, password string
	client         *harbor.Client
}

func newRegistry(t *testing.T) *registry {
	t.Helper()
	r := &registry{t: t, url: os.Getenv("HARBOR_URL"), user: os.Getenv("HARBOR_USER"), password: os.Getenv("HARBOR_PASSWORD")}
	if r.url == "" {
		r.fake = fakeharbor.New(fakeharbor.Options{})
		t.Cleanup(func() {
			if r.fake != nil {
				r.fake.Close()
			}
		})
		r.url, r.user, r.password = r.fake.URL, fakeharbor.AdminUser, fakeharbor.AdminPassword
	}
	base, err := url.Parse(r.url)
	check(t, err)
	r.host = base.Host
	r.client = harbor.New(harbor.Options{Base: base, HTTP: http.DefaultClient, User: r.user, Password: r.password, UserAgent: "jadm's tests"})
	return r
}

// real reports whether it is one that others wrote.
func (r *registry) real() bool { return r.fake == nil }

// admit lets people log in whom a real Harbor finds in the directory by itself.
func (r *registry) admit(groups []string, all ...person) {
	if r.fake == nil {
		return
	}
	for _, p := range all {
		r.fake.AddUser(fakeharbor.User{Name: p.id, Password: p.password, RealName: p.name, Email: p.mail(), Groups: groups})
	}
}

// end makes it go away. A real one stays.
func (r *registry) end() {
	if r.fake != nil {
		r.fake.Close()
		r.fake, r.url = nil, "" // so that nobody asks it by mistake
	}
}

// push uploads an image as somebody, and returns its digest.
func (r *registry) push(who person, to string, img v1.Image) string {
	r.t.Helper()
	check(r.t, images.Push(r.t.Context(), r.host+"/"+to, img, authn.FromConfig(authn.AuthConfig{Username: who.id, Password: who.password})))
	d, err := img.Digest()
	check(r.t, err)
	return d.String()
}

// pushIndex uploads an index of an image for this platform and another.
func (r *registry) pushIndex(who person, to string, img v1.Image) {
	r.t.Helper()
	var index v1.ImageIndex = empty.Index
	for _, architecture := range []string{"amd64", "s390x"} {
		file, err := img.ConfigFile()
		check(r.t, err)
		file = file.DeepCopy()
		file.Architecture = architecture
		one, err := mutate.ConfigFile(img, file)
		check(r.t, err)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: one, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}}})
	}
	ref, err := name.ParseReference(r.host+"/"+to, name.Insecure)
	check(r.t, err, remote.WriteIndex(ref, index, remote.WithContext(r.t.Context()), remote.WithAuth(authn.FromConfig(authn.AuthConfig{Username: who.id, Password: who.password}))))
}

// pulled is when Harbor says that a tag was pulled.
func (r *registry) pulled(project, repository, tag string) time.Time {
	r.t.Helper()
	a, err := r.client.Artifact(r.t.Context(), project, repository, tag)
	check(r.t, err)
	return a.Pulled
}

// has reports whether there is a tag.
func (r *registry) has(project, repository, tag string) bool {
	r.t.Helper()
	_, err := r.client.Artifact(r.t.Context(), project, repository, tag)
	if err != nil && harbor.Status(err) != http.StatusNotFound {
		r.t.Fatal(err)
	}
	return err == nil
}

// removeProjects takes from a real Harbor what the test has made.
func (r *registry) removeProjects(robots []string, projects ...string) {
	if r.url == "" || r.fake != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience) // the test's own has ended
	defer cancel()
	told := func(err error) {
		if err != nil && harbor.Status(err) != http.StatusNotFound {
			r.t.Errorf("cleaning up at Harbor: %v", err)
		}
	}
	for _, p := range projects {
		if _, err := r.client.Project(ctx, p); err != nil {
			continue
		}
		for rule, err := range r.client.ImmutableRules(ctx, p) {
			told(err)
			told(r.client.DeleteImmutableRule(ctx, p, rule.ID))
		}
		repositories, err := harbor.All(r.client.Repositories(ctx, p))
		told(err)
		for _, repository := range repositories {
			told(r.client.DeleteRepository(ctx, p, repository.Name[len(p)+1:]))
		}
		told(r.client.DeleteProject(ctx, p))
	}
	all, err := harbor.All(r.client.SystemRobots(ctx))
	told(err)
	for _, robot := range all {
		if slices.Contains(robots, robot.Name) {
			told(r.client.DeleteRobot(ctx, robot.ID))
		}
	}
}
