//go:build e2e

package builder

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLinkedCaches: what is linked to a file of a cache goes into the image without it.
func TestLinkedCaches(t *testing.T) {
	eachUser(t, func(_ *testing.T, s *session) {
		s.run("new", "--base", ref(base), "--name", "w").ok()
		s.run("run", "w", "--", "sh", "-ec", "mkdir -p /root/.cache/uv; echo content >/root/.cache/uv/a; ln /root/.cache/uv/a /usr/local/lib/a; ln /root/.cache/uv/a /usr/local/lib/b").ok()
		s.run("save", "w", "w:1").ok()
		s.run("save", "w", "w:2").ok() // within the same second
		s.run("new", "--base", "w:2", "--name", "v").ok()
		s.run("run", "v", "--", "sh", "-ec", "cat /usr/local/lib/b; test /usr/local/lib/a -ef /usr/local/lib/b; test ! -e /root/.cache/uv/a").ok().says("content")
	})
}

// TestStrictUmask: the caller's umask has no part in an image.
func TestStrictUmask(t *testing.T) {
	s := newSession(t, lab.plain)
	s.runProgram("/bin/sh", "-ec", "umask 077; exec "+lab.jbuild+" new --base "+ref(base)+" --name w").ok()
	r := s.runProgram("/bin/sh", "-ec", "umask 077; exec "+lab.jbuild+" run w -- sh -ec 'mkdir /opt/d; stat -c %a /opt/d / /dev/.jbuild/apt.conf'").ok()
	if want := "755\n755\n644\n"; r.stdout != want {
		t.Errorf("modes are %q, not %q", r.stdout, want)
	}
}

// TestEndAndHangup: a program is asked to end, and nohup(1) keeps it from a hangup.
func TestEndAndHangup(t *testing.T) {
	s := newSession(t, lab.plain)
	s.run("new", "--base", ref(base), "--name", "w").ok()
	const whenReady = `>said & p=$!; until grep -q ready said; do sleep 0.1; done; kill -%s $p; wait $p`
	r := s.runProgram("/bin/sh", "-c", lab.jbuild+` run w -- sh -c 'trap "echo asked >/opt/asked" TERM; echo ready; sleep 20 & wait $!' `+fmt.Sprintf(whenReady, "TERM"))
	r.status(143)
	s.run("run", "w", "--", "cat", "/opt/asked").ok().says("asked")
	s.runProgram("/bin/sh", "-c", "trap '' HUP; "+lab.jbuild+" run w -- sh -c 'echo ready; sleep 2' "+fmt.Sprintf(whenReady, "HUP")).ok()
}

// TestNothingInherited: no open file of the caller's gets into a workspace.
func TestNothingInherited(t *testing.T) {
	s := newSession(t, lab.plain)
	s.run("new", "--base", ref(base), "--name", "w").ok()
	r := s.runProgram("/bin/sh", "-c", "exec 7</ 9</etc; exec "+lab.jbuild+" run w -- ls /proc/self/fd").ok()
	if got := strings.Fields(r.stdout); len(got) != 4 { // the fourth is ls's own
		t.Errorf("open are %q", got)
	}
}

// TestLinksInTheWay: a link below the target of a copy leads nowhere outside.
func TestLinksInTheWay(t *testing.T) {
	s := newSession(t, lab.plain)
	victim := filepath.Join(s.home, "victim")
	for _, dir := range []string{victim, filepath.Join(s.home, "in/sub")} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.home, "in/sub/b"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(victim, s.user.UID, s.user.GID); err != nil {
		t.Fatal(err)
	}
	s.run("new", "--base", ref(base), "--name", "w").ok()
	s.run("run", "w", "--", "sh", "-ec", "mkdir -p /opt/in '"+victim+"'; ln -s '"+victim+"' /opt/in/sub").ok()
	s.run("cp", "in", "w:/opt/").ok()
	if left, err := os.ReadDir(victim); err != nil || len(left) > 0 {
		t.Errorf("outside there is %v (%v)", left, err)
	}
	s.run("run", "w", "--", "test", "-e", victim+"/b").ok()
}
