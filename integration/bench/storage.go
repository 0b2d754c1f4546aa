package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// storageBytes is the size of the file systems that this program makes. Only
// what is used of it takes room.
const storageBytes = 16 << 30

// reflinkStorage makes an XFS whose files can share blocks, in a file, and
// returns a directory of the user's on it.
func (b *bench) reflinkStorage(ctx context.Context) (dir string, unmount func() error, err error) {
	file, mount := b.path("xfs"), b.path("xfs.d")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, storageBytes), os.Mkdir(mount, 0o755)); err != nil {
		return "", nil, err
	}
	if out, err := exec.CommandContext(ctx, "mkfs.xfs", "-q", "-m", "reflink=1", file).CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("making an XFS: %w: %s", err, out)
	}
	if err := mountBy(ctx, "-t", "xfs", "-o", "loop", file, mount); err != nil {
		return "", nil, err
	}
	unmount = func() error { return errors.Join(unmountDir(mount), os.Remove(mount), os.Remove(file)) }
	dir = mount + "/again"
	if err := b.user.Mkdir(dir); err != nil {
		return "", nil, errors.Join(err, unmount())
	}
	return dir, unmount, nil
}
