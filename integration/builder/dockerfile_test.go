//go:build e2e

package builder

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// examples is where the Dockerfiles are: most are the examples of Docker's reference,
// rewritten for a minimal base. Beside Dockerfile and context a directory may have
//
//	args             flags, one on each line
//	base.Dockerfile  is built before, as localhost/lab/onbuild
//	context.sh       makes what is not kept in git
//	want.tree        the files that the image adds to the base, where Debian's builder,
//	                 which is of 2022, does not understand the Dockerfile
//	want.config      its configuration, where Debian's differs from today's docker
const examples = "../dockerfiles"

// built is what a builder made of an example.
type built struct {
	image imageFile
	err   error
}

// TestDockerfiles: the images that jbuild builds have the files and the configuration of
// those that Debian's buildah builds as root.
func TestDockerfiles(t *testing.T) {
	dirs, err := filepath.Glob(examples + "/*/Dockerfile")
	if err != nil || len(dirs) < 30 {
		t.Fatalf("there are %d examples (%v)", len(dirs), err)
	}
	var names []string
	for _, d := range dirs {
		names = append(names, filepath.Base(filepath.Dir(d)))
	}
	files := serveFiles(t)
	peer := startPeer(t, names, files)
	eachUser(t, func(t *testing.T, s *session) {
		t.Parallel() // they share nothing but the peer, who waits for both
		s.run("pull", "-q", ref(base)).ok()
		for _, name := range names {
			if err := s.buildExample(name, files); err != nil {
				t.Fatal(err)
			}
		}
		s.run("images").ok().says("example/01-environment")
		archive := filepath.Join(s.home, "all.tar")
		save := []string{"docker-compat", "save", "-o", archive}
		for _, name := range names {
			save = append(save, "example/"+name)
		}
		s.run(save...).ok()
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				got, err := readImage(archive, "localhost/example/"+name)
				if err != nil {
					t.Fatal(err)
				}
				owners := s.user != lab.plain // without subordinate ids all is root's
				compareExample(t, name, got, peer, owners)
			})
		}
	})
}

func compareExample(t *testing.T, name string, got imageFile, peer *peer, owners bool) {
	t.Helper()
	tree, hasTree := wantedTree(t, name, owners)
	config, hasConfig := wantedConfig(t, name)
	if hasTree {
		if diff := cmp.Diff(tree, got.added(owners)); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
	}
	if hasConfig {
		if diff := cmp.Diff(config, got.config); diff != "" {
			t.Errorf("configuration (-want +got):\n%s", diff)
		}
	}
	if hasTree {
		return
	}
	if peer == nil {
		t.Skip("Debian's buildah is run as root only")
	}
	want := peer.wait(name)
	if want.err != nil {
		t.Fatalf("Debian's buildah: %v", want.err)
	}
	if diff := cmp.Diff(want.image.tree.lines(owners), got.tree.lines(owners)); diff != "" {
		t.Errorf("files (-Debian's buildah +jbuild):\n%s", diff)
	}
	if diff := cmp.Diff(want.image.config, got.config); diff != "" && !hasConfig {
		t.Errorf("configuration (-Debian's buildah +jbuild):\n%s", diff)
	}
}

// wantedTree is what an example says of the files that are not the base's.
func wantedTree(t *testing.T, name string, owners bool) ([]string, bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examples, name, "want.tree"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(text)), "\n")
	if !owners {
		for i, line := range want {
			want[i] = strings.Replace(line, " 0:0", " -", 1)
		}
	}
	return want, true
}

// wantedConfig is what an example says of the configuration.
func wantedConfig(t *testing.T, name string) (config map[string]any, ok bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examples, name, "want.config"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if err = errors.Join(err, json.Unmarshal(text, &config)); err != nil {
		t.Fatal(err)
	}
	return config, true
}

// serveFiles serves what ADD fetches.
func serveFiles(t *testing.T) string {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	err := w.WriteHeader(&tar.Header{Name: "inside", Mode: 0o644, Size: 2})
	if _, err2 := w.Write([]byte("x\n")); errors.Join(err, err2, w.Close()) != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for path, content := range map[string][]byte{"/greeting.txt": []byte("hello\n"), "/archive.tar": archive.Bytes()} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) })
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// exampleEnv is a variable that an example makes a secret of.
const exampleEnv = "EXAMPLE=a variable's value"

// exampleArgs are the flags with which both builders build an example.
func exampleArgs(name, files string) ([]string, error) {
	args := []string{"--build-arg=BASE=" + ref(base)}
	dockerfile, err := os.ReadFile(filepath.Join(examples, name, "Dockerfile"))
	if err != nil {
		return nil, err
	}
	for arg, value := range map[string]string{"FILES": files, "PACKAGES": lab.packages.URL} {
		if bytes.Contains(dockerfile, []byte("ARG "+arg+"\n")) {
			args = append(args, "--build-arg="+arg+"="+value)
		}
	}
	more, err := os.ReadFile(filepath.Join(examples, name, "args"))
	if err == nil {
		args = append(args, strings.Split(strings.TrimSpace(string(more)), "\n")...)
	}
	return args, nil
}

// layOut copies an example to where a builder can work with it.
func layOut(name, dir string, run func(dir, program string, args ...string) error) error {
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(examples, name))); err != nil {
		return err
	}
	_, err := os.Stat(filepath.Join(dir, "context.sh"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, run(dir, "sh", "-e", "context.sh"))
}

// buildExample builds an example with jbuild.
func (s *session) buildExample(name, files string) error {
	dir := filepath.Join(s.home, name)
	run := func(dir, program string, args ...string) error {
		ctx, cancel := context.WithTimeout(s.t.Context(), patience)
		defer cancel()
		cmd := s.command(ctx, program, args...)
		cmd.Dir, cmd.Env = dir, append(slices.Clone(cmd.Env), exampleEnv)
		return quiet(cmd)
	}
	err := layOut(name, dir, func(dir, program string, args ...string) error {
		return errors.Join(chownAll(dir, s.user.UID, s.user.GID), run(dir, program, args...))
	})
	if err = errors.Join(err, chownAll(dir, s.user.UID, s.user.GID)); err != nil {
		return err
	}
	args, err := exampleArgs(name, files)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "base.Dockerfile")); err == nil {
		if err := run(dir, lab.jbuild, append([]string{"build", "-t", "lab/onbuild", "-f", "base.Dockerfile", "."}, args...)...); err != nil {
			return err
		}
	}
	return run(dir, lab.jbuild, append([]string{"build", "-t", "example/" + name, "."}, args...)...)
}

func chownAll(dir string, uid, gid int) error {
	if os.Getuid() != 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, gid))
	})
}

// quiet runs a command whose output matters only if it fails.
func quiet(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// peer is Debian's buildah at work.
type peer struct {
	dir     string
	results map[string]chan built
}

// startPeer builds all examples with Debian's buildah, while others do something else. It
// is nil when that needs another user.
func startPeer(t *testing.T, names []string, files string) *peer {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	if _, err := exec.LookPath("buildah"); err != nil {
		t.Fatalf("%v: run integration/setup.sh test", err)
	}
	p := &peer{dir: filepath.Join(lab.dir, "peer"), results: map[string]chan built{}}
	if err := os.Mkdir(p.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		p.results[name] = make(chan built, 1)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, name := range names {
			if _, err := os.Stat(filepath.Join(examples, name, "want.tree")); err == nil {
				continue
			}
			image, err := p.build(ctx, name, files)
			p.results[name] <- built{image, err}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := p.buildah(context.Background(), "", "rmi", "--all", "--force"); err != nil {
			t.Error(err)
		}
	})
	return p
}

// wait returns the result of an example, which stays there for the next who asks.
func (p *peer) wait(name string) built {
	result := <-p.results[name]
	p.results[name] <- result
	return result
}

func (p *peer) build(ctx context.Context, name, files string) (imageFile, error) {
	dir := filepath.Join(p.dir, name)
	err := layOut(name, dir, func(dir, program string, args ...string) error {
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Dir = dir
		return quiet(cmd)
	})
	if err != nil {
		return imageFile{}, err
	}
	args, err := exampleArgs(name, files)
	if err != nil {
		return imageFile{}, err
	}
	bud := func(image string, more ...string) error {
		flags := append([]string{"bud", "--isolation=chroot", "--format=docker", "--layers", "--tls-verify=false", "-t", image}, args...)
		return p.buildah(ctx, dir, append(append(flags, more...), ".")...)
	}
	if _, err := os.Stat(filepath.Join(dir, "base.Dockerfile")); err == nil {
		if err := bud("localhost/lab/onbuild", "-f", "base.Dockerfile"); err != nil {
			return imageFile{}, err
		}
	}
	image := "localhost/example/" + name
	if err := bud(image, "-f", "Dockerfile"); err != nil {
		return imageFile{}, err
	}
	archive := filepath.Join(p.dir, name+".tar")
	defer os.Remove(archive)
	if err := p.buildah(ctx, dir, "push", image, "docker-archive:"+archive); err != nil {
		return imageFile{}, err
	}
	return readImage(archive, "")
}

func (p *peer) buildah(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "buildah", append([]string{
		"--root", filepath.Join(p.dir, "storage"), "--runroot", filepath.Join(p.dir, "run"), "--storage-driver", driverFor(p.dir),
	}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), exampleEnv, "TMPDIR="+p.dir) // the caches of RUN --mount, too
	return quiet(cmd)
}

// driverFor is vfs where a directory is on an overlay itself, as in containers.
func driverFor(dir string) string {
	out, err := exec.Command("stat", "--file-system", "--format=%T", filepath.Dir(dir)).Output()
	if err != nil || strings.Contains(string(out), "overlay") {
		return "vfs"
	}
	return "overlay"
}
