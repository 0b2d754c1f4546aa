//go:build e2e

package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/jrun-hpc/jrun/integration/ordinary"
	"github.com/jrun-hpc/jrun/integration/registry"
)

// lab is what all tests share. TestMain sets it up and takes it down.
var lab struct {
	dir      string // everything of this run, removed at the end
	jrun     string // a copy of bin/jrun that every user can execute
	store    string // a store in which tests may find images converted already
	registry *registry.Server
	private  *registry.Server  // one that asks for a password
	user     *ordinary.Account // who runs jrun
	other    *ordinary.Account // a second user; nil when the tests do not run as root
}

func TestMain(m *testing.M) {
	ordinary.DefaultSignals()
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
	// Not in /tmp, which may be too small for the images. JRUN_TEST_DIR is for a
	// batch system whose nodes share another directory.
	where := os.Getenv("JRUN_TEST_DIR")
	if where == "" {
		where = "/var/tmp"
	}
	if lab.dir, err = os.MkdirTemp(where, "jrun-e2e-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(lab.dir)
	if err := os.Chmod(lab.dir, 0o755); err != nil {
		return 0, err
	}
	if err := findUsers(); err != nil {
		return 0, err
	}
	if lab.jrun, err = ordinary.CopyBinary("..", lab.dir); err != nil {
		return 0, err
	}
	lab.store = filepath.Join(lab.dir, "store")
	if err := lab.user.Mkdir(lab.store); err != nil {
		return 0, err
	}
	lab.registry, err = registry.Start(ctx, filepath.Join(lab.dir, "registry"), "")
	if err != nil {
		return 0, err
	}
	defer lab.registry.Stop()
	lab.private, err = registry.Start(ctx, filepath.Join(lab.dir, "private"), htpasswd)
	if err != nil {
		return 0, err
	}
	defer lab.private.Stop()
	if err := fillRegistries(ctx); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// findUsers decides who runs jrun: the current user, or the test users of
// setup.sh when that is root. Of these nothing runs then.
func findUsers() (err error) {
	if lab.user, err = ordinary.Current("jrun-test"); err != nil {
		return err
	}
	if os.Getuid() == 0 {
		if lab.other, err = ordinary.Current("jrun-test2"); err != nil {
			return err
		}
		return errors.Join(lab.user.EndAll(), lab.other.EndAll())
	}
	return nil
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
