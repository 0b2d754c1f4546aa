//go:build e2e

package integration

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jrun-hpc/jrun/integration/ordinary"
)

// holders lists the processes that serve images.
func holders(user *ordinary.Account) []proc {
	var found []proc
	for _, p := range processes(user) {
		if p.args[0] == "jrun-holder" {
			found = append(found, p)
		}
	}
	return found
}

// awaitNoHolder waits until the sandboxes of commands that have ended are gone: a command
// that comes before would find one, and join it.
func (s *session) awaitNoHolder() {
	s.t.Helper()
	eventually(s.t, "the holder ends", func() bool { return len(holders(s.user)) == 0 })
}

// TestServersSlack: Go's monitor thread in the server does not wake all the time,
// of which the job notices nothing (TestInherited).
func TestServersSlack(t *testing.T) {
	s := newSession(t)
	s.start("run", "-q", ref(minimal), "--", "sh", "-c", "touch ready; exec sleep 60")
	s.await("ready")
	found := holders(s.user)
	if len(found) != 1 {
		t.Fatalf("%d holders, want 1", len(found))
	}
	slack, err := os.ReadFile(fmt.Sprintf("/proc/%d/timerslack_ns", found[0].pid))
	if errors.Is(err, fs.ErrPermission) {
		t.Skip("the slack of a process in another user namespace is for root to see")
	}
	if err != nil || string(slack) != "1000000\n" {
		t.Errorf("the server's timer slack is %q, %v; want a millisecond", slack, err)
	}
}

// TestKillCommand: what is left after kill -9 is checked by the session.
func TestKillCommand(t *testing.T) {
	s := newSession(t)
	p := s.start("run", "-q", ref(minimal), "--", "sh", "-c", "touch ready; exec sleep 60")
	s.await("ready")
	p.cmd.Process.Kill()
	if r := p.wait(); r.signal != syscall.SIGKILL {
		t.Errorf("ended with status %d, signal %v", r.code, r.signal)
	}
}

// TestKillHolder: without the holder the files are gone, the command is not
// protected from that, and ends of it or when it likes; then nothing is left.
func TestKillHolder(t *testing.T) {
	s := newSession(t)
	stdin, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	defer write.Close()
	s.stdin = stdin
	p := s.start("run", "-q", ref(minimal), "--", "sh", "-c", "touch ready; read line; cat /usr/bin/perl >/dev/null || exit 9")
	s.await("ready")
	found := holders(s.user)
	if len(found) != 1 {
		t.Fatalf("there are %d holders: %v", len(found), found)
	}
	if err := syscall.Kill(found[0].pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the holder is gone", func() bool { return len(holders(s.user)) == 0 })
	fmt.Fprintln(write, "go on")
	if r := p.wait(); r.code == 0 {
		t.Errorf("a command read a file of an image whose holder is dead: %s", r.stderr)
	}
	// The next run makes everything anew.
	s.stdin = nil
	if got := s.sh("echo again"); got != "again" {
		t.Errorf("the next run printed %q", got)
	}
}

// TestBackgroundProcess: the sandbox lives as long as somebody is inside.
func TestBackgroundProcess(t *testing.T) {
	s := newSession(t)
	s.run("run", "-q", ref(minimal), "--", "sh", "-c",
		"(while ! test -e go; do sleep 0.02; done; cat /etc/debian_version >late; touch done) >/dev/null 2>&1 </dev/null &").want(0)
	s.write("go", "", 0o644)
	s.await("done")
	if s.read("late") == "" {
		t.Error("a process that outlived the command could not read the image")
	}
}

// TestManyAtOnce: as many ranks as a node may have, in one sandbox.
func TestManyAtOnce(t *testing.T) {
	s := newSession(t)
	s.ok("pull", "-q", ref(minimal))
	const ranks = 32
	results := make([]*result, ranks)
	processes := make([]*process, ranks)
	for i := range ranks {
		processes[i] = s.start("run", "-q", ref(minimal), "--", "sh", "-c",
			fmt.Sprintf("readlink /proc/self/ns/mnt /proc/self/ns/user; touch in-%d; while ! test -e go; do sleep 0.02; done; exit %d", i, i))
	}
	for i := range ranks {
		s.await(fmt.Sprintf("in-%d", i))
	}
	if found := holders(s.user); len(found) != 1 {
		t.Errorf("%d holders serve one image", len(found))
	}
	s.write("go", "", 0o644)
	for i, p := range processes {
		results[i] = p.wait().want(i)
	}
	for i, r := range results {
		if r.stdout != results[0].stdout || strings.Count(r.stdout, "\n") != 2 {
			t.Errorf("rank %d is in %q, rank 0 in %q", i, r.stdout, results[0].stdout)
		}
	}
}

// TestChurn: starting and ending at the same time never meets a sandbox that
// is on its way out.
func TestChurn(t *testing.T) {
	s := newSession(t)
	s.ok("pull", "-q", ref(minimal))
	var group sync.WaitGroup
	failures := make(chan string, 200)
	for range 4 {
		group.Go(func() {
			for range 25 {
				out, err := s.command(t.Context(), "run", "-q", ref(minimal), "--", "true").CombinedOutput()
				if err != nil {
					failures <- fmt.Sprintf("%v: %s", err, out)
				}
			}
		})
	}
	group.Wait()
	close(failures)
	for failure := range failures {
		t.Error(failure)
	}
}
