package gpu

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/runtime/hostlib/elftest"
	"golang.org/x/sys/unix"
)

const libraries = "/usr/lib/x86_64-linux-gnu"

// tree is a root directory for tests.
type tree struct {
	t    testing.TB
	root string
}

func newTree(t testing.TB) *tree { return &tree{t, t.TempDir()} }

func (tr *tree) write(name, text string) {
	tr.t.Helper()
	file := filepath.Join(tr.root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		tr.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tr.t.Fatal(err)
	}
}

// touch makes empty files, which stand for devices and sockets.
func (tr *tree) touch(names ...string) {
	for _, name := range names {
		tr.write(name, "")
	}
}

func (tr *tree) link(target, name string) {
	tr.t.Helper()
	if err := os.Symlink(target, filepath.Join(tr.root, name)); err != nil {
		tr.t.Fatal(err)
	}
}

// built are libraries that tests have made already.
var built = map[string][]byte{}

func (tr *tree) library(name string, l elftest.Library) {
	tr.t.Helper()
	key := fmt.Sprint(l)
	if built[key] == nil {
		file := filepath.Join(tr.t.TempDir(), "lib.so")
		elftest.Build(tr.t, file, l)
		text, err := os.ReadFile(file)
		if err != nil {
			tr.t.Fatal(err)
		}
		built[key] = text
	}
	tr.write(name, string(built[key]))
}

func needs(soname string, glibc ...string) elftest.Library {
	for i := range glibc {
		glibc[i] = "GLIBC_" + glibc[i]
	}
	return elftest.Library{Soname: soname, Requires: map[string][]string{"libc.so.6": glibc}}
}

// nvidiaDriver installs a driver: libcuda needs an old C library, libnvidia-ml one of
// 2.31, and libnvidia-nvvm one of 2.38.
func (tr *tree) nvidiaDriver(version string) {
	tr.write("/etc/ld.so.conf", libraries+"\n")
	add := func(soname string, l elftest.Library) {
		stem, _, _ := strings.Cut(soname, ".so")
		file := stem + ".so." + version
		l.Soname = soname
		tr.library(libraries+"/"+file, l)
		if file != soname {
			tr.link(file, libraries+"/"+soname)
		}
	}
	add("libcuda.so.1", needs("", "2.2.5", "2.17"))
	add("libnvidia-ml.so.1", needs("", "2.2.5", "2.31"))
	add("libnvidia-nvvm.so.4", needs("", "2.38"))
	add("libnvidia-gpucomp.so."+version, needs("", "2.2.5"))
	ptx := needs("", "2.2.5")
	ptx.Needed = []string{"libnvidia-gpucomp.so." + version, "libpthread.so.0"}
	add("libnvidia-ptxjitcompiler.so.1", ptx)
	add("libnvidia-allocator.so.1", needs("", "2.2.5"))
	glx := needs("", "2.2.5")
	glx.Needed = []string{"libX11.so.6", "libnvidia-glcore.so." + version}
	add("libGLX_nvidia.so.0", glx)
	add("libnvidia-glcore.so."+version, needs("", "2.2.5"))
	tr.library(libraries+"/vdpau/libvdpau_nvidia.so."+version, needs("libvdpau_nvidia.so.1", "2.2.5"))
	tr.library("/usr/bin/nvidia-smi", needs("", "2.2.5"))
	tr.touch("/run/nvidia-persistenced/socket", "/etc/OpenCL/vendors/nvidia.icd", "/usr/share/vulkan/icd.d/nvidia_icd.json")
	tr.write("/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  "+version+"  Sat Aug 19 01:15:15 UTC 2023\nGCC version:  gcc version 11.4.0\n")
}

// nvidiaGPUs adds two, of which the first on the bus has the higher number.
func (tr *tree) nvidiaGPUs() {
	for bus, text := range map[string]string{
		"0000:41:00.0": "Model: \t\t NVIDIA A100-SXM4-40GB\nIRQ:   \t\t 150\nGPU UUID: \t GPU-aaaaaaaa-0000-0000-0000-000000000000\nDevice Minor: \t 0\n",
		"0000:c1:00.0": "Model: \t\t NVIDIA A100-SXM4-40GB\nGPU UUID: \t GPU-bbbbbbbb-0000-0000-0000-000000000001\nDevice Minor: \t 1\n",
	} {
		tr.write("/proc/driver/nvidia/gpus/"+bus+"/information", text)
	}
	tr.touch("/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset")
}

// divide puts the first GPU into MIG mode.
func (tr *tree) divide() {
	mig := "/proc/driver/nvidia/capabilities/gpu0/mig/"
	for name, minor := range map[string]int{"gi1/access": 30, "gi1/ci0/access": 31, "gi2/access": 39, "gi2/ci0/access": 40} {
		tr.write(mig+name, fmt.Sprintf("DeviceFileMinor: %d\nDeviceFileMode: 292\nDeviceFileModify: 1\n", minor))
		tr.touch(fmt.Sprint("/dev/nvidia-caps/nvidia-cap", minor))
	}
}

// amdGPUs adds two, beside a processor.
func (tr *tree) amdGPUs() {
	nodes := "/sys/class/kfd/kfd/topology/nodes/"
	tr.write(nodes+"0/properties", "cpu_cores_count 64\nsimd_count 0\ndrm_render_minor 0\n")
	tr.write(nodes+"1/properties", "cpu_cores_count 0\nsimd_count 416\ndrm_render_minor 128\nunique_id 81985529216486895\n")
	tr.write(nodes+"2/properties", "cpu_cores_count 0\nsimd_count 416\ndrm_render_minor 129\nunique_id 1311768467463790320\n")
	tr.touch("/dev/kfd", "/dev/dri/card0", "/dev/dri/card1", "/dev/dri/renderD128", "/dev/dri/renderD129")
}

func (tr *tree) intelGPU() {
	tr.touch("/dev/dri/card0", "/dev/dri/renderD128", "/dev/dri/renderD129")
	tr.write("/sys/class/drm/renderD128/device/vendor", "0x8086\n")
	tr.write("/sys/class/drm/renderD129/device/vendor", "0x1a03\n")
}

// specification installs one of testdata/cdi.
func (tr *tree) specification(name string) {
	tr.t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/cdi", name))
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.write("/etc/cdi/"+name, string(text))
}

// machine is the tree as a machine on which some devices are forbidden.
func (tr *tree) machine(env []string, forbidden ...string) *Machine {
	return &Machine{Root: tr.root, Env: env, Groups: []int{1000, 44}, MayOpen: func(device string) error {
		if slices.Contains(forbidden, device) {
			return unix.EPERM
		}
		return nil
	}}
}

// image is an image with a glibc of the given versions.
func image(t testing.TB, env []string, versions ...string) Image {
	tr := newTree(t)
	for _, l := range elftest.Glibc(versions...) {
		tr.library(libraries+"/"+l.Soname, l)
	}
	return Image{Files: os.DirFS(tr.root), Env: env}
}
