//go:build e2e

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jrun-hpc/jrun/integration/ordinary"
)

// keepersOf lists the processes that hold copies of images.
func keepersOf(user *ordinary.Account) []proc {
	var found []proc
	for _, p := range processes(user) {
		if p.args[0] == "jrun-keeper" {
			found = append(found, p)
		}
	}
	return found
}

// withNodeCache makes the session's jrun copy images to a directory.
func (s *session) withNodeCache(more string) (dir string) {
	s.t.Helper()
	dir = filepath.Join(s.dir, "local")
	if err := s.user.Mkdir(dir); err != nil {
		s.t.Fatal(err)
	}
	s.env["JRUN_CONFIG"] = s.write("jrun.toml", fmt.Sprintf("node_cache = %q\n%s", dir, more), 0o644)
	return dir
}

// inJob runs a script that is a batch job for jrun, which it finds in $JRUN.
func (s *session) inJob(script string) *process {
	s.t.Helper()
	s.env["PBS_JOBID"], s.env["JRUN"], s.env["IMAGE"] = fmt.Sprintf("%d.test", os.Getpid()), lab.jrun, ref(minimal)
	s.wrap = []string{"setsid", "-w", "sh", "-c", script}
	return s.start()
}

// TestNodeCache: two sandboxes of a job read one copy; what is left of it after
// the job is looked for by the session, too.
func TestNodeCache(t *testing.T) {
	s := newSession(t)
	s.ok("pull", "-q", ref(minimal))
	dir := s.withNodeCache("")
	p := s.inJob(`"$JRUN" -v run "$IMAGE" -- sh -c 'cat /etc/debian_version' &&
		"$JRUN" -v run --clean-env --no-home "$IMAGE" -- true && touch ready && while ! test -e go; do sleep 0.02; done`)
	s.await("ready")
	if found := keepersOf(s.user); len(found) != 1 {
		t.Errorf("%d keepers in a job between two commands: %v", len(found), found)
	}
	s.write("go", "", 0o644)
	r := p.wait().want(0)
	if r.stdout == "" || strings.Count(r.stderr, "is read from a copy on this node") != 2 {
		t.Errorf("it printed %q and\n%s", r.stdout, r.stderr)
	}
	eventually(t, "the keeper has ended", func() bool { return len(keepersOf(s.user)) == 0 })
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left in the node's directory: %v, %v", entries, err)
	}
}

// TestNodeCacheKilled: after kill -9 of everything nothing is left.
func TestNodeCacheKilled(t *testing.T) {
	s := newSession(t)
	s.ok("pull", "-q", ref(minimal))
	dir := s.withNodeCache("")
	p := s.inJob(`"$JRUN" -q run "$IMAGE" -- sh -c 'touch ready; exec sleep 60'; :`)
	s.await("ready")
	if found := keepersOf(s.user); len(found) != 1 {
		t.Errorf("%d keepers: %v", len(found), found)
	}
	for _, found := range processes(s.user) {
		_ = syscall.Kill(found.pid, syscall.SIGKILL) // some end with others
	}
	p.wait()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left in the node's directory: %v, %v", entries, err)
	}
}

// TestNodeCacheCannot: an image runs without a copy, and a person hears of what
// should be mended.
func TestNodeCacheCannot(t *testing.T) {
	s := newSession(t)
	s.ok("pull", "-q", ref(minimal))
	dir := s.withNodeCache("node_cache_size = \"1K\"\n")
	if r := s.run("run", "-v", ref(minimal), "--", "true").want(0); !strings.Contains(r.stderr, "has no copy on this node") {
		t.Errorf("without room it said %q", r.stderr)
	}
	s.awaitNoHolder()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if r := s.run("run", "-q", ref(minimal), "--", "true").want(0); !strings.Contains(r.stderr, "warning: cannot use the node_cache") {
		t.Errorf("with a directory that others can write it said %q", r.stderr)
	}
	if got := s.run("doctor").stdout; !strings.Contains(got, "warning  node cache") {
		t.Errorf("jrun doctor says\n%s", got)
	}
	s.awaitNoHolder()
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if r := s.run("run", "-q", ref(minimal), "--", "true").want(0); r.stderr != "" {
		t.Errorf("without the directory it said %q", r.stderr)
	}
}

// TestNodeCacheKept: with node_cache_keep the copy is there for the next job.
func TestNodeCacheKept(t *testing.T) {
	s := newSession(t)
	s.ok("pull", "-q", ref(minimal))
	dir := s.withNodeCache("node_cache_keep = true\n")
	for range 2 {
		if r := s.run("run", "-v", ref(minimal), "--", "true").want(0); !strings.Contains(r.stderr, "is read from a copy on this node") {
			t.Errorf("it said %q", r.stderr)
		}
		s.awaitNoHolder()
	}
	if copies, err := filepath.Glob(filepath.Join(dir, itoa(s.user.UID), "*.sqfs")); err != nil || len(copies) != 1 {
		t.Errorf("copies are %v, %v", copies, err)
	}
}
