package images

import (
	"context"
	_ "embed" // for the script
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// cacheVersion changes when an image of the same name is made differently.
const cacheVersion = "1"

//go:embed rootfs.sh
var rootFSScript string

// ErrNotServed says that the machine's mirror does not have a version of the
// distribution.
var ErrNotServed = errors.New("the mirror of this machine does not serve it")

// notServed is the status of rootfs.sh that says so.
const notServed = 3

// CacheDir is where made images are kept: $JRUN_TEST_CACHE, or jrun-test in
// the user's cache directory, and in it a folder for the distribution.
func CacheDir() (string, error) {
	dir := os.Getenv("JRUN_TEST_CACHE")
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("finding the cache directory: %w", err)
		}
		dir = filepath.Join(base, "jrun-test")
	}
	suite, err := suite()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, suite+"-"+cacheVersion)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making the image cache: %w", err)
	}
	return dir, nil
}

// RootFS returns the path of a tar of the root file system called name
// (those of rootfs.sh), and makes it when it is not in the cache.
func RootFS(ctx context.Context, name string) (string, error) {
	dir, err := CacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name+".tar")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	fmt.Fprintf(os.Stderr, "images: making the root file system %q from packages (some minutes, once)\n", name)
	cmd := exec.CommandContext(ctx, "bash", "-c", rootFSScript, "rootfs.sh", name, path)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		if cmd.ProcessState.ExitCode() == notServed {
			err = ErrNotServed
		}
		return "", fmt.Errorf("making the root file system %q: %w", name, err)
	}
	return path, nil
}

// suite names the running distribution and its version, such as debian-12.
func suite() (string, error) {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", fmt.Errorf("reading the distribution's name: %w", err)
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, "="); ok {
			fields[name] = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return fields["ID"] + "-" + fields["VERSION_ID"], nil
}
