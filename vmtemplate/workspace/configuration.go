package workspace

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/jrun-hpc/jrun/image"
	"go.podman.io/image/v5/types"
	"golang.org/x/sys/unix"
)

// systemContext configures containers/image without a file. Logins are looked for
// where package image keeps them, which is the library's usual way.
func systemContext(dir, policy string) types.SystemContext {
	none := filepath.Join(dir, "none") // an empty directory
	return types.SystemContext{
		AuthFilePath:                image.AuthFileInstead(),
		SignaturePolicyPath:         policy,
		SystemRegistriesConfPath:    os.DevNull,
		SystemRegistriesConfDirPath: none,
		RegistriesDirPath:           none,
		UserShortNameAliasConfPath:  filepath.Join(none, "aliases.conf"),
		BlobInfoCacheDir:            filepath.Join(dir, "blobinfo"),
		BigFilesTemporaryDir:        filepath.Join(dir, "tmp"),
		DockerRegistryUserAgent:     "jbuild",
	}
}

// acceptAny is a signature policy without a file on a disk: containers/image insists on
// reading one. What may run is jrun's to decide; what one builds on, the user's.
func acceptAny() (path string, err error) {
	fd, err := unix.MemfdCreate("policy.json", 0)
	if err != nil {
		return "", fmt.Errorf("making a file in memory: %w", err)
	}
	if _, err := unix.Write(fd, []byte(`{"default":[{"type":"insecureAcceptAnything"}]}`)); err != nil {
		return "", fmt.Errorf("writing a file in memory: %w", err)
	}
	return "/proc/self/fd/" + strconv.Itoa(fd), nil
}
