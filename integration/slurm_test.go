//go:build e2e

package integration

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// slurm is a cluster of one node, this machine, whose daemons keep everything in a
// directory of the test and listen on the loopback interface.
type slurm struct {
	t       *testing.T
	dir     string
	daemons []*exec.Cmd // in the order of their start
}

// slurmConf is the least that slurm.conf(5) wants. Nothing is bound to CPUs or put into
// cgroups, which belong to the machine.
const slurmConf = `ClusterName=jrun
SlurmctldHost=%[2]s(127.0.0.1)
SlurmctldPort=%[3]d
SlurmdPort=%[4]d
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket=%[1]s/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=%[1]s/state
SlurmdSpoolDir=%[1]s/spool
SlurmctldPidFile=%[1]s/slurmctld.pid
SlurmdPidFile=%[1]s/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
NodeName=%[2]s NodeAddr=127.0.0.1 CPUs=16
PartitionName=all Nodes=ALL Default=YES
`

// newSlurm starts one, which ends with the test.
func newSlurm(t *testing.T) *slurm {
	t.Helper()
	needRoot(t, "runs the daemons of Slurm")
	for _, tool := range []string{"munged", "slurmctld", "slurmd", "srun"} {
		needTool(t, tool)
	}
	dir, err := os.MkdirTemp(lab.dir, "slurm-")
	if err != nil {
		t.Fatal(err)
	}
	c := &slurm{t: t, dir: dir}
	t.Cleanup(c.stop)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ = strings.Cut(host, ".")
	ports := freePorts(t, 2)
	key := make([]byte, 128)
	rand.Read(key)
	// Where PMIx keeps the files of a step. Slurm removes them a moment after the step.
	const mpiConf = "PMIxCliTmpDirBase=%s/spool\n"
	if err := errors.Join(
		os.Chmod(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "mpi.conf"), fmt.Appendf(nil, mpiConf, dir), 0o644),
		os.WriteFile(filepath.Join(dir, "munge.key"), key, 0o600),
		os.WriteFile(c.conf(), fmt.Appendf(nil, slurmConf, dir, host, ports[0], ports[1]), 0o644),
		os.Mkdir(filepath.Join(dir, "state"), 0o755),
		os.Mkdir(filepath.Join(dir, "spool"), 0o755),
	); err != nil {
		t.Fatal(err)
	}
	munged := []string{"munged", "--foreground", "--force"} // although others may write to a parent of dir
	for _, option := range []string{"key-file", "pid-file", "log-file", "seed-file", "socket"} {
		munged = append(munged, fmt.Sprintf("--%s=%s/munge.%s", option, dir, strings.TrimSuffix(option, "-file")))
	}
	c.daemon(munged...)
	eventually(t, "munged answers", func() bool {
		return exec.Command("munge", "--no-input", "--socket", filepath.Join(dir, "munge.socket")).Run() == nil
	})
	c.daemon("slurmctld", "-D", "-f", c.conf())
	c.daemon("slurmd", "-D", "-f", c.conf())
	eventually(t, "the node is idle", func() bool { return c.ask("sinfo", "--noheader", "--format=%T") == "idle" })
	return c
}

func (c *slurm) conf() string { return filepath.Join(c.dir, "slurm.conf") }

// daemon starts one in the foreground.
func (c *slurm) daemon(line ...string) {
	c.t.Helper()
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Stderr = &bytes.Buffer{}
	cmd.WaitDelay = time.Second // a step may have its output, too
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.daemons = append(c.daemons, cmd)
}

// ask runs a command of Slurm's as root. It returns what it prints, or nothing when it
// fails.
func (c *slurm) ask(line ...string) string {
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), "SLURM_CONF="+c.conf())
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// running is the job that runs.
func (c *slurm) running() string {
	return c.ask("squeue", "--noheader", "--states=RUNNING", "--format=%i")
}

// stop ends the jobs, then the daemons, the last first.
func (c *slurm) stop() {
	if len(c.daemons) == 3 {
		c.ask("scancel", "--partition=all")
		eventually(c.t, "no job is left", func() bool { return c.ask("squeue", "--noheader") == "" })
	}
	for _, daemon := range slices.Backward(c.daemons) {
		_ = daemon.Process.Signal(syscall.SIGTERM)
		// What it has to say is of interest only when it was in the way.
		if err := daemon.Wait(); c.t.Failed() {
			c.t.Logf("%s: %v: %s", daemon.Path, err, daemon.Stderr)
		}
	}
	if err := os.RemoveAll(c.dir); err != nil {
		c.t.Error(err)
	}
}

// session is one in which srun starts so many ranks of jrun.
func (c *slurm) session(t *testing.T, ranks int, options ...string) *session {
	t.Helper()
	s := newSession(t)
	s.env["SLURM_CONF"] = c.conf()
	s.wrap = slices.Concat([]string{"srun"}, options, []string{"-n", itoa(ranks)})
	return s
}

// freePorts are ports of the loopback interface that nobody listens at.
func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// TestSlurm: what srun starts becomes the command, in one sandbox, and MPIs find each
// other by the two protocols that srun speaks.
func TestSlurm(t *testing.T) {
	c := newSlurm(t)
	t.Run("ranks", func(t *testing.T) {
		s := c.session(t, 4)
		// A sandbox lives as long as somebody is in it, so all must be there at one time.
		const who = `>here-$SLURM_PROCID; until [ -e here-0 -a -e here-1 -a -e here-2 -a -e here-3 ]; do sleep 0.02; done
echo $SLURM_PROCID $([ $SLURM_TASK_PID = $$ ] && echo same process) $(readlink /proc/self/ns/mnt)`
		lines := strings.Split(s.ok("run", "-q", ref(minimal), "--", "sh", "-c", who), "\n")
		slices.Sort(lines)
		_, sandbox, _ := strings.Cut(lines[0], "mnt:")
		var want []string
		for rank := range 4 {
			want = append(want, fmt.Sprintf("%d same process mnt:%s", rank, sandbox))
		}
		if diff := cmp.Diff(want, lines); diff != "" || sandbox == "" {
			t.Errorf("what the ranks say (-want +got):\n%s", diff)
		}
	})
	t.Run("exit status", func(t *testing.T) {
		s := c.session(t, 4)
		// srun's own is the highest of its ranks'.
		s.run("run", "-q", ref(minimal), "--", "sh", "-c", "exit $((SLURM_PROCID + 40))").want(43)
	})
	t.Run("killed by a signal", func(t *testing.T) {
		s := c.session(t, 1)
		s.run("run", "-q", ref(minimal), "--", "sh", "-c", "kill -TERM $$").want(128 + int(syscall.SIGTERM))
	})
	t.Run("signals", func(t *testing.T) {
		s := c.session(t, 4)
		p := s.start("run", "-q", ref(minimal), "--", "sh", "-c",
			`trap 'echo told; exit 5' USR1; touch ready-$SLURM_PROCID; while :; do sleep 0.1; done`)
		for rank := range 4 {
			s.await(fmt.Sprint("ready-", rank))
		}
		c.ask("scancel", "--signal=USR1", c.running()+".0")
		if r := p.wait().want(5); r.stdout != strings.Repeat("told\n", 4) {
			t.Errorf("the ranks say %q", r.stdout)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		s := c.session(t, 4)
		p := s.start("run", "-q", ref(minimal), "--", "sh", "-c", "touch ready-$SLURM_PROCID; exec sleep 1000")
		for rank := range 4 {
			s.await(fmt.Sprint("ready-", rank))
		}
		c.ask("scancel", c.running())
		if r := p.wait(); r.code == 0 {
			t.Error("a cancelled job ended well")
		}
	})
	for protocol, l := range map[string]mpiLauncher{"pmi2": mpich, "pmix": openMPI} {
		for mode, lib := range map[string]string{"pmi": "/usr/lib/", l.name: "/run/jrun/mpi/lib/" + l.soname} {
			t.Run(protocol+"/"+mode, func(t *testing.T) {
				s := c.session(t, 4, "--mpi="+protocol)
				l.compile(s, "ring")
				got := s.ok("run", "-q", "--mpi="+mode, mpiImage(t, l.name), "--", "./ring")
				if want := "4 ring 6 reduce 6 same-node 4 from " + lib; !strings.HasPrefix(got, want) {
					t.Errorf("the ranks say %q, want %q", got, want)
				}
			})
		}
	}
}
