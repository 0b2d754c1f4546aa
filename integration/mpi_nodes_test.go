//go:build e2e

package integration

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// acrossNodes is what a launcher needs to be told to start two ranks on each node.
var acrossNodes = map[string]func(rsh string) []string{
	"openmpi": func(rsh string) []string {
		return []string{"--host", "node1:2,node2:2", "--mca", "plm_rsh_agent", rsh, "-x", "JRUN_STORE"}
	},
	"mpich": func(rsh string) []string {
		return []string{"-hosts", "node1:2,node2:2", "-launcher", "ssh", "-launcher-exec", rsh}
	},
}

// nodesImage has the MPI that runs on several nodes. The MPICH 4.0 of Debian 12 sometimes
// hangs in MPI_Finalize where UCX uses TCP, without jrun, too, and on one node with
// UCX_TLS=tcp,self: ranks wait for PMI and no longer answer those that disconnect
// (https://github.com/pmodels/mpich/pull/6596).
var nodesImage = map[string]string{"openmpi": "openmpi", "mpich": "trixie"}

// withNodes is a session on the first of two nodes in which jrun is started as two ranks
// on each. No node reaches the registry, so the image is there already.
func withNodes(t *testing.T, l mpiLauncher) (*network, string) {
	t.Helper()
	s := newSession(t)
	image := mpiImage(t, nodesImage[l.name])
	s.ok("pull", "-q", image)
	for _, program := range []string{"ring", "latency"} {
		l.compile(s, program)
	}
	w := newNetwork(t, s)
	w.s.wrap = slices.Concat(l.start(4), acrossNodes[l.name](w.rsh))
	return w, image
}

// TestMPINodes: ranks on two nodes, each with its own sandbox, are one MPI program.
func TestMPINodes(t *testing.T) {
	for _, l := range mpiLaunchers {
		t.Run(l.name, func(t *testing.T) {
			w, image := withNodes(t, l)
			modes := map[string]string{"--mpi=pmi": "/usr/lib/", "--mpi=" + l.name: "/run/jrun/mpi/lib/"}
			if l == mpich {
				delete(modes, "--mpi="+l.name) // the host's is the one that hangs
			}
			for flag, lib := range modes {
				got := w.s.ok("run", "-q", "--pull=never", flag, image, "--", "./ring")
				if want := "4 ring 6 reduce 6 same-node 2 from " + lib; !strings.HasPrefix(got, want) {
					t.Errorf("with %s the ranks say %q, want %q", flag, got, want)
				}
				w.requireClean()
			}
			const where = "echo $(cat /proc/sys/kernel/hostname) $(readlink /proc/self/ns/mnt)"
			lines := strings.Split(w.s.ok("run", "-q", "--pull=never", image, "--", "sh", "-c", where), "\n")
			slices.Sort(lines)
			if all := len(lines); all != 4 || len(slices.Compact(slices.Clone(lines))) != 2 ||
				!strings.HasPrefix(lines[1], "node1 ") || !strings.HasPrefix(lines[2], "node2 ") {
				t.Errorf("want two ranks in the one sandbox of each node, got %q", lines)
			}
			w.requireClean()
		})
	}
}

// TestMPINodeKilled: all ranks of one node are killed; the program ends on the other one,
// too, and nothing stays on either.
func TestMPINodeKilled(t *testing.T) {
	for _, l := range mpiLaunchers {
		t.Run(l.name, func(t *testing.T) {
			w, image := withNodes(t, l)
			forever := []string{"./latency", "1000000000"}
			p := w.s.start(append([]string{"run", "-q", "--pull=never", image, "--"}, forever...)...)
			for _, n := range w.nodes {
				eventually(t, "two ranks on each node", func() bool { return len(w.on(n, forever...)) == 2 })
			}
			for _, rank := range w.on(w.nodes[1], forever...) {
				// The end of the first may have ended the second.
				if err := syscall.Kill(rank.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
					t.Error(err)
				}
			}
			if r := p.wait(); r.code == 0 {
				t.Errorf("the launcher is content: %s", r.stdout)
			}
			w.requireClean()
		})
	}
}
