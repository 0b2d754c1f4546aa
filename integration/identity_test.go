//go:build e2e

package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIdentity(t *testing.T) {
	s := newSession(t)
	u := s.user
	for _, c := range []struct{ script, want string }{
		{"id -un", u.Name},
		{"id -u; id -g", fmt.Sprintf("%d\n%d", u.UID, u.GID)},
		{"id -gn", groupName(t, u.GID)},
		{"whoami", u.Name},
		{fmt.Sprintf("getent passwd %d | cut -d: -f1,3,4,6", u.UID), fmt.Sprintf("%s:%d:%d:%s", u.Name, u.UID, u.GID, u.Home)},
		{fmt.Sprintf("getent passwd %s | cut -d: -f3", u.Name), itoa(u.UID)},
		{"getent passwd root | cut -d: -f3", "0"},
		{"getent passwd daemon | cut -d: -f1", "daemon"}, // the image's own users stay
		{`cd; pwd; echo ~`, u.Home + "\n" + u.Home},
		{"touch mine; stat -c %U:%u mine", u.Name + ":" + itoa(u.UID)},
		{"getent passwd | cut -d: -f1 | sort | uniq -d", ""},
	} {
		t.Run(c.script, func(t *testing.T) {
			s.t = t
			if diff := cmp.Diff(c.want, s.sh(c.script)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	s.t = t
}

func TestShellOfTheUserExistsInside(t *testing.T) {
	s := newSession(t)
	s.env["SHELL"] = "/usr/bin/zsh" // not in the image
	if got := s.sh(`test -x "$SHELL" && echo ok`); got != "ok" {
		t.Error("SHELL names a program that is not inside")
	}
}

// TestImageWithoutAccountFiles: the static image has no /etc at all.
func TestImageWithoutAccountFiles(t *testing.T) {
	s := newSession(t)
	got := s.ok("run", "-q", ref("demo/static:latest"))
	if !strings.Contains(got, fmt.Sprintf(`"GID":%d`, s.user.GID)) {
		t.Errorf("the probe saw %s", got)
	}
}
