//go:build e2e

package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestMPIVersions runs the host's launchers with images whose MPIs and C libraries are
// older and newer than the host's: the table of docs/mpi.md. What fits whom depends on
// both sides, so the table is that of one host, and the program of one image.
func TestMPIVersions(t *testing.T) {
	if release, err := os.ReadFile("/etc/os-release"); err != nil || !strings.Contains(string(release), "VERSION_CODENAME=bookworm\n") {
		t.Skip("the table is about Debian 12, and this is another system")
	}
	for _, c := range []struct {
		image    string
		launcher mpiLauncher
		refused  []string // why the host's MPI cannot take the place of the image's
	}{
		{"bullseye", openMPI, []string{"GLIBC_2.34", "--mpi=pmi"}},
		{"bullseye", mpich, []string{"GLIBC_2.34", "--mpi=pmi"}},
		{"trixie", openMPI, []string{"older", "--mpi=pmi"}},
		{"trixie", mpich, []string{"functions", "--mpi=pmi"}},
	} {
		t.Run(c.image+"/"+c.launcher.name, func(t *testing.T) {
			image := mpiImage(t, c.image)
			s := newSession(t)
			s.env["UCX_LOG_LEVEL"] = "fatal" // Debian 11's reports on stdout that there is no InfiniBand
			// Ranks of Open MPI 5 make folders that a launcher of Open MPI 4 does not know.
			s.env["TMPDIR"] = s.dir
			// A program needs a C library as new as the one it was linked with, and users
			// build theirs in or for the image.
			libc := s.write("libc.so.6", s.run("run", "-q", image, "--", "sh", "-c", "cat /lib/*/libc.so.6").want(0).stdout, 0o755)
			c.launcher.compile(s, "ring", libc, "-Wl,--allow-shlib-undefined")
			for _, ranks := range []int{4, 16} {
				s.wrap = c.launcher.start(ranks)
				got := s.ok("run", "-q", image, "--", "./ring")
				sum := ranks * (ranks - 1) / 2
				if want := fmt.Sprintf("%d ring %d reduce %d same-node %d from /usr/lib/", ranks, sum, sum, ranks); !strings.HasPrefix(got, want) {
					t.Errorf("the ranks say %q, want %q", got, want)
				}
			}
			s.wrap = nil
			s.run("run", "-q", "--mpi="+c.launcher.name, image, "--", "./ring").wantFault(125, c.refused...)
		})
	}
}
