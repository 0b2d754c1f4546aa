package mpi

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/runtime/hostlib/elftest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// world is a host and an image, as trees of real ELF files.
type world struct {
	t           *testing.T
	host, image string
	env         []string // of the process
	imageEnv    []string
	hosts       []string // that the site names
	shown       []string // directories that are visible anyway
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, host: t.TempDir(), image: t.TempDir(), shown: []string{"/tmp"}}
	w.write(w.host, "etc/ld.so.conf", "/"+libs+"\n")
	return w
}

const libs = "usr/lib/x86_64-linux-gnu"

// functionsOf are what MPI libraries of different ages have.
var functionsOf = map[string][]string{
	"3": {"MPI_Init", "MPI_Send", "MPI_Finalize", "PMPI_Init"},
	"4": {"MPI_Init", "MPI_Send", "MPI_Finalize", "PMPI_Init", "MPI_Session_init", "MPI_Isendrecv", "MPI_Send_c", "MPI_Recv_c"},
}

// add puts a library into a directory of a tree, under the name file with its SONAME as
// a link to it.
func (w *world) add(tree, dir, file string, l elftest.Library) {
	w.t.Helper()
	w.build(filepath.Join(tree, dir, file), l)
	if file != l.Soname {
		if err := os.Symlink(file, filepath.Join(tree, dir, l.Soname)); err != nil {
			w.t.Fatal(err)
		}
	}
}

// glibc gives a tree a C library.
func (w *world) glibc(tree string, versions ...string) {
	w.t.Helper()
	for _, l := range elftest.Glibc(versions...)[:2] {
		w.build(filepath.Join(tree, libs, l.Soname), l)
	}
}

// built are the libraries that were made already, for gcc takes its time.
var built sync.Map

func (w *world) build(file string, l elftest.Library) {
	w.t.Helper()
	key := fmt.Sprintf("%+v", l)
	text, ok := built.Load(key)
	if !ok {
		made := filepath.Join(w.t.TempDir(), "made")
		elftest.Build(w.t, made, l)
		var err error
		if text, err = os.ReadFile(made); err != nil {
			w.t.Fatal(err)
		}
		built.Store(key, text)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, text.([]byte), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// write makes a file of a tree, and its directories.
func (w *world) write(tree, name, text string) {
	w.t.Helper()
	file := filepath.Join(tree, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func needsGlibc(version string) map[string][]string {
	return map[string][]string{"libc.so.6": {"GLIBC_" + version}}
}

// openMPI is one of the given number, with a plug-in, and its settings.
func (w *world) openMPI(tree, number, functions, glibc string) {
	w.t.Helper()
	w.add(tree, libs, "libopen-pal.so."+number, elftest.Library{Soname: "libopen-pal.so.40", Requires: needsGlibc(glibc), Needed: []string{"libhwloc.so.15"}})
	w.add(tree, libs, "libmpi.so."+number, elftest.Library{Soname: "libmpi.so.40", Needed: []string{"libopen-pal.so.40"}, Requires: needsGlibc(glibc), Symbols: functionsOf[functions]})
	w.add(tree, libs, "libmpi_mpifh.so.40.30.0", elftest.Library{Soname: "libmpi_mpifh.so.40", Needed: []string{"libmpi.so.40", "libgfortran.so.5"}})
	w.add(tree, libs, "libgfortran.so.5.0.0", elftest.Library{Soname: "libgfortran.so.5", Defines: []string{"GFORTRAN_8"}})
	w.add(tree, libs, "libhwloc.so.15.6.2", elftest.Library{Soname: "libhwloc.so.15"})
}

// openMPIHost is a host with a whole one.
func (w *world) openMPIHost() {
	w.openMPI(w.host, "40.30.4", "4", "2.34")
	w.add(w.host, libs+"/openmpi", "mca_btl_tcp.so", elftest.Library{Soname: "mca_btl_tcp.so", Needed: []string{"libmpi.so.40"}})
	w.add(w.host, libs+"/openmpi", "mca_pml_gone.so", elftest.Library{Soname: "mca_pml_gone.so", Needed: []string{"libgone.so.1"}})
	w.add(w.host, libs+"/openmpi", "mca_pml_ucx.so", elftest.Library{Soname: "mca_pml_ucx.so", Needed: []string{"libucp.so.0"}})
	w.ucx(w.host, "ucp_get_nbi")
	w.write(w.host, "usr/share/openmpi/help-mpi-errors.txt", "")
	w.write(w.host, "etc/openmpi/openmpi-mca-params.conf", "")
}

// ucx is UCX with a module, and its drivers.
func (w *world) ucx(tree string, functions ...string) {
	w.t.Helper()
	w.add(tree, libs, "libucs.so.0.0.0", elftest.Library{Soname: "libucs.so.0"})
	w.add(tree, libs, "libucp.so.0.0.0", elftest.Library{Soname: "libucp.so.0", Needed: []string{"libucs.so.0"}, Symbols: functions})
	w.add(tree, libs, "libibverbs.so.1.14.44.0", elftest.Library{Soname: "libibverbs.so.1", Defines: []string{"IBVERBS_1.14", "IBVERBS_PRIVATE_34"}})
	w.add(tree, libs+"/ucx", "libuct_ib.so.0.0.0", elftest.Library{Soname: "libuct_ib.so.0", Needed: []string{"libibverbs.so.1"}})
	w.add(tree, libs+"/libibverbs", "libmlx5-rdmav34.so", elftest.Library{Soname: "libmlx5-rdmav34.so", Needed: []string{"libibverbs.so.1"}})
	w.write(tree, "etc/libibverbs.d/mlx5.driver", "driver mlx5\n")
}

func (w *world) infiniBand() { w.write(w.host, "dev/infiniband/uverbs0", "") }

func (w *world) ask(mode Mode) Ask {
	return Ask{Mode: mode, Root: w.host, Env: w.env, Hosts: w.hosts, Shown: func(dir string) bool {
		for _, s := range w.shown {
			if dir == s || strings.HasPrefix(dir, s+"/") {
				return true
			}
		}
		return false
	}}
}

// golden compares text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
