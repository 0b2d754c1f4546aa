//go:build e2e

package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// lab is what all tests share. TestMain sets it up and takes it down.
var lab struct {
	dir      string // everything of this run, removed at the end
	jrun     string // a copy of bin/jrun that every user can execute
	store    string // a store in which tests may find images converted already
	registry *registry
	private  *registry // one that asks for a password
	user     *account  // who runs jrun
	other    *account  // a second user; nil when the tests do not run as root
}

func TestMain(m *testing.M) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code, err := setUpAndRun(ctx, m)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func setUpAndRun(ctx context.Context, m *testing.M) (code int, err error) {
	syscall.Umask(0o022)
	// Not in /tmp, which is inside by default: that the current directory and
	// the store are reached must not depend on it.
	if lab.dir, err = os.MkdirTemp("/var/tmp", "jrun-e2e-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(lab.dir)
	if err := os.Chmod(lab.dir, 0o755); err != nil {
		return 0, err
	}
	if err := findUsers(); err != nil {
		return 0, err
	}
	if err := copyBinary(); err != nil {
		return 0, err
	}
	lab.store = filepath.Join(lab.dir, "store")
	if err := lab.user.mkdir(lab.store); err != nil {
		return 0, err
	}
	lab.registry, err = startRegistry(ctx, filepath.Join(lab.dir, "registry"), "")
	if err != nil {
		return 0, err
	}
	defer lab.registry.stop()
	lab.private, err = startRegistry(ctx, filepath.Join(lab.dir, "private"), htpasswd)
	if err != nil {
		return 0, err
	}
	defer lab.private.stop()
	if err := fillRegistries(ctx); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// copyBinary puts bin/jrun where an ordinary user can reach it: the checkout
// may be in root's home.
func copyBinary() error {
	in, err := os.Open(filepath.Join("..", "bin", "jrun"))
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("there is no bin/jrun: run `make build` first")
	}
	if err != nil {
		return err
	}
	defer in.Close()
	lab.jrun = filepath.Join(lab.dir, "jrun")
	out, err := os.OpenFile(lab.jrun, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// needRoot skips a test that changes the machine for a moment.
func needRoot(t *testing.T, why string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skipf("needs root: %s", why)
	}
}

// needTool fails a test that lacks a program which setup.sh installs.
func needTool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%v: run integration/setup.sh test", err)
	}
}
