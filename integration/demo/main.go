// Command demo shows jrun at work on this machine alone: a registry on the
// loopback interface with a small real image in it, and an ordinary user who
// pulls that image and runs a command inside. Nothing remains of it.
//
// `make demo` installs what it needs, builds jrun and starts it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/jrun-hpc/jrun/integration/images"
	"github.com/jrun-hpc/jrun/integration/ordinary"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := demonstrate(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demonstrate(ctx context.Context) (err error) {
	user, err := ordinary.Current("jrun-test")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("/var/tmp", "jrun-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	work := filepath.Join(dir, "work")
	if err := user.Mkdir(work); err != nil {
		return err
	}
	jrun, err := ordinary.CopyBinary(".", dir)
	if err != nil {
		return err
	}

	img, err := smallImage(ctx)
	if err != nil {
		return err
	}
	host, stop, err := serveRegistry(ctx)
	if err != nil {
		return err
	}
	defer stop()
	image := host + "/demo/small:latest"
	if err := images.Push(ctx, image, img, authn.Anonymous); err != nil {
		return err
	}
	fmt.Printf("# A registry listens on %s. What follows is run by %s (uid %d).\n", host, user.Name, user.UID)

	for _, args := range [][]string{
		{"pull", image},
		{"images"},
		{"run", image, "--", "sh", "-c", "cat /etc/os-release; id"},
		{"rm", image},
	} {
		if err := run(ctx, user, jrun, work, args); err != nil {
			return err
		}
	}
	return nil
}

// run prints a command line as a person would type it, and runs it.
func run(ctx context.Context, user *ordinary.Account, jrun, dir string, args []string) error {
	fmt.Printf("\n$ jrun %s\n", strings.Join(quoted(args), " "))
	cmd := exec.CommandContext(ctx, jrun, args...)
	cmd.Dir = dir
	env := user.Environment()
	env["JRUN_STORE"] = filepath.Join(dir, "store")
	for _, name := range slices.Sorted(maps.Keys(env)) {
		cmd.Env = append(cmd.Env, name+"="+env[name])
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user.Credential()}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("jrun %s: %w", args[0], err)
	}
	return nil
}

func quoted(args []string) []string {
	var words []string
	for _, arg := range args {
		if strings.ContainsAny(arg, " ;") {
			arg = "'" + arg + "'"
		}
		words = append(words, arg)
	}
	return words
}

// smallImage is made of the distribution's packages or, where that cannot be
// done, of this machine's own shell and tools.
func smallImage(ctx context.Context) (v1.Image, error) {
	img, err := images.Minimal(ctx, images.Docker)
	if err == nil || ctx.Err() != nil {
		return img, err
	}
	fmt.Fprintf(os.Stderr, "demo: %v\ndemo: taking this machine's own shell instead\n", err)
	return images.HostTools(ctx, images.Docker, "cat", "id", "ls")
}

// serveRegistry starts an empty registry in memory on the loopback interface.
func serveRegistry(ctx context.Context) (host string, stop func(), err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("opening a port for the registry: %w", err)
	}
	server := &http.Server{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	go server.Serve(listener)
	return listener.Addr().String(), func() { server.Close() }, nil
}
