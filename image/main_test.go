package image

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
	"golang.org/x/sys/unix"
)

// Environment of a child process that only calls Ensure; see startChild.
const (
	childReference = "JRUN_TEST_ENSURE_REFERENCE"
	childStore     = "JRUN_TEST_ENSURE_STORE"
	childTmpfs     = "JRUN_TEST_ENSURE_TMPFS" // options of a tmpfs to mount on the store
)

// TestMain keeps the tests away from the configuration and the passwords of
// whoever runs them, and serves as the second process of some tests.
func TestMain(m *testing.M) {
	if ref := os.Getenv(childReference); ref != "" {
		os.Exit(ensureInChild(ref, os.Getenv(childStore)))
	}
	home, err := os.MkdirTemp("", "jrun-image-test")
	if err != nil {
		panic(err)
	}
	registries := filepath.Join(home, "registries.conf")
	if err := os.WriteFile(registries, nil, 0o600); err != nil {
		panic(err)
	}
	for name, value := range map[string]string{
		"HOME":                       home,
		"XDG_RUNTIME_DIR":            home,
		"XDG_CONFIG_HOME":            home,
		"REGISTRY_AUTH_FILE":         filepath.Join(home, "auth.json"),
		"CONTAINERS_REGISTRIES_CONF": registries,
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	_ = os.RemoveAll(home)
	os.Exit(code)
}

// ensureInChild prints whether this process was the one that converted.
func ensureInChild(name, root string) int {
	if options := os.Getenv(childTmpfs); options != "" {
		var flags uintptr
		if options == "ro" {
			flags = unix.MS_RDONLY
			options = ""
		}
		if err := unix.Mount("tmpfs", root, "tmpfs", flags, options); err != nil {
			fmt.Println("mounting a tmpfs:", err)
			return 2
		}
	}
	ref, err := ParseReference(name)
	if err == nil {
		var st *store.Store
		if st, err = store.Open(root, store.Options{}); err == nil {
			var converted bool
			_, converted, err = NewClient(Options{}).Ensure(context.Background(), st, ref, nil)
			fmt.Println("converted", converted)
		}
	}
	if err == nil {
		return 0
	}
	fmt.Print(fault.Format("jrun", err))
	_ = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Base(filepath.Dir(path)) != "notes" { // of what the registry said
			fmt.Println("left behind:", path)
		}
		return err
	})
	return 1
}
