package hostmount

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/squash/fusefs"
	"github.com/jrun-hpc/jrun/squash/reader"
	"golang.org/x/sys/unix"
)

// Serve mounts the squashfs file image on dir and serves it. It calls ready
// when the files are there, and returns when dir has been unmounted. When ctx
// ends, it unmounts dir itself; while that is in use it waits, but not for ever.
func Serve(ctx context.Context, image, dir string, ready func()) error {
	file, err := os.Open(image)
	if err != nil {
		return fault.New("cannot open the image's file", err, fault.Say("check its name: ls -l %s", image))
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("opening the image: %w", err)
	}
	r, err := reader.Open(file, info.Size(), reader.Options{})
	if err != nil {
		return fault.Newf(err, fault.Say("jrun verify %s says more", image), "%s cannot be read as squashfs", image)
	}
	fsys, err := fusefs.New(r, fusefs.Options{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())})
	if err != nil {
		return fault.Newf(err, fault.Say("jrun verify %s says more", image), "%s cannot be read as squashfs", image)
	}
	if err := checkDir(dir); err != nil {
		return mountFault(dir, err)
	}
	fd, unmount, err := fusefs.Mount(dir, fusefs.MountOptions{Source: image})
	if err != nil {
		return mountFault(dir, err)
	}
	server, err := fusefs.Serve(fd, fsys)
	if err != nil {
		return errors.Join(fmt.Errorf("serving the image: %w", err), unmount())
	}
	ready()
	ended := make(chan struct{})
	go func() {
		server.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	return unmountWhenFree(dir, unmount, ended)
}

// unmountWhenFree tries again while somebody uses the files. In the end it takes
// the mount away from under them, since a mount without a server only gives errors.
func unmountWhenFree(dir string, unmount func() error, ended <-chan struct{}) error {
	const patience = 10 * time.Second
	deadline := time.Now().Add(patience)
	for {
		err := unmount()
		if err != nil && time.Now().After(deadline) {
			if fusefs.Detach(dir) == nil {
				return nil
			}
			return fault.Newf(err, fault.Say("find who uses it: fuser -vm %s", dir).And("then: fusermount3 -u %s", dir), "cannot unmount %s", dir)
		}
		select {
		case <-ended:
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

var errNotEmpty = errors.New("it is not empty")

// checkDir refuses what could be mounted on and should not be: a file, and a
// directory whose files, or whose other mount, would be hidden.
func checkDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	switch _, err := d.Readdirnames(1); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return errNotEmpty
}

func mountFault(dir string, err error) error {
	var next fault.Text
	switch {
	case errors.Is(err, errNotEmpty):
		next = fault.Say("choose an empty directory: mkdir NEW, then mount on that").And("or, if an image is mounted there: fusermount3 -u %s", dir)
	case errors.Is(err, unix.ENOTCONN):
		next = fault.Say("take away what is left of another mount: fusermount3 -u %s", dir)
	case errors.Is(err, fusefs.ErrNoFusermount):
		next = fault.Say("ask the administrator for the package fuse3, or look inside with: jrun shell FILE.sqfs")
	case errors.Is(err, unix.ENOTDIR):
		next = fault.Say("name a directory that is empty: mkdir NEW, then mount on that")
	case errors.Is(err, unix.ENOENT):
		next = fault.Say("make the directory first: mkdir %s", dir)
	case errors.Is(err, fs.ErrPermission):
		next = fault.Say("choose a directory of your own that is empty; 'jrun doctor' tells about /dev/fuse")
	default:
		next = fault.Say("choose an empty directory of your own on a local disk")
	}
	return fault.Newf(err, next, "cannot mount on %s", dir)
}
