//go:build e2e

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestConvertedFile: a file of one's own runs like the image that it came from,
// with every compression, and is the same whatever the number of threads.
func TestConvertedFile(t *testing.T) {
	s := newSession(t)
	for _, how := range []string{"zstd:3", "gzip", "lz4", "none"} {
		t.Run(how, func(t *testing.T) {
			file := filepath.Join(s.dir, strings.ReplaceAll(how, ":", "-")+".sqfs")
			s.ok("convert", "-q", "--compression", how, "--block-size", "64K", ref(configured), file)
			if got := s.ok("run", file, "--", "sh", "-c", "echo $FROM_IMAGE"); got != "yes" {
				t.Errorf("the image's environment is %q", got)
			}
			if got := s.ok("verify", file); !strings.Contains(got, "undamaged") {
				t.Errorf("verify printed %q", got)
			}
		})
	}
	s.ok("convert", "-q", "--jobs", "1", ref(configured), "one.sqfs")
	s.ok("convert", "-q", "--jobs", "7", ref(configured), "seven.sqfs")
	if s.read("one.sqfs") != s.read("seven.sqfs") {
		t.Error("the number of threads changed the file")
	}
	s.run("convert", ref(configured), "one.sqfs").wantFault(125, "--force")
	s.ok("convert", "-q", "--force", ref(configured), "one.sqfs")
}

// TestVerifyFindsEveryBit: a flipped bit anywhere is found.
func TestVerifyFindsEveryBit(t *testing.T) {
	s := newSession(t)
	s.ok("convert", "-q", ref(configured), "whole.sqfs")
	whole := s.read("whole.sqfs")
	for _, at := range []int{8, 96, len(whole) / 3, len(whole) / 2, len(whole) - 5000, len(whole) - 1} {
		damaged := []byte(whole)
		damaged[at] ^= 4
		s.write("damaged.sqfs", string(damaged), 0o644)
		s.write("damaged.json", s.read("whole.json"), 0o644)
		s.run("verify", "./damaged.sqfs").wantFault(125)
	}
}

// TestMount: an ordinary user sees the files, and they are gone after unmounting.
func TestMount(t *testing.T) {
	needTool(t, "fusermount3")
	s := newSession(t)
	s.ok("convert", "-q", ref(configured), "image.sqfs")
	dir := filepath.Join(s.dir, "mnt")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, s.user.UID, s.user.GID); err != nil {
		t.Fatal(err)
	}
	asUser := func(args ...string) (string, error) {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user.Credential()}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	s.ok("mount", "image.sqfs", dir)
	if out, err := asUser("cat", filepath.Join(dir, "etc/os-release")); err != nil || !strings.Contains(out, "Debian") {
		t.Errorf("reading in the mount: %v: %s", err, out)
	}
	s.run("mount", "image.sqfs", filepath.Join(s.dir, "missing")).wantFault(125, "mkdir")
	s.run("mount", "image.sqfs", dir).wantFault(125, "not empty", "fusermount3 -u")
	s.run("mount", "image.sqfs", filepath.Join(s.dir, "image.sqfs")).wantFault(125, "mkdir NEW")
	s.run("mount", "image.sqfs", "").wantFault(125, "empty directory")
	if out, err := asUser("fusermount3", "-u", dir); err != nil {
		t.Fatalf("unmounting: %v: %s", err, out)
	}

	p := s.start("mount", "--foreground", "image.sqfs", dir)
	eventually(t, "the files appear", func() bool {
		out, err := asUser("ls", dir)
		return err == nil && strings.Contains(out, "etc")
	})
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if r := p.wait(); r.code != 143 && r.code != 0 {
		t.Errorf("the server ended with %d: %s", r.code, r.stderr)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("after the signal the directory has %d entries: %v", len(entries), err)
	}
}
