package fusefs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash/reader"
)

// mountVariable in the environment makes this program mount an image, serve it
// until its input ends, and unmount it: "FILE DIR".
const mountVariable = "JRUN_TEST_MOUNT"

func TestMain(m *testing.M) {
	args := strings.Fields(os.Getenv(mountVariable))
	if len(args) == 0 {
		os.Exit(m.Run())
	}
	if err := mountAndServe(args[0], args[1]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func mountAndServe(image, dir string) error {
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
	f, err := New(r, Options{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())})
	if err != nil {
		return err
	}
	fd, unmount, err := Mount(dir, MountOptions{Source: `a, "b" \ c`})
	if err != nil {
		return err
	}
	server, err := Serve(fd, f)
	if err != nil {
		return errors.Join(err, unmount())
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	if err := unmount(); err != nil {
		return err
	}
	server.Wait()
	fmt.Println("done")
	return nil
}

// nobody is an account without rights, of any system.
const nobody = 65534

func TestMountCommand(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("becoming somebody else needs root")
	}
	for name, uid := range map[string]uint32{"root, by itself": 0, "nobody, with fusermount": nobody} {
		t.Run(name, func(t *testing.T) {
			if uid != 0 {
				if _, err := findFusermount(); err != nil {
					t.Skip(err)
				}
				if info, err := os.Stat("/dev/fuse"); err != nil || info.Mode().Perm()&0o006 != 0o006 {
					t.Skip("/dev/fuse is not for everybody here")
				}
			}
			program, image, dir := publicCopies(t, uid)
			cmd := exec.Command(program)
			cmd.Env = append(os.Environ(), mountVariable+"="+image+" "+dir)
			cmd.Dir = "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
			checkMounted(t, cmd, dir, uid)
		})
	}
}

// publicCopies puts this program and an image where everybody may read them,
// and makes a mount point of uid's.
func publicCopies(t *testing.T, uid uint32) (program, image, dir string) {
	t.Helper()
	base, err := os.MkdirTemp("", "jrun-mount")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	program, image, dir = filepath.Join(base, "program"), filepath.Join(base, "image"), filepath.Join(base, "dir")
	for to, from := range map[string]string{program: "/proc/self/exe", image: "../reader/testdata/zstd.sqfs"} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(base, 0o755), os.Mkdir(dir, 0o755), os.Chown(dir, int(uid), int(uid))); err != nil {
		t.Fatal(err)
	}
	return program, image, dir
}

// checkMounted runs the server, looks at a file as its user, and stops it.
func checkMounted(t *testing.T, cmd *exec.Cmd, dir string, uid uint32) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	out := bufio.NewScanner(stdout)
	if !out.Scan() || out.Text() != "ready" {
		t.Fatalf("the server says %q", out.Text())
	}
	look := exec.Command("stat", "-c", "%u %s", filepath.Join(dir, "etc/hello"))
	look.SysProcAttr = cmd.SysProcAttr
	got, err := look.CombinedOutput()
	if want := fmt.Sprintf("%d 6\n", uid); err != nil || string(got) != want {
		t.Errorf("stat: %q, %v; want %q", got, err, want)
	}
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	if line := `a,\040"b"\040\134\040c ` + dir + " fuse.squashfs ro,nosuid,nodev,"; !strings.Contains(string(table), line) {
		t.Errorf("no %q in the mount table:\n%s", line, table)
	}
	stdin.Close()
	if !out.Scan() || out.Text() != "done" {
		t.Errorf("at its end the server says %q", out.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestMountWithoutPlace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting here needs root")
	}
	if _, _, err := Mount(filepath.Join(t.TempDir(), "none"), MountOptions{}); !errors.Is(err, unix.ENOENT) {
		t.Errorf("no such directory: %v", err)
	}
}
