//go:build e2e

package builder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/integration/campaign"
)

// TestPowerCut: the disk as it is at a random moment of an operation, as after a power
// cut, has the workspace with all that was in it before. The home is an ext4 in a file
// on an XFS, whose reflinks copy that file in one instant.
func TestPowerCut(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount file systems")
	}
	for _, tool := range []string{"mkfs.xfs", "mkfs.ext4", "losetup"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: run integration/setup.sh test", err)
		}
	}
	chance := campaign.Random(t)
	s := newSession(t, lab.plain)
	d := newDisk(t, s)
	s.run("new", "--base", ref(base), "--name", "w").ok()
	s.run("run", "w", "--", "sh", "-ec", lab.packages.Use()+"; apt-get -q install -y jviewer; head -c 3000000 /dev/urandom >/opt/data").ok()
	want := s.run("run", "w", "--", "sh", "-c", witness).ok().stdout
	d.unmount()
	golden := d.snapshot("golden")
	for i := range campaign.Slice(5, 60) {
		names := []string{"new", "save", "push", "run", "squash", "export"}
		name := names[i%len(names)]
		d.restore(golden)
		cmd := s.command(context.Background(), lab.jbuild, operations(s, i)[name]...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(chance.Int64N(int64(2500 * time.Millisecond))))
		cut := d.snapshot("cut")
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
		s.nothingRuns()
		d.unmount()
		d.restore(cut)
		if got := s.run("run", "w", "--", "sh", "-c", witness).ok().stdout; got != want {
			t.Fatalf("after a power cut during %s, the workspace is another:\n%s\nnot\n%s", name, got, want)
		}
		s.run("save", "w", "after:1").ok()
		d.unmount()
	}
	d.restore(golden)
}

// disk is a session's home on a file system of its own.
type disk struct {
	t          *testing.T
	s          *session
	outer, dir string // the XFS, and where the home is
	image      string
	mounted    bool
}

func newDisk(t *testing.T, s *session) *disk {
	t.Helper()
	outer, err := os.MkdirTemp(lab.dir, "disk-")
	if err != nil {
		t.Fatal(err)
	}
	d := &disk{t: t, s: s, outer: filepath.Join(outer, "xfs"), dir: s.home}
	d.image = filepath.Join(d.outer, "ext4")
	file := filepath.Join(outer, "file")
	d.sh("truncate -s 3G %s && mkfs.xfs -q -m reflink=1 %s && mkdir %s && mount -o loop %s %s", file, file, d.outer, file, d.outer)
	t.Cleanup(func() {
		if d.mounted {
			d.unmount()
		}
		// Whatever has a mount namespace of its own, and began meanwhile, keeps what was
		// mounted then: the disk goes with the last of them.
		d.sh("umount --lazy %s", d.outer)
		_ = os.RemoveAll(outer)
	})
	d.sh("truncate -s 2G %s && mkfs.ext4 -q -F %s", d.image, d.image)
	d.mount()
	if err := errors.Join(os.Chown(d.dir, s.user.UID, s.user.GID), os.Chmod(d.dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *disk) sh(format string, args ...any) {
	d.t.Helper()
	line := fmt.Sprintf(format, args...)
	if out, err := exec.Command("sh", "-ec", line).CombinedOutput(); err != nil {
		d.t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

func (d *disk) mount() {
	d.t.Helper()
	d.sh("mount -o loop %s %s", d.image, d.dir)
	d.mounted = true
}

// unmount waits until the last process inside has really gone.
func (d *disk) unmount() {
	d.t.Helper()
	for deadline := time.Now().Add(ending); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		out, err := exec.Command("umount", d.dir).CombinedOutput()
		if err == nil {
			d.mounted = false
			return
		}
		if !strings.Contains(string(out), "busy") {
			d.t.Fatalf("umount: %v\n%s", err, out)
		}
	}
	d.t.Fatal("the home stays busy")
}

// snapshot is the device as it is in this instant.
func (d *disk) snapshot(name string) string {
	d.t.Helper()
	file := filepath.Join(d.outer, name)
	d.sh("rm -f %s && cp --reflink=always %s %s", file, d.image, file)
	return file
}

// restore mounts what a snapshot has, whose journal is replayed then.
func (d *disk) restore(snapshot string) {
	d.t.Helper()
	if d.mounted {
		d.unmount()
	}
	d.sh("rm -f %s && cp --reflink=always %s %s", d.image, snapshot, d.image)
	d.mount()
}
