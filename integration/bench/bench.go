package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/jrun-hpc/jrun/integration/images"
	"github.com/jrun-hpc/jrun/integration/ordinary"
	"github.com/jrun-hpc/jrun/integration/registry"
)

// bench is what all measurements share.
type bench struct {
	rounds   int
	dir      string // belongs to the user; removed at the end
	mounted  bool   // dir is a file system of its own
	user     *ordinary.Account
	jrun     string
	registry *registry.Server
	minimal  string // reference of the minimal image
	subjects []subject
}

// memory is where work files are kept if nothing else is said.
const memory = "/dev/shm"

func newBench(ctx context.Context, o options) (*bench, error) {
	user, err := ordinary.Current("jrun-test")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.dir, "jrun-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{rounds: o.rounds, dir: dir, user: user}
	if isRoot() && o.dir == memory { // so that nobody else's files are counted
		if err := mountBy(ctx, "-t", "tmpfs", "-o", "mode=755", "jrun-bench", dir); err != nil {
			return b, err
		}
		b.mounted = true
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chown(dir, user.UID, user.GID)); err != nil {
		return b, err
	}
	if b.jrun, err = ordinary.CopyBinary(".", dir); err != nil {
		return b, err
	}
	if b.registry, err = registry.Start(ctx, filepath.Join(dir, "registry"), ""); err != nil {
		return b, err
	}
	for _, name := range o.images {
		if !o.needSubjects() {
			break
		}
		s, err := b.newSubject(ctx, name)
		if err != nil {
			return b, err
		}
		b.subjects = append(b.subjects, s)
	}
	minimal, err := images.Minimal(ctx, images.Docker)
	if err != nil {
		return b, err
	}
	b.minimal = b.registry.Host + "/bench/minimal:1"
	return b, images.Push(ctx, b.minimal, minimal, authn.Anonymous)
}

func (b *bench) close() error {
	if b.registry != nil {
		b.registry.Stop()
	}
	if b.mounted {
		if err := unmountDir(b.dir); err != nil {
			return err
		}
	}
	return os.RemoveAll(b.dir)
}

// isRoot says whether file systems can be mounted.
func isRoot() bool { return os.Getuid() == 0 }

// path is a name in the work directory.
func (b *bench) path(elements ...string) string {
	return filepath.Join(append([]string{b.dir}, elements...)...)
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
		env: map[string]string{"JRUN_STORE": b.path(store)},
	}
}

// removeTree removes a tree in which directories may be unwritable.
func removeTree(dir string) error {
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return err
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
