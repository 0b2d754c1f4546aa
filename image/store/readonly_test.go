package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/opencontainers/go-digest"
)

// asNobody names the store for the process that TestReadOnlyStore starts:
// nothing is read-only for root, so that the test needs another user.
const asNobody = "JRUN_TEST_STORE_AS_NOBODY"

func TestMain(m *testing.M) {
	if root := os.Getenv(asNobody); root != "" {
		os.Exit(tryReadOnly(root))
	}
	if script := os.Getenv(asActor); script != "" {
		os.Exit(act(script))
	}
	os.Exit(m.Run())
}

// tryReadOnly prints how using the store ends.
func tryReadOnly(root string) int {
	s, err := Open(root, Options{})
	if err == nil {
		_, err = s.Usable()
		fmt.Print("USABLE ", fault.Format("jrun", err))
		_, err = s.Create(nil, digest.FromString("m"), nil) //nolint:staticcheck // fails before it looks at the context
	}
	var f *fault.Error
	if errors.As(err, &f) && errors.Is(err, fs.ErrPermission) {
		fmt.Print("CREATE ", fault.Format("jrun", err))
		return 0
	}
	fmt.Println("want a fault about permissions, got", err)
	return 1
}

func TestReadOnlyStore(t *testing.T) {
	dir, err := os.MkdirTemp("", "jrun-store-test") // t.TempDir is closed to others
	check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	root := filepath.Join(dir, "store")
	check(t, os.Mkdir(root, 0o555))
	check(t, os.Chmod(dir, 0o755))
	binary, err := os.ReadFile(os.Args[0])
	check(t, err)
	program := filepath.Join(dir, "test")
	check(t, os.WriteFile(program, binary, 0o755)) //nolint:gosec // another user runs it

	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = []string{asNobody + "=" + root}
	cmd.Dir = "/"
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if n := strings.Count(string(out), "you may not write to the store "+root); n != 2 {
		t.Errorf("the message came %d times, want 2:\n%s", n, out)
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
