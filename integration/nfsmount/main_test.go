package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestCommand mounts two nodes, crashes one, and ends the command.
func TestCommand(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to mount for other users")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skipf("needs FUSE: %v", err)
	}
	top := t.TempDir()
	binary, backing := filepath.Join(top, "nfsmount"), filepath.Join(top, "backing")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v: %s", err, out)
	}
	a, b := filepath.Join(top, "a"), filepath.Join(top, "b")
	for _, dir := range []string{backing, a, b} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(binary, "-seed", "3", "-stale-handles", backing, a, b)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Signal(syscall.SIGTERM) })
	answers := bufio.NewScanner(stdout)
	expect := func(want string) {
		t.Helper()
		if !answers.Scan() || answers.Text() != want {
			t.Fatalf("the command says %q, want %q", answers.Text(), want)
		}
	}
	expect("mounted")
	if err := os.WriteFile(filepath.Join(a, "f"), []byte("x"), 0o644); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(filepath.Join(b, "f")); err != nil || string(got) != "x" {
		t.Errorf("B reads %q (%v)", got, err)
	}
	if _, err := stdin.Write([]byte("crash 1\n")); err != nil {
		t.Fatal(err)
	}
	expect("crashed 1")
	if _, err := os.Stat(a); !errors.Is(err, syscall.EIO) {
		t.Errorf("the crashed node says %v", err)
	}
	if _, err := os.Stat(filepath.Join(b, "f")); err != nil {
		t.Error(err)
	}
	if err := stdin.Close(); err != nil {
		t.Error(err)
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	if mounts, err := os.ReadFile("/proc/self/mounts"); err != nil || strings.Contains(string(mounts), top) {
		t.Errorf("still mounted (%v)", err)
	}
}
