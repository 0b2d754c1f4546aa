//go:build e2e

package integration

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startedGo says whether a process that ended like this had started Go, which then
// tells what it initialises (GODEBUG).
func (r *result) startedGo() bool { return strings.Contains(r.stderr, "init runtime @") }

// jobSession is a session in a batch job, with a process of it that stays inside.
func jobSession(t *testing.T) (*session, *process) {
	s := newSession(t)
	s.ok("pull", "--quiet", ref(minimal))
	s.env["PBS_JOBID"], s.env["GODEBUG"] = fmt.Sprintf("%d.express", time.Now().UnixNano()), "inittrace=1"
	s.env["PBS_CONF_FILE"] = filepath.Join(s.dir, "none")
	marker := filepath.Join(s.dir, "inside")
	p := s.start("run", "--quiet", ref(minimal), "sh", "-c", "touch "+marker+"; exec sleep 98761")
	eventually(t, "the first process of the job runs", func() bool {
		_, err := os.Stat(marker)
		return err == nil
	})
	return s, p
}

// end ends the process that stays, and the job with it.
func end(p *process) {
	_ = p.cmd.Process.Kill()
	p.wait()
}

// TestExpress: the second process of a job with the same command line is inside
// without having started Go, and everything there is the same.
func TestExpress(t *testing.T) {
	s, p := jobSession(t)
	defer end(p)
	args := []string{"run", "--quiet", "-e", "FROM_FLAG=yes", ref(minimal), "sh", "-c", "env | sort; pwd; id; umask; readlink /proc/self/ns/mnt; exit 7"}
	s.env["CONDA_PREFIX"], s.env["OWN"], s.env["OMPI_COMM_WORLD_RANK"] = "/opt/conda", "a b", "0"
	first := s.run(args...).want(7)
	if !first.startedGo() {
		t.Fatalf("the first process did not start Go; this test shows nothing: %.200q", first.stderr)
	}
	s.env["OMPI_COMM_WORLD_RANK"] = "1"
	second := s.run(args...).want(7)
	if second.startedGo() || second.stderr != "" {
		t.Errorf("the second process has gone the long way: %.200q", second.stderr)
	}
	if want := strings.Replace(first.stdout, "OMPI_COMM_WORLD_RANK=0", "OMPI_COMM_WORLD_RANK=1", 1); second.stdout != want {
		t.Errorf("got:\n%s\nwant:\n%s", second.stdout, want)
	}
	if strings.Contains(second.stdout, "CONDA_PREFIX") || !strings.Contains(second.stdout, "FROM_FLAG=yes") {
		t.Errorf("the environment is not that of the inside:\n%s", second.stdout)
	}
}

// TestExpressIsForTheSame: whatever jrun's answer depends on leads to the long way.
func TestExpressIsForTheSame(t *testing.T) {
	s, p := jobSession(t)
	defer end(p)
	args := []string{"run", "--quiet", ref(minimal), "true"}
	s.run(args...).want(0)
	if s.run(args...).want(0).startedGo() {
		t.Fatal("the second process has gone the long way; this test shows nothing")
	}
	config := s.write("jrun.toml", "\n", 0o644)
	for name, change := range map[string]func() (undo func()){
		"another directory":     func() func() { s.cwd = "/tmp"; return func() { s.cwd = s.dir } },
		"another home":          func() func() { old := s.env["HOME"]; s.env["HOME"] = s.dir; return func() { s.env["HOME"] = old } },
		"another locale":        func() func() { s.env["LC_ALL"] = "C"; return func() { delete(s.env, "LC_ALL") } },
		"another configuration": func() func() { s.env["JRUN_CONFIG"] = config; return func() { delete(s.env, "JRUN_CONFIG") } },
		"a launcher":            func() func() { s.env["PMIX_RANK"] = "0"; return func() { delete(s.env, "PMIX_RANK") } },
		"another job": func() func() {
			old := s.env["PBS_JOBID"]
			s.env["PBS_JOBID"] += "x"
			return func() { s.env["PBS_JOBID"] = old }
		},
		"no job": func() func() {
			old := s.env["PBS_JOBID"]
			delete(s.env, "PBS_JOBID")
			return func() { s.env["PBS_JOBID"] = old }
		},
		"other GPUs": func() func() {
			s.env["CUDA_VISIBLE_DEVICES"] = "1"
			return func() { delete(s.env, "CUDA_VISIBLE_DEVICES") }
		},
	} {
		undo := change()
		if !s.run(args...).want(0).startedGo() {
			t.Errorf("%s: the answer of another process was taken", name)
		}
		undo()
	}
	// A file of the configuration that changes under its name.
	s.env["JRUN_CONFIG"] = config
	s.run(args...).want(0)
	s.run(args...).want(0)
	s.write("jrun.toml", "binds = [\"/none\"]\n", 0o644)
	if !s.run(args...).want(0).startedGo() {
		t.Error("a configuration that has changed was not read")
	}
	delete(s.env, "JRUN_CONFIG")
	// A value that is each process's own.
	passed := []string{"run", "--quiet", "--clean-env", "-e", "RANK", ref(minimal), "sh", "-c", "echo $RANK"}
	for rank := range 3 {
		s.env["RANK"] = fmt.Sprint(rank)
		if got := s.run(passed...).want(0).stdout; got != s.env["RANK"]+"\n" {
			t.Errorf("process %d got the value of another one: %q", rank, got)
		}
	}
}

// TestExpressKeeps what PBS gave the process: what is ignored and blocked, and its id.
func TestExpressKeeps(t *testing.T) {
	s, p := jobSession(t)
	defer end(p)
	s.wrap = []string{"sh", "-c", `trap '' USR1; ulimit -n 1000; exec "$@"`, "sh"}
	args := []string{"run", "--quiet", ref(minimal), "sh", "-c", "kill -USR1 $$; grep -i sigign /proc/self/status; ulimit -n; echo alive"}
	first, second := s.run(args...).want(0), s.run(args...).want(0)
	if second.startedGo() || second.stdout != first.stdout || !strings.HasSuffix(second.stdout, "1000\nalive\n") {
		t.Errorf("got %q (%.200q), and %q the long way", second.stdout, second.stderr, first.stdout)
	}
	s.wrap = nil
	s.env["RANK"] = "1"
	missing := []string{"run", "--quiet", ref(minimal), "no-such-command"}
	s.run(missing...).want(127)
	if r := s.run(missing...); r.code != 127 || r.startedGo() || !faultShape.MatchString(r.stderr) {
		t.Errorf("a command that is missing: %+v", r)
	}
}

// TestExpressWithoutHolder: the long way is always there.
func TestExpressWithoutHolder(t *testing.T) {
	s, p := jobSession(t)
	args := []string{"run", "--quiet", ref(minimal), "true"}
	s.run(args...).want(0)
	end(p)
	s.awaitNoHolder()
	if !s.run(args...).want(0).startedGo() {
		t.Error("a sandbox that has ended was entered")
	}
}

// TestExec enters a running sandbox, by process and by job.
func TestExec(t *testing.T) {
	s, p := jobSession(t)
	defer end(p)
	s.env["GODEBUG"] = ""
	inside := s.ok("run", "--quiet", ref(minimal), "readlink", "/proc/self/ns/mnt")
	number, _, _ := strings.Cut(s.env["PBS_JOBID"], ".")
	job := s.env["PBS_JOBID"]
	delete(s.env, "PBS_JOBID")
	s.env["TERM"] = "vt100"
	for _, target := range []string{fmt.Sprint(p.cmd.Process.Pid), job, number} {
		got := s.ok("exec", target, "sh", "-c", "readlink /proc/self/ns/mnt; pwd; echo $TERM $PBS_JOBID; grep NoNewPrivs /proc/self/status")
		if want := inside + "\n" + s.dir + "\nvt100 " + job + "\nNoNewPrivs:\t1"; got != want {
			t.Errorf("by %s: %q, want %q", target, got, want)
		}
	}
	if got := s.ok("exec", "-w", "/etc", job, "pwd"); got != "/etc" {
		t.Errorf("-w: %q", got)
	}
	s.run("exec", job, "no-such-command").wantFault(127, "no-such-command")
	s.run("exec", job+"9", "true").wantFault(125, "none of your programs", "qstat")
	s.run("exec", fmt.Sprint(os.Getpid()), "true").wantFault(125, "in no sandbox of yours")
	s.run("exec", "999999999", "true").wantFault(125, "cannot enter 999999999")
	s.run("exec", "-w", "etc", job, "true").wantFault(125, "does not start with /")
	if lab.other != nil {
		sessionAs(t, lab.other, s.store).run("exec", fmt.Sprint(p.cmd.Process.Pid), "true").wantFault(125, "in no sandbox of yours")
	}
	// It goes on without the process that was named.
	stdin, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	s.stdin = stdin
	q := s.start("exec", job, "sh", "-c", "touch entered; read go; ls /etc/debian_version")
	s.await("entered")
	_ = p.cmd.Process.Kill()
	eventually(t, "the process that was named is gone", func() bool { return !runs(s.user, "sleep") })
	tell.Close()
	if r := q.wait().want(0); !strings.Contains(r.stdout, "debian_version") {
		t.Errorf("got %q", r.stdout)
	}
}

// TestInheritedDescriptors: a holder keeps nothing that its first rank had open.
func TestInheritedDescriptors(t *testing.T) {
	s := newSession(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	// What stays keeps the sandbox and its holder until it is told to go.
	cmd := s.command(t.Context(), "run", "--quiet", ref(minimal), "sh", "-c", "(while ! test -e go; do sleep 0.02; done) 3>&- >/dev/null 2>&1 </dev/null & exit 0")
	cmd.ExtraFiles = []*os.File{write}
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	_ = read.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := read.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("instead of the pipe's end there is %v", err)
	}
	if len(holders(s.user)) != 1 {
		t.Error("the holder has ended: this test shows nothing")
	}
	s.write("go", "", 0o644)
}
