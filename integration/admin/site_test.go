//go:build e2e

package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/jrun-hpc/jrun/integration/images"
)

// site is all that an administrator looks after.
type site struct {
	t         *testing.T
	whole     *testing.T // the story's, where what is started lasts
	dir       string
	jadm      string // programs
	ahead     string // jadm with a clock that can be put ahead
	jrun      string
	registry  *registry
	directory *directory
	service   *account // runs jadm
	alice     *account // ordinary users, who are the people below
	bob       *account
	hanako    person
	taro      person
	suzuki    person // supervises both
	gone      person // whose account has ended
	config    string // jadm.toml
	store     string
	listen    string // of jadm serve
	suffix    string // of names that are this run's alone
	shared    string // projects
	lab       string
	group     string // DN

	serving *exec.Cmd
	log     bytes.Buffer
	ended   chan error
}

// newSite makes programs, accounts, people and a Harbor that knows nobody yet.
func newSite(t *testing.T) *site {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("it runs programs as three accounts of integration/setup.sh, which only root can")
	}
	syscall.Umask(0o022)
	// Not below /tmp, which jobs of jrun see, and not below t.TempDir, which is private.
	dir, err := os.MkdirTemp("/var/tmp", "jadm-e2e-")
	check(t, err, os.Chmod(dir, 0o755))
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing the site: %v", err)
		}
	})
	s := &site{t: t, dir: dir, suffix: fmt.Sprintf("%06d", rand.IntN(1_000_000)), store: filepath.Join(dir, "store"), config: filepath.Join(dir, "etc", "jadm.toml")}
	s.jadm, s.jrun, s.ahead = copyProgram(t, "jadm", dir), copyProgram(t, "jrun", dir), buildMoved(t, dir)
	s.service, s.alice, s.bob = newAccount(t, dir, "jrun-bench"), newAccount(t, dir, "jrun-test"), newAccount(t, dir, "jrun-test2")
	s.registry = newRegistry(t)
	s.directory = newDirectory(t, s.registry.real())
	s.addPeople()
	return s
}

// addPeople adds people with student numbers, of whom two are the accounts of this machine.
func (s *site) addPeople() {
	id := func(n int) string { return fmt.Sprintf("9%s%d", s.suffix, n) }
	s.hanako = person{id: id(1), name: "山田 花子", uid: s.alice.UID, password: "Hanako-12345"}
	s.taro = person{id: id(2), name: "Taro Sato", uid: s.bob.UID, password: "Taro-12345"}
	s.suzuki = person{id: id(3), name: "Ichiro Suzuki", uid: 71003, password: "Suzuki-12345"}
	s.gone = person{id: id(4), name: "Somebody Gone", uid: 71004, password: "Gone-12345", ended: true}
	s.shared, s.lab = "base-"+s.suffix, "lab-"+s.suffix
	s.directory.add(s.suzuki, "")
	s.directory.add(s.hanako, s.directory.dn(s.suzuki))
	s.directory.add(s.taro, s.directory.dn(s.suzuki))
	s.directory.add(s.gone, "")
	s.group = s.directory.addGroup("members-"+s.suffix, s.hanako, s.taro, s.gone)
	s.registry.admit([]string{s.group}, s.hanako, s.taro, s.gone)
	s.registry.admit(nil, s.suzuki)
	s.t.Cleanup(func() {
		s.registry.removeProjects([]string{"robot$nodes-" + s.hanako.id, "robot$nodes-" + s.taro.id}, s.shared, s.lab, s.hanako.id, s.taro.id)
	})
}

// project of a person.
func (p person) project() string { return strings.ToLower(p.id) }

// as runs jadm as the service account.
func (s *site) as(args ...string) string { s.t.Helper(); return s.service.ok(s.jadm, args...) }

// later runs the jadm whose clock is some days ahead.
func (s *site) later(days int, args ...string) string {
	s.t.Helper()
	s.service.env["JADM_CLOCK_AHEAD"] = fmt.Sprintf("%dh", 24*days)
	defer delete(s.service.env, "JADM_CLOCK_AHEAD")
	return s.service.ok(s.ahead, args...)
}

// configure is what an administrator does with an editor, after jadm init.
func (s *site) configure(labGuests string) {
	s.t.Helper()
	etc := filepath.Dir(s.config)
	text := fmt.Sprintf(`state = %q
[harbor]
url = %q
user = %q
password_file = "harbor.password"
[store]
path = %q
[serve]
listen = %q
webhook_secret_file = "webhook.secret"
poll_every = "2s"
min_free = "1M"
include = ["*-%s", "9%s*"]
[onboarding]
no_first_logins = true
[usage]
grace = "0"
longest_job = "1s"
[leaving]
undelete = "1d"
archive_dir = %q
`, filepath.Join(s.dir, "state"), s.registry.url, s.registry.user, s.store, s.listen, s.suffix, s.suffix, filepath.Join(s.dir, "archive")) + s.directory.settings("ldap.password")
	s.service.write(s.config, text)
	s.service.write(filepath.Join(etc, "desired.toml"), fmt.Sprintf(`
[shared.%s]
guests = [%q]
[lab.%s]
admins = [%q]
developers = [%q]
guests = [%s]
retention = { keep_last = 1 }
[people]
groups = [%q]
quota = "1G"
[webhook.jadm]
address = "http://%s/v1/webhook"
secret_file = "webhook.secret"
`, s.shared, s.suzuki.id, s.lab, s.suzuki.id, s.hanako.id, labGuests, s.group, s.listen))
}

// serve starts jadm serve, which ends with the test.
func (s *site) serve() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.serving = s.service.command(ctx, s.jadm, "serve")
	s.log.Reset()
	s.serving.Stderr = &s.log
	check(s.t, s.serving.Start())
	s.ended = make(chan error, 1)
	go func() { s.ended <- s.serving.Wait() }()
	s.t.Cleanup(func() { cancel(); s.stop() })
	eventually(s.t, "jadm serve is well", func() bool {
		select {
		case err := <-s.ended:
			s.t.Fatalf("jadm serve ended: %v\n%s", err, s.log.String())
		default:
		}
		r, err := http.Get("http://" + s.listen + "/healthz")
		if err != nil {
			return false
		}
		return errors.Join(r.Body.Close()) == nil && r.StatusCode == http.StatusOK
	})
}

// stop ends jadm serve as systemd does.
func (s *site) stop() {
	if s.serving == nil {
		return
	}
	_ = s.serving.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-s.ended:
	case <-time.After(patience):
		_ = s.serving.Process.Kill()
		s.t.Errorf("jadm serve did not end:\n%s", s.log.String())
	}
	s.serving = nil
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	return l.Addr().String()
}

// objects are the converted images of a project in the site's part of the store.
func (s *site) objects(project string) []string {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.store, "site", s.registry.host, project, "objects", "*.sqfs"))
	check(s.t, err)
	return found
}

// own are the images that a user has converted.
func (s *site) own(a *account) []string {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.store, "user", fmt.Sprint(a.UID), "objects", "*.sqfs"))
	check(s.t, err)
	return found
}

// ready waits until a project has so many converted images.
func (s *site) ready(project string, images int) {
	s.t.Helper()
	begun := time.Now()
	eventually(s.t, fmt.Sprintf("%s has %d converted images", project, images), func() bool { return len(s.objects(project)) == images })
	s.t.Logf("ready %s after the push", time.Since(begun).Round(time.Millisecond))
}

// try runs a shell in an image as a user.
func (s *site) try(a *account, image, script string) outcome {
	s.t.Helper()
	return a.try(s.jrun, "--tls-verify=false", "run", s.registry.host+"/"+image, "--", "sh", "-c", script)
}

// runs runs a shell in an image, which must say what is wanted.
func (s *site) runs(a *account, image, want string) {
	s.t.Helper()
	o := s.try(a, image, `echo "$EDITION of $0"`)
	if o.code != 0 || !strings.HasPrefix(o.stdout, want+" of") {
		s.t.Fatalf("it does not say %q: %s", want, o)
	}
}

// edition is an image with a shell, which knows which one it is.
func (s *site) edition(name string) v1.Image {
	s.t.Helper()
	img, err := images.HostTools(s.t.Context(), images.OCI, "cat")
	check(s.t, err)
	file, err := img.ConfigFile()
	check(s.t, err)
	config := file.Config.DeepCopy()
	config.Env = append(config.Env, "EDITION="+name)
	img, err = mutate.Config(img, *config)
	check(s.t, err)
	return img
}
