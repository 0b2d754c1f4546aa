//go:build e2e

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSameProcess: the command is the process that was started, not a child.
func TestSameProcess(t *testing.T) {
	s := newSession(t)
	r := s.run("run", "-q", ref(minimal), "--", "sh", "-c", "echo $$").want(0)
	if got, want := strings.TrimSpace(r.stdout), strconv.Itoa(r.pid); got != want {
		t.Errorf("the command's pid is %s; the process started has %s", got, want)
	}
}

// inherited is what a process gets from its parent, as a script prints it.
// Fields 5 and 6 of stat are the process group and the session, 19 the nice
// value; the command's name is cut off because it may hold spaces.
const inherited = `
set -- $(sed 's/.*) //' /proc/$$/stat)
echo "group $3 session $4 tty $5 nice ${17}"
echo "umask $(umask)"
echo "ids $(id -u) $(id -g)"
grep -E '^Cpus_allowed_list|^SigIgn|^SigBlk' /proc/$$/status
cat /proc/self/cgroup /proc/self/timerslack_ns
ulimit -a
`

// TestInherited compares what a script sees inside with what the same script,
// started the same way, sees outside.
func TestInherited(t *testing.T) {
	s := newSession(t)
	s.ok("pull", "-q", ref(minimal))
	s.env["PATH"] = "/usr/bin:/bin:/usr/sbin:/sbin"
	s.env["IMAGE"] = ref(minimal)
	s.env["JRUN"] = lab.jrun
	s.write("inherited", inherited, 0o755)
	// The outer shell makes the surroundings unusual, then runs the script
	// outside and inside; exec keeps one process group for both.
	const surroundings = `umask 027; ulimit -S -n 777; ulimit -c 0; trap '' HUP
/bin/sh ./inherited >outside
"$JRUN" run -q "$IMAGE" -- /bin/sh ./inherited >inside`
	s.wrap = []string{"setsid", "nice", "-n", "7", "taskset", "-c", "1", "/bin/sh", "-c", surroundings}
	if cpus() < 2 {
		s.wrap[5] = "0"
	}
	s.run().want(0)
	if diff := cmp.Diff(s.read("outside"), s.read("inside")); diff != "" {
		t.Errorf("what a process inherits (-outside +inside):\n%s", diff)
	}
	for _, unusual := range []string{"umask 0027", "nice 7"} {
		if !strings.Contains(s.read("outside"), unusual) {
			t.Errorf("the comparison lacks %q: the test does not test it", unusual)
		}
	}
}

func TestSupplementaryGroupGivesAccess(t *testing.T) {
	needRoot(t, "gives a file to a group")
	s := newSession(t)
	extra := 0
	for _, gid := range s.user.Groups {
		if gid != s.user.GID {
			extra = gid
		}
	}
	if extra == 0 {
		t.Fatal("jrun-test has no supplementary group: run integration/setup.sh test")
	}
	path := s.write("for-the-group", "readable", 0o640)
	if err := os.Chown(path, 0, extra); err != nil {
		t.Fatal(err)
	}
	if got := s.sh("cat for-the-group"); got != "readable" {
		t.Errorf("the group's file reads %q", got)
	}
	// The check has a meaning only if others cannot read it.
	if err := os.Chown(path, 0, 0); err != nil {
		t.Fatal(err)
	}
	s.run("run", "-q", ref(minimal), "--", "cat", "for-the-group").want(1)
}

func TestNoPrivileges(t *testing.T) {
	s := newSession(t)
	got := s.sh("grep -E '^(NoNewPrivs|CapEff|CapPrm|CapInh|CapAmb):' /proc/self/status")
	const none = "0000000000000000"
	want := fmt.Sprintf("CapInh:\t%s\nCapPrm:\t%[1]s\nCapEff:\t%[1]s\nCapAmb:\t%[1]s\nNoNewPrivs:\t1", none)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("privileges inside (-want +got):\n%s", diff)
	}
}

func TestDescriptors(t *testing.T) {
	s := newSession(t)
	// Whoever runs the tests may pass on descriptors of his own.
	outside, err := exec.Command("ls", "/proc/self/fd").Output()
	if err != nil {
		t.Fatal(err)
	}
	inside := s.run("run", "-q", ref(minimal), "--", "ls", "/proc/self/fd").want(0).stdout
	if diff := cmp.Diff(string(outside), inside); diff != "" {
		t.Errorf("open descriptors (-outside +inside):\n%s", diff)
	}
	// A descriptor that the job's launcher passes on arrives.
	s.write("passed", "through descriptor 7\n", 0o644)
	s.wrap = []string{"/bin/sh", "-c", `exec 7<passed; exec "$0" "$@"`}
	if got := s.sh("cat <&7"); got != "through descriptor 7" {
		t.Errorf("descriptor 7 gives %q", got)
	}
}

// TestLaunchersDescriptorsAreNotKept: who started a rank with a pipe or a socket must see
// when the rank ends, although the sandbox that the rank has made lives on.
func TestLaunchersDescriptorsAreNotKept(t *testing.T) {
	s := newSession(t)
	s.env["IMAGE"], s.env["JRUN"], s.env["PATH"] = ref(minimal), lab.jrun, "/usr/bin:/bin"
	const ranks = `mkfifo pipe
{ cat pipe >/dev/null; touch end; } &
( exec 9>pipe; exec "$JRUN" run -q "$IMAGE" -- sh -c 'touch started; while [ ! -e joined ]; do sleep 0.1; done' ) &
while [ ! -e started ]; do sleep 0.1; done
exec "$JRUN" run -q "$IMAGE" -- sh -c 'touch joined; n=0; while [ ! -e end ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n+1)); done; [ -e end ]'`
	s.wrap = []string{"setsid", "-w", "/bin/sh", "-c", ranks}
	s.run().want(0)
}

func TestRootFlag(t *testing.T) {
	s := newSession(t)
	if got := s.ok("run", "-q", "--root", ref(minimal), "--", "sh", "-c", "id -u; id -g; touch made-by-root; stat -c %u:%g made-by-root"); got != "0\n0\n0:0" {
		t.Errorf("as root: %q", got)
	}
	info, err := os.Stat(filepath.Join(s.dir, "made-by-root"))
	if err != nil {
		t.Fatal(err)
	}
	if uid := ownerOf(info); uid != s.user.UID {
		t.Errorf("the file belongs to %d outside, want %d", uid, s.user.UID)
	}
}
