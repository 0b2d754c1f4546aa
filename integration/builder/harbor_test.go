//go:build e2e

package builder

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/integration/images"
	"github.com/jrun-hpc/jrun/integration/registry"
	"golang.org/x/crypto/bcrypt"
)

// campus is a Harbor with what a site has: a project of images for everybody, and a
// user with a project.
type campus struct {
	*fakeharbor.Server
	user, password string
}

// sharedImages are the repositories of the shared project.
var sharedImages = []struct {
	name, description string
	tags              []string
}{
	{"shared/debian", "Debian, a plain system", []string{"12.10", "12.11", "12"}},
	{"shared/python", "Python with NumPy and SciPy", []string{"3.11"}},
}

// aptImage is made once for all; reading it takes a moment.
var aptImage = sync.OnceValues(func() (v1.Image, error) { return images.Apt(context.Background(), images.Docker) })

func startCampus(t *testing.T) *campus {
	t.Helper()
	img, err := aptImage()
	if err != nil {
		t.Fatal(err)
	}
	c := &campus{Server: fakeharbor.New(fakeharbor.Options{}), user: "taro", password: "himitsu-7"}
	t.Cleanup(c.Close)
	c.AddUser(fakeharbor.User{Name: c.user, Password: c.password})
	c.AddProject(fakeharbor.Project{Name: "shared", Public: true})
	c.AddProject(fakeharbor.Project{Name: c.user, QuotaBytes: 10 << 30, Immutable: []string{"final*"}})
	c.AddMember(c.user, c.user, fakeharbor.Developer)
	for n, shared := range sharedImages {
		for i, tag := range shared.tags {
			d := c.Push(shared.name, tag, img)
			c.SetPushed(shared.name, d.String(), time.Date(2026, 11, 2+n, 9, i, 0, 0, time.UTC))
		}
		c.SetDescription(shared.name, shared.description)
	}
	return c
}

// withLogin is a registry that is no Harbor, for one user.
type withLogin struct{ *registry.Server }

func startWithLogin(t *testing.T, user, password string) withLogin {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(lab.dir, "registry-")
	if err != nil {
		t.Fatal(err)
	}
	r, err := registry.Start(t.Context(), dir, user+":"+string(hash)+"\n")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Stop()
		_ = os.RemoveAll(dir)
	})
	img, err := aptImage()
	if err != nil {
		t.Fatal(err)
	}
	if err := images.Push(t.Context(), r.Host+"/"+base, img, &authn.Basic{Username: user, Password: password}); err != nil {
		t.Fatal(err)
	}
	return withLogin{r}
}

func (r withLogin) settles(s *session) { s.settle(fmt.Sprintf("registry = %q\n", r.Host)) }

// settles names this Harbor in the user's jbuild.toml.
func (c *campus) settles(s *session) {
	s.settle(fmt.Sprintf("registry = %q\nbase_projects = ['shared']\n", c.Host))
}

// settle writes a jbuild.toml.
func (s *session) settle(text string) {
	s.t.Helper()
	dir := filepath.Join(s.home, ".config/jbuild")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "jbuild.toml"), []byte(text), 0o644)); err != nil {
		s.t.Fatal(err)
	}
	// The user keeps the login beside it.
	for _, dir := range []string{filepath.Join(s.home, ".config"), dir} {
		if err := os.Chown(dir, s.user.UID, s.user.GID); err != nil {
			s.t.Fatal(err)
		}
	}
}

// golden compares a text with a file; with -update it writes the file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
