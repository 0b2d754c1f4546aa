package conformance

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash/fusefs"
	"github.com/jrun-hpc/jrun/squash/reader"
)

// views returns every view of an image that this machine can give.
func views(t *testing.T, image string) []view {
	t.Helper()
	r := openReader(t, image, reader.Options{})
	all := []view{readerView{r}}
	if os.Geteuid() != 0 {
		t.Log("only our reader is compared: mounting and unpacking need root")
		return all
	}
	all = append(all, fuseView(t, image), unpackedView(t, image))
	if kernel, ok := kernelView(t, image); ok {
		all = append(all, kernel)
	}
	return all
}

// fuseView mounts the image through our FUSE server, in this mount namespace.
func fuseView(t *testing.T, image string) view {
	t.Helper()
	dir := t.TempDir()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	fuse := os.NewFile(uintptr(fd), "/dev/fuse")
	defer fuse.Close()
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions", fd)
	if err := unix.Mount("jrun", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_RDONLY, options); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(os.Args[0], image)
	server.Env = append(os.Environ(), serveVariable+"=1")
	server.ExtraFiles = []*os.File{fuse}
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
		if err := server.Wait(); err != nil {
			t.Errorf("our FUSE server: %v", err)
		}
	})
	return folder{"our FUSE mount", dir, []func(*entry){blindToOwners}}
}

// serveVariable in the environment makes this program a FUSE server. It is a
// process of its own because the Go runtime stops the whole process while it
// adds a file to its poller, which on FUSE waits for the server.
const serveVariable = "JRUN_CONFORMANCE_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) == "" {
		os.Exit(m.Run())
	}
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve answers for a mount whose /dev/fuse is descriptor 3. It fails when any
// request failed because of the image.
func serve(image string) error {
	file, err := os.Open(image)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	r, err := reader.Open(file, info.Size(), reader.Options{})
	if err != nil {
		return err
	}
	var failed atomic.Pointer[error]
	fsys, err := fusefs.New(r, fusefs.Options{OnError: func(err error) { failed.Store(&err) }})
	if err != nil {
		return err
	}
	server, err := fusefs.Serve(3, fsys)
	if err != nil {
		return err
	}
	server.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// kernelView mounts the image with the kernel's squashfs. A kernel that lacks
// squashfs or a compressor is no failure of ours.
func kernelView(t *testing.T, image string) (view, bool) {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("mount", "-t", "squashfs", "-o", "loop,ro", image, dir).CombinedOutput()
	if err != nil {
		t.Logf("the kernel's view is missing: mount: %v: %s", err, out)
		return nil, false
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return folder{"the kernel's mount", dir, nil}, true
}

// unpackedView extracts the image with unsquashfs. What it writes lies on
// another file system, with its own holes and limits.
func unpackedView(t *testing.T, image string) view {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "unpacked")
	cmd := exec.Command("unsquashfs", "-no-progress", "-quiet", "-ignore-errors", "-d", dir, image)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	// Status 2 is a failure to write what the file system here cannot hold:
	// extended attributes of 64 KiB. All else is compared below.
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 2) {
		t.Fatalf("unsquashfs: %v\n%s", err, out)
	}
	return folder{"unsquashfs", dir, []func(*entry){blindToHoles, blindToLargeXattrs}}
}
