package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/jrun-hpc/jrun/integration/images"
	"github.com/jrun-hpc/jrun/integration/ordinary"
	"github.com/jrun-hpc/jrun/integration/registry"
)

// bench is what all measurements share.
type bench struct {
	rounds   int
	dir      string // belongs to the user; removed at the end
	user     *ordinary.Account
	jrun     string
	registry *registry.Server
	image    string // reference of the scientific Python image
	minimal  string // reference of the minimal image
	flatTar  string // what image unpacks to, as a tar
}

func main() {
	if copies, err := strconv.Atoi(os.Getenv(copiesVariable)); err == nil {
		exitWith(measureHere(copies, os.Args[1:]))
	}
	rounds := flag.Int("rounds", 5, "how often each thing is measured")
	only := flag.String("only", "", "measure only some of conversion,start,files (default all)")
	dir := flag.String("dir", "/dev/shm", "where work files go; memory by default, so that no disk is measured")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, *rounds, *only, *dir)
	stop()
	exitWith(err)
}

func exitWith(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(ctx context.Context, rounds int, only, parent string) (err error) {
	parts := []struct {
		name    string
		measure func(context.Context, *bench) error
	}{{"conversion", benchConversion}, {"start", benchStart}, {"files", benchFiles}}
	b, err := newBench(ctx, rounds, parent)
	if b != nil {
		defer func() { err = errors.Join(err, b.close()) }()
	}
	if err != nil {
		return err
	}
	printMachine(rounds)
	for _, part := range parts {
		if only != "" && !slices.Contains(strings.Split(only, ","), part.name) {
			continue
		}
		if err := part.measure(ctx, b); err != nil {
			return fmt.Errorf("measuring %s: %w", part.name, err)
		}
	}
	return nil
}

func newBench(ctx context.Context, rounds int, parent string) (*bench, error) {
	user, err := ordinary.Current("jrun-test")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, "jrun-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{rounds: rounds, dir: dir, user: user}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chown(dir, user.UID, user.GID)); err != nil {
		return b, err
	}
	if b.jrun, err = ordinary.CopyBinary(".", dir); err != nil {
		return b, err
	}
	if b.flatTar, err = b.copyFlatTar(ctx); err != nil {
		return b, err
	}
	if b.registry, err = registry.Start(ctx, filepath.Join(dir, "registry"), ""); err != nil {
		return b, err
	}
	python, err := images.Python(ctx, images.Docker)
	if err != nil {
		return b, err
	}
	minimal, err := images.Minimal(ctx, images.Docker)
	if err != nil {
		return b, err
	}
	b.image, b.minimal = b.registry.Host+"/bench/python:3", b.registry.Host+"/bench/minimal:1"
	return b, errors.Join(
		images.Push(ctx, b.image, python, authn.Anonymous),
		images.Push(ctx, b.minimal, minimal, authn.Anonymous))
}

// copyFlatTar puts the tar that peers convert where the user can read it.
func (b *bench) copyFlatTar(ctx context.Context) (string, error) {
	from, err := images.PythonRootFS(ctx)
	if err != nil {
		return "", err
	}
	to := filepath.Join(b.dir, "flat.tar")
	content, err := os.ReadFile(from)
	if err != nil {
		return "", err
	}
	return to, os.WriteFile(to, content, 0o644)
}

func (b *bench) close() error {
	if b.registry != nil {
		b.registry.Stop()
	}
	return os.RemoveAll(b.dir)
}

// shell is a task of the user that runs a script of the POSIX shell, with
// words to name things by.
func (b *bench) shell(script string, env map[string]string) task {
	return task{user: b.user, dir: b.dir, env: env, args: []string{"/bin/sh", "-euc", script}}
}

// jrunTask runs jrun with a store of its own name below the work directory.
func (b *bench) jrunTask(store string, args ...string) task {
	return task{
		user: b.user, dir: b.dir, args: append([]string{b.jrun}, args...),
		env: map[string]string{"JRUN_STORE": filepath.Join(b.dir, store)},
	}
}
