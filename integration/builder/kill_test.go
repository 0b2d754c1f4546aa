//go:build e2e

package builder

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/integration/campaign"
)

// witness is a shell command that prints a sum of all that a workspace should hold.
const witness = "cd / && find opt usr/bin etc -xdev -type f ! -name hosts ! -name resolv.conf ! -name mtab | sort | xargs cat | sha256sum; jviewer"

// operations are what is killed; each leaves the workspace w as it is.
func operations(s *session, i int) map[string][]string {
	return map[string][]string{
		"new":    {"new", "--base", ref(base), "--name", "x" + strconv.Itoa(i)},
		"run":    {"run", "w", "--", "sh", "-c", "cat /usr/bin/* >/tmp/scratch; sleep 0.2"},
		"save":   {"save", "w", "saved:" + strconv.Itoa(i)},
		"squash": {"save", "--squash", "w", "squashed:" + strconv.Itoa(i)},
		"push":   {"push", "w", s.killedRef(strconv.Itoa(i))},
		"export": {"export", "w", filepath.Join(s.home, fmt.Sprintf("w%d.tar", i))},
		"rename": {"rename", "y", "z"},
		"test":   {"test", "w", "--", "true"},
	}
}

// killedRef names an image in a repository of the session's own: what another session has
// pushed would be in the way.
func (s *session) killedRef(tag string) string {
	return ref("killed/" + filepath.Base(s.home) + ":" + tag)
}

// TestKilled: SIGKILL at random moments of everything that works with a workspace. It is
// never lost or changed, and the next command works.
func TestKilled(t *testing.T) {
	chance := campaign.Random(t)
	eachUser(t, func(t *testing.T, s *session) {
		s.run("new", "--base", ref(base), "--name", "w").ok()
		s.run("run", "w", "--", "sh", "-ec", lab.packages.Use()+"; apt-get -q install -y jviewer; head -c 3000000 /dev/urandom >/opt/data").ok()
		want := s.run("run", "w", "--", "sh", "-c", witness).ok().stdout
		s.run("new", "--base", ref(base), "--name", "y").ok()
		took := map[string]time.Duration{} // of an undisturbed one
		killed := 0
		for i := range campaign.Slice(10, 200) {
			names := []string{"new", "run", "save", "squash", "push", "export", "rename", "test"}
			name := names[chance.IntN(len(names))]
			if i < len(names) {
				name = names[i]
			}
			args := operations(s, i)[name]
			if took[name] == 0 {
				took[name] = time.Second
			}
			after := time.Duration(chance.Int64N(int64(took[name])))
			started := time.Now()
			if ended := s.killAfter(after, args...); ended {
				took[name] = time.Since(started)
			} else {
				killed++
			}
			s.nothingRuns()
			if name == "rename" {
				s.run("rename", "z", "y") // one of the two names is there
				s.run("run", "y", "--", "true").ok()
			}
			if got := s.run("run", "w", "--", "sh", "-c", witness).ok().stdout; got != want {
				t.Fatalf("after %s was killed, the workspace is another:\n%s\nnot\n%s", name, got, want)
			}
		}
		s.run("push", "w", s.killedRef("last")).ok()
		s.run("list").ok()
		s.nothingLeft()
		t.Logf("%d of %d were killed", killed, campaign.Slice(10, 200))
	})
}

// nothingLeft fails the test if a temporary file is left. The caches of RUN
// --mount=type=cache stay, and an empty directory that the storage library makes
// whenever it starts.
func (s *session) nothingLeft() {
	s.t.Helper()
	dir := filepath.Join(s.home, ".local/share/jbuild/tmp")
	left, err := os.ReadDir(dir)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range left {
		inside, err := os.ReadDir(filepath.Join(dir, e.Name()))
		emptied := strings.HasPrefix(e.Name(), "storage-run-") && err == nil && len(inside) == 0
		if !strings.HasPrefix(e.Name(), "buildah-cache-") && !emptied {
			s.t.Errorf("left over: %s", e.Name())
		}
	}
}

// killAfter starts jbuild, kills it, and reports whether it had ended before.
func (s *session) killAfter(after time.Duration, args ...string) (ended bool) {
	s.t.Helper()
	cmd := s.command(context.Background(), lab.jbuild, args...)
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			s.t.Fatalf("jbuild %s, undisturbed: %v", strings.Join(args, " "), err)
		}
		return true
	case <-time.After(after):
	}
	// Half of the times only the process that a user sees; the others must follow.
	pid := cmd.Process.Pid
	if after%2 == 0 {
		pid = -pid
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	<-done
	return false
}
