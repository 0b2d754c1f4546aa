//go:build e2e

package integration

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/jrun-hpc/jrun/integration/images"
)

// mpiLauncher is an MPI of the host: its launcher and its compiler, as Debian names
// them.
type mpiLauncher struct{ name, mpirun, mpicc, soname string }

var (
	openMPI      = mpiLauncher{"openmpi", "mpirun.openmpi --oversubscribe", "mpicc.openmpi", "libmpi.so.40"}
	mpich        = mpiLauncher{"mpich", "mpirun.mpich", "mpicc.mpich", "libmpich.so.12"}
	mpiLaunchers = []mpiLauncher{openMPI, mpich}
)

// start is the beginning of a command line that starts so many ranks.
func (l mpiLauncher) start(ranks int) []string {
	return append(strings.Fields(l.mpirun), "-np", fmt.Sprint(ranks))
}

// mpiImages are pushed when a test asks for them: most runs of tests do not.
var mpiImages sync.Map

// mpiImage is the reference of an image with an MPI.
func mpiImage(t *testing.T, name string) string {
	t.Helper()
	to := ref("demo/mpi:" + name)
	if _, pushed := mpiImages.LoadOrStore(name, true); !pushed {
		img, err := images.MPI(t.Context(), images.OCI, name)
		if err == nil {
			err = images.Push(t.Context(), to, img, authn.Anonymous)
		}
		if errors.Is(err, images.ErrNotServed) {
			mpiImages.Delete(name)
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// withMPI is a session in which jrun is started as so many ranks, and whose directory
// has the program ring.
func withMPI(t *testing.T, l mpiLauncher, ranks int) *session {
	t.Helper()
	s := newSession(t)
	l.compile(s, "ring")
	s.wrap = l.start(ranks)
	return s
}

// compile puts a program of the folder mpi into the session's directory. Further
// arguments are the compiler's.
func (l mpiLauncher) compile(s *session, program string, args ...string) {
	s.t.Helper()
	needTool(s.t, l.mpicc)
	args = append([]string{"-O1", "mpi/" + program + ".c", "-o", filepath.Join(s.dir, program)}, args...)
	out, err := exec.Command(l.mpicc, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("compiling %s.c: %v\n%s", program, err, out)
	}
}

// TestMPI runs one program with the image's MPI and with the host's, started by the
// host's launcher. The program says which library it has mapped.
func TestMPI(t *testing.T) {
	for _, l := range mpiLaunchers {
		for _, c := range []struct {
			name  string
			ranks int
			flags []string
			lib   string // where the program's MPI is
		}{
			{"hybrid", 4, nil, "/usr/lib/"},
			{"hybrid, 16 ranks", 16, nil, "/usr/lib/"},
			{"swapped", 4, []string{"--mpi=" + l.name}, "/run/jrun/mpi/lib/" + l.soname},
			{"swapped, 16 ranks", 16, []string{"--mpi=" + l.name}, "/run/jrun/mpi/lib/" + l.soname},
			{"the network's libraries only", 4, []string{"--mpi=fabric"}, "/usr/lib/"},
			{"nothing is passed on", 4, []string{"--mpi=none"}, "/usr/lib/"},
			{"with a writable layer", 4, []string{"--writable-tmpfs"}, "/usr/lib/"},
			{"without the host's variables", 4, []string{"--clean-env", "--mpi=" + l.name}, "/run/jrun/mpi/lib/" + l.soname},
		} {
			t.Run(l.name+"/"+c.name, func(t *testing.T) {
				s := withMPI(t, l, c.ranks)
				got := s.ok(slices.Concat([]string{"run", "-q"}, c.flags, []string{mpiImage(t, l.name), "--", "./ring"})...)
				sum := c.ranks * (c.ranks - 1) / 2
				// Ranks on one machine find each other, so they share memory.
				want := fmt.Sprintf("%d ring %d reduce %d same-node %d from %s", c.ranks, sum, sum, c.ranks, c.lib)
				if !strings.HasPrefix(got, want) {
					t.Errorf("the ranks say %q, want %q", got, want)
				}
			})
		}
	}
}

// TestMPIInside: the image's own mpirun starts ranks that are inside already.
func TestMPIInside(t *testing.T) {
	for _, l := range mpiLaunchers {
		t.Run(l.name, func(t *testing.T) {
			s := withMPI(t, l, 4)
			mpirun := s.wrap
			s.wrap = nil
			got := s.ok(slices.Concat([]string{"run", "-q", mpiImage(t, l.name), "--"}, mpirun, []string{"./ring"})...)
			if want := "4 ring 6 reduce 6 same-node 4 from /usr/lib/"; !strings.HasPrefix(got, want) {
				t.Errorf("the ranks say %q, want %q", got, want)
			}
		})
	}
}

// TestMPILatency runs the program of the benchmark for what it says, not for how fast
// it is: every message arrives as it was sent, and every size has its two numbers.
func TestMPILatency(t *testing.T) {
	for _, l := range mpiLaunchers {
		for _, c := range []struct {
			name  string
			ranks int
			flags []string
		}{
			{"hybrid", 2, nil},
			{"swapped", 2, []string{"--mpi=" + l.name}},
			{"two of three ranks", 3, nil},
		} {
			t.Run(l.name+"/"+c.name, func(t *testing.T) {
				s := withMPI(t, l, c.ranks)
				l.compile(s, "latency")
				got := s.ok(slices.Concat([]string{"run", "-q"}, c.flags, []string{mpiImage(t, l.name), "--", "./latency", "20"})...)
				var sizes []string
				for line := range strings.Lines(got) {
					fields := strings.Fields(line)
					if len(fields) != 3 {
						t.Fatalf("not a line of three words: %q", line)
					}
					if value, err := strconv.ParseFloat(fields[2], 64); err != nil || value < 0 { // 0.0 on a busy machine
						t.Errorf("not a measurement: %q", line)
					}
					sizes = append(sizes, fields[0]+" "+fields[1])
				}
				var want []string
				for _, what := range []string{"latency_us ", "bandwidth_MBps "} {
					for _, size := range []string{"1", "8", "64", "1024", "8192", "65536", "1048576"} {
						want = append(want, what+size)
					}
				}
				if diff := cmp.Diff(want, sizes); diff != "" {
					t.Errorf("what is measured (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestMPIRefused(t *testing.T) {
	for _, c := range []struct {
		name     string
		launcher mpiLauncher
		image    func(t *testing.T) string
		flag     string
		says     []string
	}{
		{"of another family", openMPI, func(t *testing.T) string { return mpiImage(t, "openmpi") }, "--mpi=mpich",
			[]string{"families cannot replace each other", "libmpi.so.40", "--mpi=openmpi"}},
		{"the other way round", mpich, func(t *testing.T) string { return mpiImage(t, "mpich") }, "--mpi=openmpi",
			[]string{"families cannot replace each other", "libmpich.so.12", "--mpi=mpich"}},
		{"an image without MPI", mpich, func(*testing.T) string { return ref(minimal) }, "--mpi=mpich", []string{"no mpi library", "--mpi=pmi"}},
		{"no network library", mpich, func(*testing.T) string { return ref(minimal) }, "--mpi=fabric", []string{"libfabric", "--mpi=pmi"}},
		{"no such mode", mpich, func(*testing.T) string { return ref(minimal) }, "--mpi=lam", []string{"lam", "--mpi=auto"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSession(t)
			s.run("run", "-q", c.flag, c.image(t), "--", "./ring").wantFault(125, c.says...)
			// mpirun's ranks are refused in the same way, in one voice.
			s = withMPI(t, c.launcher, 2)
			r := s.run("run", "-q", c.flag, c.image(t), "--", "./ring")
			if r.code == 0 || strings.Contains(r.stdout, "ring") || !strings.Contains(r.stderr+r.stdout, "jrun: ") {
				t.Errorf("under mpirun: status %d\n%s\n%s", r.code, r.stdout, r.stderr)
			}
		})
	}
}

// TestMPIExplained: with -v the choice is told, once for all ranks that share a
// sandbox.
func TestMPIExplained(t *testing.T) {
	for _, l := range mpiLaunchers {
		t.Run(l.name, func(t *testing.T) {
			s := withMPI(t, l, 4)
			r := s.run("run", "-v", mpiImage(t, l.name), "--", "./ring").want(0)
			found := regexp.MustCompile("jrun: MPI: .*chosen by auto").FindAllString(r.stderr, -1)
			if len(found) != 1 || !strings.Contains(r.stderr, "because ") {
				t.Errorf("the choice is told %d times:\n%s", len(found), r.stderr)
			}
		})
	}
}
