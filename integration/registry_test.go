//go:build e2e

package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/jrun-hpc/jrun/integration/images"
)

// The private registry's only user. The hash is bcrypt's of the password.
const (
	registryUser     = "alice"
	registryPassword = "secret"
	htpasswd         = "alice:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"
)

// registry is a running docker-registry of Debian's.
type registry struct {
	host string // address and port
	data string // its storage
	cmd  *exec.Cmd
}

// startRegistry runs a registry on a free port of the loopback interface, with
// everything in dir. passwords is a htpasswd file's content, empty for none.
func startRegistry(ctx context.Context, dir, passwords string) (*registry, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &registry{host: listener.Addr().String(), data: filepath.Join(dir, "data")}
	listener.Close()
	if err := os.MkdirAll(r.data, 0o700); err != nil {
		return nil, err
	}
	config := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"+
		"storage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: %s}\n", r.data, r.host)
	if passwords != "" {
		path := filepath.Join(dir, "htpasswd")
		if err := os.WriteFile(path, []byte(passwords), 0o600); err != nil {
			return nil, err
		}
		config += fmt.Sprintf("auth: {htpasswd: {realm: test, path: %s}}\n", path)
	}
	configPath := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(configPath, []byte(config), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r.cmd = exec.Command("docker-registry", "serve", configPath)
	r.cmd.Stdout, r.cmd.Stderr = log, log
	// The registry must not outlive tests that are killed.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting docker-registry (installed by integration/setup.sh test): %w", err)
	}
	if err := r.await(ctx); err != nil {
		r.stop()
		text, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("waiting for docker-registry: %w\n%s", err, text)
	}
	return r, nil
}

func (r *registry) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		response, err := http.Get("http://" + r.host + "/v2/")
		if err == nil {
			response.Body.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (r *registry) stop() {
	r.cmd.Process.Kill()
	r.cmd.Wait()
}

// ref is the reference of an image in the lab's registry.
func ref(name string) string { return lab.registry.host + "/" + name }

// fillRegistries pushes all images that tests take for granted.
func fillRegistries(ctx context.Context) error {
	type maker = func(context.Context, images.Flavour) (v1.Image, error)
	static := func(ctx context.Context, f images.Flavour) (v1.Image, error) { return images.Static(ctx, f) }
	foreign := func(ctx context.Context, f images.Flavour) (v1.Image, error) {
		return images.ForArchitecture(ctx, f, images.ForeignArchitecture())
	}
	empty := func(_ context.Context, f images.Flavour) (v1.Image, error) { return images.Empty(f) }
	for _, i := range []struct {
		name    string
		flavour images.Flavour
		make    maker
	}{
		{minimal, images.Docker, images.Minimal},
		{"demo/minimal:oci", images.OCI, images.Minimal},
		{"demo/minimal:zstd", images.OCIZstd, images.Minimal},
		{"demo/minimal:tar", images.OCITar, images.Minimal},
		{python, images.Docker, images.Python},
		{"demo/python:zstd", images.OCIZstd, images.Python},
		{configured, images.Docker, configuredImage},
		{layered, images.Docker, layeredImage},
		{"demo/layered:zstd", images.OCIZstd, layeredImage},
		{"demo/static:latest", images.OCI, static},
		{"demo/foreign:latest", images.OCI, foreign},
		{"demo/empty:latest", images.OCI, empty},
	} {
		img, err := i.make(ctx, i.flavour)
		if err != nil {
			return fmt.Errorf("making %s: %w", i.name, err)
		}
		if err := images.Push(ctx, ref(i.name), img, authn.Anonymous); err != nil {
			return err
		}
	}
	return fillSpecial(ctx)
}

// fillSpecial pushes an index, the hostile images, and one for those who have
// the password.
func fillSpecial(ctx context.Context) error {
	index, err := images.MultiArchitecture(ctx, images.OCI, images.ForeignArchitecture(), hostArchitecture)
	if err != nil {
		return err
	}
	if err := images.PushIndex(ctx, ref("demo/multi:latest"), index); err != nil {
		return err
	}
	hostile, err := images.Hostile()
	if err != nil {
		return err
	}
	for _, bad := range hostile {
		if err := images.Push(ctx, ref("hostile/"+bad.Name+":latest"), bad.Image, authn.Anonymous); err != nil {
			return err
		}
	}
	static, err := images.Static(ctx, images.OCI)
	if err != nil {
		return err
	}
	login := &authn.Basic{Username: registryUser, Password: registryPassword}
	return images.Push(ctx, lab.private.host+"/secret/static:latest", static, login)
}
