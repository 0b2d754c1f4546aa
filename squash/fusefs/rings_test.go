package fusefs

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// throughRings makes mount use rings, and fail where it gets none.
var throughRings bool

// enableRings turns FUSE over io_uring on in the kernel until the test ends.
func enableRings(t *testing.T) {
	t.Helper()
	const parameter = "/sys/module/fuse/parameters/enable_uring"
	before, err := os.ReadFile(parameter)
	if err != nil {
		t.Skipf("no FUSE over io_uring (Linux 6.14) here: %v", err)
	}
	if os.Geteuid() != 0 {
		t.Skip("turning FUSE over io_uring on needs root")
	}
	if err := os.WriteFile(parameter, []byte("Y"), 0); err != nil {
		t.Skipf("FUSE over io_uring cannot be turned on: %v", err)
	}
	throughRings = true
	t.Cleanup(func() {
		throughRings = false
		if err := os.WriteFile(parameter, before, 0); err != nil {
			t.Error(err)
		}
	})
}

// ringsOfTest is what serveThrough opens rings with.
func ringsOfTest(t *testing.T) func(*FS, int) *ringPool {
	if !throughRings {
		return func(*FS, int) *ringPool { return nil }
	}
	opened := false
	t.Cleanup(func() {
		if !opened {
			t.Error("there were no rings")
		}
	})
	return func(f *FS, fd int) *ringPool {
		p := openRings(f, fd)
		opened = p != nil
		return p
	}
}

// countFDs counts the open files of this process by what they are.
func countFDs(t *testing.T) map[string]int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, fd := range fds {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil {
			counts[target]++
		}
	}
	return counts
}

const ringFD = "anon_inode:[io_uring]"

// TestThroughRings repeats the tests of mounts.
func TestThroughRings(t *testing.T) {
	enableRings(t)
	for name, test := range map[string]func(*testing.T){
		"the image":    TestMountShowsTheImage,
		"xattrs":       TestMountXattrs,
		"changes":      TestChangesAreRefused,
		"few requests": TestFewRequests,
	} {
		t.Run(name, test)
	}
}

// mountWith shows f at a folder until unmount is called.
func mountWith(t *testing.T, f *FS, open func(*FS, int) *ringPool) (dir string, unmount func()) {
	t.Helper()
	dir = t.TempDir()
	fd, _, err := Mount(dir, MountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	server, err := serveThrough(fd, f, nil, open)
	if err != nil {
		t.Fatal(err)
	}
	answerPoll(t, filepath.Join(dir, "etc/hello"))
	return dir, func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Fatal(err)
		}
		server.Wait()
	}
}

// TestRingsEnd unmounts while files are read, and looks for what is left.
func TestRingsEnd(t *testing.T) {
	enableRings(t)
	f := newFS(t, "zstd", Options{Threads: 4})
	goroutines, fds := runtime.NumGoroutine(), countFDs(t)
	for range 3 {
		dir, unmount := mountWith(t, f, openRings)
		during := countFDs(t)
		if during[ringFD] < 2 || during["/dev/fuse"] != fds["/dev/fuse"]+1 {
			t.Errorf("while it is mounted: %v", during)
		}
		if _, err := os.ReadFile(filepath.Join(dir, "usr/bin/text")); err != nil {
			t.Error(err)
		}
		unmount()
	}
	after := countFDs(t)
	if after["/dev/fuse"] != fds["/dev/fuse"] || after[ringFD] != fds[ringFD] {
		t.Errorf("files: %v, before %v", after, fds)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > goroutines; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, before %d", runtime.NumGoroutine(), goroutines)
		}
	}
}

// TestAbortUnderLoad takes the connection away while requests are under way.
func TestAbortUnderLoad(t *testing.T) {
	enableRings(t)
	f := newFS(t, "zstd", Options{})
	dir := t.TempDir()
	fd, _, err := Mount(dir, MountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	server, err := serve(fd, f, nil)
	if err != nil {
		t.Fatal(err)
	}
	answerPoll(t, filepath.Join(dir, "etc/hello"))
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for { // until the connection is gone
				if _, err := uncached(filepath.Join(dir, "usr/bin/text"), 4096, 0); err != nil {
					return
				}
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	if err := unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	readers.Wait()
	server.Wait()
}

// uncached reads from a file whose pages the kernel forgets before.
func uncached(path string, size int, off int64) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if err := unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED); err != nil {
		return nil, err
	}
	buf := make([]byte, size)
	n, err := unix.Pread(fd, buf, off)
	return buf[:max(n, 0)], err
}

// TestPushWhileReading has pages of one file pushed and asked for at once. Where
// a thread waits for itself, it never ends.
func TestPushWhileReading(t *testing.T) {
	t.Run("device", pushWhileReading)
	t.Run("rings", func(t *testing.T) {
		enableRings(t)
		pushWhileReading(t)
	})
}

func pushWhileReading(t *testing.T) {
	f, content := manyBlocks(t)
	f.pushForAll = true
	path := filepath.Join(mount(t, f, nil, unix.MS_RDONLY), "etc/hello")
	var readers sync.WaitGroup
	for i := range 8 {
		readers.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for range 300 {
				size, off := 4096<<random.IntN(6), random.IntN(len(content))
				got, err := uncached(path, size, int64(off))
				if want := content[off:min(off+size, len(content))]; err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes at %d: %d, %v", size, off, len(got), err)
					return
				}
			}
		})
	}
	readers.Wait()
}

// TestRingsThatFail serves everything through the device instead.
func TestRingsThatFail(t *testing.T) {
	enableRings(t)
	for name, open := range map[string]func(*FS, int) *ringPool{
		"io_uring is not allowed":      func(*FS, int) *ringPool { return nil },
		"the kernel refuses all":       func(f *FS, fd int) *ringPool { return makeRings(f, fd, [][]int{{65535}, {65535}}) },
		"the kernel refuses the last":  func(f *FS, fd int) *ringPool { return makeRings(f, fd, [][]int{{0, 65535}}) },
		"the kernel refuses the first": func(f *FS, fd int) *ringPool { return makeRings(f, fd, [][]int{{65535, 0}}) },
		"it is turned off meanwhile": func(f *FS, fd int) *ringPool {
			const parameter = "/sys/module/fuse/parameters/enable_uring"
			if err := os.WriteFile(parameter, []byte("N"), 0); err != nil {
				t.Error(err)
			}
			t.Cleanup(func() { _ = os.WriteFile(parameter, []byte("Y"), 0) })
			return openRings(f, fd)
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := countFDs(t)["/dev/fuse"]
			dir, unmount := mountWith(t, newFS(t, "zstd", Options{Threads: 3}), open)
			defer unmount()
			count := 0
			err := filepath.Walk(dir, func(_ string, _ os.FileInfo, err error) error { count++; return err })
			if err != nil || count < 300 {
				t.Errorf("walking: %d names, %v", count, err)
			}
			// All workers, not only the one that rings need.
			for deadline := time.Now().Add(5 * time.Second); countFDs(t)["/dev/fuse"] != before+3; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d devices, before %d", countFDs(t)["/dev/fuse"], before)
				}
			}
		})
	}
}

// TestProbeRing asks devices that are not FUSE's, which is as if a security
// module let no command through.
func TestProbeRing(t *testing.T) {
	if u, err := newIOURing(1, 0); err == nil {
		u.close()
	} else {
		t.Skipf("no io_uring to use: %v", err)
	}
	for _, name := range []string{"/dev/null", "/proc/self/exe"} {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := probeRing(int(file.Fd())); !errors.Is(err, errNotOffered) {
			t.Errorf("%s: %v", name, err)
		}
		file.Close()
	}
}
