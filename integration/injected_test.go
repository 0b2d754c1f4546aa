//go:build e2e

package integration

import (
	"slices"
	"strings"
	"testing"
)

// TestMPIRefusedOnce: of many ranks that are refused for one reason, one says so.
func TestMPIRefusedOnce(t *testing.T) {
	for i, l := range mpiLaunchers {
		other := mpiLaunchers[1-i]
		t.Run(l.name, func(t *testing.T) {
			s := withMPI(t, l, 16)
			r := s.run("run", "-q", "--mpi="+other.name, mpiImage(t, l.name), "--", "./ring")
			said := r.stdout + r.stderr
			if n := strings.Count(said, "families cannot replace each other"); n != 1 || r.code == 0 {
				t.Errorf("it is said %d times, with status %d:\n%s", n, r.code, said)
			}
			ours := slices.DeleteFunc(strings.Split(said, "\n"), func(line string) bool { return !strings.HasPrefix(line, "jrun: ") })
			if len(ours) != 1 {
				t.Errorf("jrun says more: %q", ours)
			}
		})
	}
}
