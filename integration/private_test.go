//go:build e2e

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// sharedStore makes a store for several users, as an administrator does.
func sharedStore(t *testing.T, s *session) {
	t.Helper()
	needRoot(t, "makes a store for several users")
	if err := os.Mkdir(s.store, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.store, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
}

// TestOthersSeeNothing: of a user's images another user can neither read, list,
// mount nor infer anything, by jrun or by hand.
func TestOthersSeeNothing(t *testing.T) {
	s := freshSession(t)
	sharedStore(t, s)
	s.ok("pull", "-q", ref("demo/static:latest"))
	digest := digestOf(t, "demo/static:latest")
	there := objects(s)[0]
	absent := strings.Replace(there, digest[7:17], "0123456789", 1)
	s.ok("run", "-q", ref("demo/static:latest")) // which leaves a record, a lease, notes

	other := sessionAs(t, lab.other, s.store)
	for _, args := range [][]string{{"images", "--json"}, {"history", "--json"}} {
		if list := other.ok(args...); list != "[]" {
			t.Errorf("jrun %s shows another user %s", strings.Join(args, " "), list)
		}
	}
	for _, args := range [][]string{
		{"inspect", digest}, {"inspect", there}, {"verify", there}, {"rm", digest}, {"pin", digest, "--reason", "mine"},
		{"gc", "--undelete", digest}, {"run", "-q", there, "--", "true"}, {"mount", "-q", there, other.dir + "/m"},
	} {
		r := other.run(args...).wantFault(125)
		// Nor does the answer tell whether it is there.
		for i, word := range args {
			args[i] = strings.ReplaceAll(word, there, absent)
		}
		hidden := strings.NewReplacer(there, "FILE", absent, "FILE", filepath.Base(there), "NAME", filepath.Base(absent), "NAME")
		if again := other.run(args...); hidden.Replace(again.stderr) != hidden.Replace(r.stderr) {
			t.Errorf("of one that is there: %s\nof one that is not: %s", r.stderr, again.stderr)
		}
	}
	for _, path := range []string{there, absent, filepath.Dir(there), filepath.Dir(filepath.Dir(there))} {
		script := "cat < " + path + " || ls " + path + "/ || find " + path + "/ -name '*sqfs'"
		cmd := exec.Command("sh", "-c", script)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: lab.other.Credential()}
		out, _ := cmd.CombinedOutput()
		if strings.Count(string(out), "ermission denied") != 3 || strings.Contains(string(out), "sqfs\n") {
			t.Errorf("the other user's shell says of %s: %s", path, out)
		}
	}
	if got := s.ok("images", "--json"); !strings.Contains(got, digest) {
		t.Errorf("the owner sees %s", got)
	}
}

// TestSiteImages: the service account publishes an image for a project's members.
// They run it from there; others make their own, if the registry lets them.
func TestSiteImages(t *testing.T) {
	s := freshSession(t)
	sharedStore(t, s)
	service := sessionAs(t, lab.other, s.store) // any account can be one
	service.run("pull", "--site", ref(minimal)).wantFault(125, "store init --site")
	service.ok("store", "init", "--site")
	service.ok("pull", "-q", "--site", ref(minimal))
	project := lab.registry.Host + "/demo"
	config := s.write("jrun.toml", fmt.Sprintf("site_owner = %q\n", itoa(service.user.UID)), 0o644)
	s.env["JRUN_CONFIG"] = config

	inSite := func() bool {
		t.Helper()
		s.ok("run", "-q", ref(minimal), "--", "true")
		return strings.Contains(s.ok("images", "--json"), `"site": true`)
	}
	if inSite() {
		t.Error("it is used before it is shared")
	}
	if len(objects(s)) != 1 {
		t.Error("who is no member did not make one of their own")
	}
	s.ok("rm", "-q", digestOf(t, minimal))
	service.ok("store", "share", project, "--user", s.user.Name)
	if !inSite() || len(objects(s)) != 0 {
		t.Errorf("a member does not use the site's; own objects: %v", objects(s))
	}
	s.run("pin", ref(minimal), "--reason", "cited").wantFault(125, "site") // jadm is not there to be asked
	if out := s.ok("rm", ref(minimal)); !strings.Contains(out, "the site's") {
		t.Errorf("removing its name says %q", out)
	}
	// The user's jobs hold it against the service account's collection.
	p := s.start("run", "-q", ref(minimal), "--", "sh", "-c", "touch up; exec sleep 30")
	eventually(t, "the job runs", func() bool {
		_, err := os.Stat(filepath.Join(s.dir, "up"))
		return err == nil
	})
	out := service.ok("gc", "--site", "--max-size", "1", "--undelete-for", "0")
	if strings.HasPrefix(out, "removed  ") {
		t.Errorf("an image that is in use was removed: %s", out)
	}
	p.cmd.Process.Kill()
	p.wait()
	eventually(t, "the image can be collected", func() bool {
		service.ok("gc", "-q", "--site", "--max-size", "1", "--undelete-for", "0")
		found, _ := filepath.Glob(filepath.Join(s.store, "site", "*", "demo", "objects", "*.sqfs"))
		return len(found) == 0
	})
	s.ok("run", "-q", ref(minimal), "--", "true") // an own one again
	if len(objects(s)) != 1 {
		t.Error("after the site's was collected, none was made")
	}
}

// TestShareWithoutAccessLists: on a file system without them one group may be
// named.
func TestShareWithoutAccessLists(t *testing.T) {
	s := freshSession(t)
	needRoot(t, "mounts a file system")
	service := sessionAs(t, lab.user, s.store)
	if err := os.Mkdir(s.store, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("ramfs", s.store, "ramfs", 0, "mode=1777"); err != nil { // it has no extended attributes
		t.Fatal(err)
	}
	defer unix.Unmount(s.store, unix.MNT_DETACH)
	service.ok("store", "init", "--site")
	service.ok("pull", "-q", "--site", ref("demo/static:latest"))
	project := lab.registry.Host + "/demo"
	service.run("store", "share", project, "--user", lab.other.Name).wantFault(125, "--group")
	service.ok("store", "share", project, "--group", "jrun-test-extra")
	info, err := os.Stat(filepath.Join(s.store, "site", lab.registry.Host, "demo"))
	if err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("the project's directory: %v, %v", info, err)
	}
}

// TestWarmRequests: with the image in the store a start makes one request, and in
// a job the first process makes it for all.
func TestWarmRequests(t *testing.T) {
	s := freshSession(t)
	m := newMeddler(t)
	s.ok("pull", "-q", m.ref(minimal))
	take := func() []string {
		m.mu.Lock()
		defer m.mu.Unlock()
		taken := m.requests
		m.requests = nil
		return taken
	}
	take()
	s.ok("run", "-q", m.ref(minimal), "--", "true")
	if got := take(); len(got) != 1 || !strings.HasPrefix(got[0], "HEAD ") {
		t.Errorf("a warm run made the requests %q, want one HEAD", got)
	}
	s.env["PBS_JOBID"] = "4711.pbs"
	for range 3 {
		s.ok("run", "-q", m.ref(minimal), "--", "true")
	}
	ranks := make([]*process, 8)
	for i := range ranks {
		ranks[i] = s.start("run", "-q", m.ref(minimal), "--", "true")
	}
	for _, p := range ranks {
		p.wait().want(0)
	}
	if got := take(); len(got) != 1 {
		t.Errorf("a job of eleven processes made the requests %q, want one", got)
	}
}
