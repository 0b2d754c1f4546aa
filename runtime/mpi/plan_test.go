package mpi

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/hostlib/elftest"
	"github.com/jrun-hpc/jrun/runtime/inject"
)

// TestMake compares explanations with golden files: they hold every item, its reason,
// and the verdict.
func TestMake(t *testing.T) {
	mpich := func(w *world, tree, dir, soname, functions string) {
		w.add(tree, dir, soname+".2.2", elftest.Library{Soname: soname, Requires: needsGlibc("2.17"), Symbols: functionsOf[functions]})
	}
	for _, c := range []struct {
		name    string
		mode    Mode
		refused bool
		make    func(w *world)
	}{
		{"auto without a network", Auto, false, func(w *world) { w.openMPIHost() }},
		{"auto with a network that the image knows", Auto, false, func(w *world) {
			w.infiniBand()
			w.openMPIHost()
			w.glibc(w.image, "2.17", "2.34", "2.36")
			w.openMPI(w.image, "40.30.1", "3", "2.34")
			w.ucx(w.image)
		}},
		{"auto with a network that the image does not know", Auto, false, func(w *world) {
			w.infiniBand()
			w.openMPIHost()
			w.glibc(w.image, "2.17", "2.34", "2.36")
			w.openMPI(w.image, "40.30.1", "3", "2.34")
		}},
		{"auto with an image too old", Auto, false, func(w *world) {
			w.infiniBand()
			w.openMPIHost()
			w.glibc(w.image, "2.17", "2.31")
			w.openMPI(w.image, "40.30.1", "3", "2.17")
		}},
		{"auto with two MPIs and Hydra", Auto, false, func(w *world) {
			w.infiniBand()
			w.env = append(w.env, "HYDI_CONTROL_FD=7", "MPI_HOME=/opt/mpich")
			w.glibc(w.image, "2.17", "2.34")
			w.openMPI(w.image, "40.30.1", "3", "2.34")
			mpich(w, w.image, "opt/mpich/lib", "libmpi.so.12", "3")
			mpich(w, w.host, "opt/mpich/lib", "libmpi.so.12", "4")
		}},
		{"auto with two MPIs", Auto, false, func(w *world) {
			w.infiniBand()
			w.glibc(w.image, "2.17", "2.34")
			w.openMPI(w.image, "40.30.1", "3", "2.34")
			mpich(w, w.image, "opt/mpich/lib", "libmpi.so.12", "3")
		}},
		{"auto without an MPI", Auto, false, func(w *world) { w.infiniBand(); w.glibc(w.image, "2.17") }},
		{"mpich under Debian's name", MPICH, false, func(w *world) {
			w.env = append(w.env, "MPI_HOME=/opt/vendor/mpich")
			w.glibc(w.image, "2.17", "2.31")
			mpich(w, w.image, libs, "libmpich.so.12", "3")
			w.add(w.image, libs, "libmpichfort.so.12", elftest.Library{Soname: "libmpichfort.so.12"})
			mpich(w, w.host, "opt/vendor/mpich/lib", "libmpi.so.12", "4")
			w.add(w.host, "opt/vendor/mpich/lib", "libmpifort.so.12", elftest.Library{Soname: "libmpifort.so.12"})
		}},
		{"mpich that lacks functions", MPICH, true, func(w *world) {
			w.glibc(w.image, "2.17", "2.31")
			mpich(w, w.image, libs, "libmpi.so.12", "4")
			mpich(w, w.host, libs, "libmpi.so.12", "3")
		}},
		{"mpich is no Open MPI 1.10", MPICH, true, func(w *world) {
			w.glibc(w.image, "2.17", "2.31")
			mpich(w, w.image, libs, "libmpi.so.12", "3")
			w.add(w.host, libs, "libmpi.so.12.0.3", elftest.Library{Soname: "libmpi.so.12", Needed: []string{"libopen-pal.so.13"}, Symbols: functionsOf["4"]})
		}},
		{"the second of two hosts fits", MPICH, false, func(w *world) {
			w.env = append(w.env, "LD_LIBRARY_PATH=/old:/new")
			w.glibc(w.image, "2.17")
			mpich(w, w.image, libs, "libmpi.so.12", "4")
			mpich(w, w.host, "old", "libmpi.so.12", "3")
			mpich(w, w.host, "new", "libmpi.so.12", "4")
		}},
		{"the site's place before ld.so's", OpenMPI, false, func(w *world) {
			w.openMPIHost()
			w.glibc(w.image, "2.17", "2.34", "2.36")
			w.openMPI(w.image, "40.30.1", "3", "2.34")
			w.add(w.host, "opt/openmpi/4.1/lib", "libmpi.so.40.30.6", elftest.Library{Soname: "libmpi.so.40", Symbols: functionsOf["4"]})
			w.hosts = []string{"/opt/not-there", "/opt/openmpi/4.1"}
		}},
		{"the environment's place before the site's", MPICH, false, func(w *world) {
			w.env = append(w.env, "MPI_HOME=/opt/mine")
			w.hosts = []string{"/opt/site/lib"}
			w.glibc(w.image, "2.17")
			mpich(w, w.image, libs, "libmpi.so.12", "3")
			mpich(w, w.host, "opt/mine/lib", "libmpi.so.12", "4")
			mpich(w, w.host, "opt/site/lib", "libmpi.so.12", "4")
		}},
		{"openmpi older on the host", OpenMPI, true, func(w *world) {
			w.openMPIHost()
			w.glibc(w.image, "2.17", "2.34", "2.36")
			w.openMPI(w.image, "40.40.7", "3", "2.34")
		}},
		{"openmpi of another major number", OpenMPI, true, func(w *world) {
			w.openMPIHost()
			w.glibc(w.image, "2.17", "2.34")
			w.add(w.image, libs, "libmpi.so.20.10.1", elftest.Library{Soname: "libmpi.so.20", Symbols: functionsOf["3"]})
		}},
		{"openmpi too new for the C library", OpenMPI, true, func(w *world) {
			w.openMPIHost()
			w.glibc(w.image, "2.17", "2.31")
			w.openMPI(w.image, "40.30.1", "3", "2.17")
		}},
		{"openmpi that needs what the host lacks", OpenMPI, true, func(w *world) {
			w.openMPIHost()
			if err := os.Remove(filepath.Join(w.host, libs, "libhwloc.so.15")); err != nil {
				w.t.Fatal(err)
			}
			w.glibc(w.image, "2.17", "2.34")
			w.openMPI(w.image, "40.30.1", "3", "2.34")
		}},
		{"openmpi in an image without", OpenMPI, true, func(w *world) {
			w.openMPIHost()
			w.glibc(w.image, "2.17")
			mpich(w, w.image, libs, "libmpi.so.12", "3")
		}},
		{"openmpi in an image with musl", OpenMPI, true, func(w *world) {
			w.openMPIHost()
			w.add(w.image, "lib", "ld-musl-x86_64.so.1", elftest.Library{Soname: "libc.musl-x86_64.so.1"})
			w.add(w.image, "usr/lib", "libmpi.so.40.30.1", elftest.Library{Soname: "libmpi.so.40", Symbols: functionsOf["3"]})
		}},
		{"openmpi on a host without", OpenMPI, true, func(w *world) {
			w.glibc(w.image, "2.17", "2.34")
			w.openMPI(w.image, "40.30.1", "3", "2.34")
		}},
		{"an image without MPI", MPICH, true, func(w *world) { w.glibc(w.image, "2.17") }},
		{"the image's other libraries are newer or older", OpenMPI, false, func(w *world) {
			w.openMPIHost()
			w.glibc(w.image, "2.17", "2.34")
			w.add(w.image, libs, "libmpi.so.40.30.1", elftest.Library{Soname: "libmpi.so.40", Symbols: functionsOf["3"]})
			w.add(w.image, libs, "libmpi_mpifh.so.40.30.0", elftest.Library{Soname: "libmpi_mpifh.so.40"})
			w.add(w.image, libs, "libhwloc.so.15.5.2", elftest.Library{Soname: "libhwloc.so.15"})
			w.add(w.image, libs, "libgfortran.so.5.1.0", elftest.Library{Soname: "libgfortran.so.5", Defines: []string{"GFORTRAN_8", "GFORTRAN_10"}})
		}},
		{"abi", ABI, false, func(w *world) {
			w.glibc(w.image, "2.17")
			w.add(w.image, "usr/local/lib", "libmpi_abi.so.0.1.0", elftest.Library{Soname: "libmpi_abi.so.0", Symbols: functionsOf["4"]})
			w.add(w.host, "usr/local/lib", "libmpi_abi.so.0.2.0", elftest.Library{Soname: "libmpi_abi.so.0", Symbols: functionsOf["4"]})
		}},
		{"fabric", Fabric, false, func(w *world) {
			w.infiniBand()
			w.ucx(w.host, "ucp_get_nbi", "ucp_new")
			w.glibc(w.image, "2.17")
			w.add(w.image, libs, "libucp.so.0.0.0", elftest.Library{Soname: "libucp.so.0", Symbols: []string{"ucp_get_nbi"}})
			w.add(w.image, libs, "libfabric.so.1.10", elftest.Library{Soname: "libfabric.so.1", Defines: []string{"FABRIC_1.3"}})
		}},
		{"fabric older on the host", Fabric, true, func(w *world) {
			w.ucx(w.host, "ucp_get_nbi")
			w.glibc(w.image, "2.17")
			w.add(w.image, libs, "libucp.so.0.0.0", elftest.Library{Soname: "libucp.so.0", Symbols: []string{"ucp_get_nbi", "ucp_newest"}})
			w.add(w.image, libs, "libibverbs.so.1", elftest.Library{Soname: "libibverbs.so.1", Defines: []string{"IBVERBS_1.99"}})
		}},
		{"fabric without any", Fabric, true, func(w *world) { w.ucx(w.host); w.glibc(w.image, "2.17") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.make(w)
			p, err := Make(w.ask(c.mode), os.DirFS(w.image), w.imageEnv)
			text := p.String()
			var f *fault.Error
			switch {
			case c.refused && !errors.As(err, &f):
				t.Fatalf("it was not refused, but %v\n%s", err, text)
			case !c.refused && err != nil:
				t.Fatal(err)
			case c.refused:
				text += fault.Format("jrun", err)
			}
			golden(t, c.name, text)
			if swapped := p.Mode != PMI && p.Mode != None; !c.refused && swapped != hasKind(p.Items, inject.First) {
				t.Errorf("the mode is %s, and LD_LIBRARY_PATH is otherwise", p.Mode)
			}
		})
	}
}

func hasKind(items []inject.Item, k inject.Kind) bool {
	for _, i := range items {
		if i.Kind == k {
			return true
		}
	}
	return false
}

// TestDepends: ranks that come to the same must say so, and others must not.
func TestDepends(t *testing.T) {
	w := newWorld(t)
	one := func(mode Mode, env ...string) string {
		w.env = env
		p := Launch(w.ask(mode))
		return filepath.Join(p.Depends()...)
	}
	if a, b := one(Auto, "PATH=/a"), one(Auto, "PATH=/b"); a != b {
		t.Error("without a network nothing depends on PATH, and yet the sandboxes differ")
	}
	w.infiniBand()
	if a, b := one(Auto, "PATH=/a"), one(Auto, "PATH=/b"); a == b {
		t.Error("which MPI the host has depends on PATH, and yet the sandboxes are the same")
	}
	before := one(MPICH)
	w.hosts = []string{"/opt/mpich"}
	if after := one(MPICH); after == before {
		t.Error("which MPI the host has depends on the site's places, and yet the sandboxes are the same")
	}
	if a, b := one(PMI), one(None); a == b {
		t.Error("two modes share a sandbox")
	}
}

func TestParseMode(t *testing.T) {
	for _, m := range Modes {
		if got, err := ParseMode(string(m)); err != nil || got != m {
			t.Errorf("%s is read as %s (%v)", m, got, err)
		}
	}
	if got, err := ParseMode(""); err != nil || got != Auto {
		t.Errorf("nothing is read as %s (%v)", got, err)
	}
	if _, err := ParseMode("mvapich"); err == nil {
		t.Error("a mode that does not exist was read")
	}
}
