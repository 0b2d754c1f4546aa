//go:build e2e

package integration

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSecondRunAsksOnlyForTheTag: the first run fetches, the second asks what
// the tag is now and fetches nothing.
func TestSecondRunAsksOnlyForTheTag(t *testing.T) {
	s := freshSession(t)
	m := newMeddler(t)
	s.ok("run", "-q", m.ref("demo/static:latest"))
	blobs := m.count("/blobs/", http.MethodGet)
	if blobs == 0 {
		t.Fatal("the first run fetched no blob: the test does not test anything")
	}
	manifests := m.count("/manifests/", http.MethodGet, http.MethodHead)
	s.ok("run", "-q", m.ref("demo/static:latest"))
	if again := m.count("/blobs/", http.MethodGet, http.MethodHead); again > blobs {
		t.Errorf("the second run asked for %d blobs", again-blobs)
	}
	if asked := m.count("/manifests/", http.MethodGet, http.MethodHead) - manifests; asked != 1 {
		t.Errorf("the second run asked for %d manifests, want 1", asked)
	}
}

// TestMovedTag: a tag that was pushed again is noticed by the next run.
func TestMovedTag(t *testing.T) {
	s := freshSession(t)
	skopeoPush := func(from string) {
		skopeo(t, "--src-tls-verify=false", "--dest-tls-verify=false", "docker://"+ref(from), "docker://"+ref("demo/moving:latest"))
	}
	skopeoPush("demo/static:latest")
	s.ok("run", "-q", ref("demo/moving:latest"))
	skopeoPush(configured)
	if got := s.ok("run", "-q", ref("demo/moving:latest"), "--", "sh", "-c", "echo $FROM_IMAGE"); got != "yes" {
		t.Errorf("after the tag moved the image printed %q", got)
	}
}

// TestDigestNeedsNoRegistry: a digest says what it is, so an image that is in
// the store starts while the registry is down.
func TestDigestNeedsNoRegistry(t *testing.T) {
	s := freshSession(t)
	m := newMeddler(t)
	byDigest := m.ref("demo/static@" + digestOf(t, "demo/static:latest"))
	s.ok("pull", "-q", byDigest)
	m.answer = refuse(http.StatusServiceUnavailable, "UNAVAILABLE", "down")
	if got := s.ok("run", "-q", byDigest); !strings.Contains(got, "/probe") {
		t.Errorf("the probe printed %q", got)
	}
}

func TestTwoPullsConvertOnce(t *testing.T) {
	s := freshSession(t)
	m := newMeddler(t)
	m.delay = 20 * time.Millisecond
	pulls := make([]*process, 4)
	for i := range pulls {
		pulls[i] = s.start("pull", m.ref("demo/static:latest"))
	}
	for _, p := range pulls {
		p.wait().want(0)
	}
	if got := m.count("/blobs/"+layerOf(t, "demo/static:latest"), http.MethodGet); got != 1 {
		t.Errorf("4 pulls at once fetched the layer %d times", got)
	}
	if found := objects(s); len(found) != 1 {
		t.Errorf("the store holds %q", found)
	}
}

// TestInterruptedPull: Ctrl-C, SIGTERM and kill -9 in the middle of a pull show
// nothing half-made, and the next pull works.
func TestInterruptedPull(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			s := freshSession(t)
			m := newMeddler(t)
			m.delay = 20 * time.Millisecond
			p := s.start("pull", m.ref(minimal))
			eventually(t, "the pull writes", func() bool { return len(unfinished(s.store)) > 0 })
			time.Sleep(100 * time.Millisecond)
			p.cmd.Process.Signal(signal)
			r := p.wait()
			if signal == syscall.SIGKILL {
				if r.signal != signal {
					t.Errorf("ended with status %d, signal %v", r.code, r.signal)
				}
			} else {
				if r.signal != signal && r.code != 125 && r.code != 128+int(signal) {
					t.Errorf("ended with status %d, signal %v", r.code, r.signal)
				}
				if left := unfinished(s.store); len(left) > 0 {
					t.Errorf("left behind: %q", left)
				}
			}
			if found := objects(s); len(found) > 0 {
				t.Errorf("a half-made object is visible: %q", found)
			}
			s.run("pull", ref(minimal)).want(0)
			if left := unfinished(s.store); len(left) > 0 {
				t.Errorf("the next pull did not sweep: %q", left)
			}
			s.ok("run", "-q", ref(minimal), "--", "true")
		})
	}
}

func TestNoSpaceLeft(t *testing.T) {
	needRoot(t, "mounts a small tmpfs")
	s := freshSession(t)
	if err := s.user.Mkdir(s.store); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("small", s.store, "tmpfs", 0, "size=4m,mode=0777"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // runs before the session's own check
		if err := unix.Unmount(s.store, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s.run("pull", ref(minimal)).wantFault(125, "space")
	if left := append(unfinished(s.store), objects(s)...); len(left) > 0 {
		t.Errorf("left in the full store: %q", left)
	}
	var after unix.Statfs_t
	if err := unix.Statfs(s.store, &after); err != nil || after.Bfree < after.Blocks*9/10 {
		t.Errorf("the full store has %d of %d blocks free after the failure (%v)", after.Bfree, after.Blocks, err)
	}
	s.ok("run", "-q", ref("demo/static:latest"))
}

func TestReadOnlyStore(t *testing.T) {
	s := freshSession(t)
	s.ok("pull", "-q", ref("demo/static:latest"))
	for _, dir := range []string{s.store, filepath.Join(s.store, "user", itoa(s.user.UID)),
		filepath.Join(s.store, "user", itoa(s.user.UID), "objects"), filepath.Join(s.store, "user", itoa(s.user.UID), "refs")} {
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(dir, 0o700)
	}
	s.run("pull", ref(minimal)).wantFault(125, s.store)
	s.ok("run", "-q", ref("demo/static:latest")) // what is there still runs
	s.setStore("/proc/no-store-here")
	s.run("pull", ref(minimal)).wantFault(125, "/proc/no-store-here")
}

func TestStoreFlagAndDefault(t *testing.T) {
	s := freshSession(t)
	delete(s.env, "JRUN_STORE")
	s.env["XDG_DATA_HOME"] = filepath.Join(s.dir, "data")
	s.ok("pull", "-q", ref("demo/static:latest"))
	s.store = filepath.Join(s.dir, "data", "jrun")
	if len(objects(s)) != 1 {
		t.Error("the default store is not below XDG_DATA_HOME")
	}
	s.store = filepath.Join(s.dir, "by-flag")
	s.ok("--store", s.store, "pull", "-q", ref("demo/static:latest"))
	if len(objects(s)) != 1 {
		t.Error("--store is not where the image went")
	}
}

func TestTwoUsersDoNotShare(t *testing.T) {
	needRoot(t, "runs as two users")
	s := freshSession(t)
	if err := os.Mkdir(s.store, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.store, 0o1777); err != nil {
		t.Fatal(err)
	}
	s.ok("pull", "-q", ref("demo/static:latest"))
	other := sessionAs(t, lab.other, s.store)
	if list := other.ok("images", "--json"); list != "[]" {
		t.Errorf("the other user sees %s", list)
	}
	other.ok("run", "-q", ref("demo/static:latest"))
	if info, err := os.Stat(objects(other)[0]); err != nil || ownerOf(info) != lab.other.UID {
		t.Errorf("the other user's object: %v, %v", info, err)
	}
	// An object that somebody else planted is not run.
	planted := objects(s)[0]
	if err := os.Chown(planted, lab.other.UID, lab.other.GID); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(planted, []byte("evil"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := s.run("run", "-q", ref("demo/static:latest"))
	if r.code != 0 && r.code != 125 {
		t.Errorf("with a planted object: status %d, %s", r.code, r.stderr)
	}
	if r.code == 125 {
		r.wantFault(125)
	}
}
