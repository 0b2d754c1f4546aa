package gpu

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/hostlib/elftest"
)

var update = flag.Bool("update", false, "write the golden files")

// debian11 are the versions of an image's C library in most cases.
var debian11 = []string{"2.2.5", "2.17", "2.28", "2.31"}

func TestPlan(t *testing.T) {
	nvidia := func(version string) func(*tree) {
		return func(tr *tree) {
			tr.nvidiaDriver(version)
			tr.nvidiaGPUs()
		}
	}
	both := func(all ...func(*tree)) func(*tree) {
		return func(tr *tree) {
			for _, f := range all {
				f(tr)
			}
		}
	}
	with := func(spec string) func(*tree) { return func(tr *tree) { tr.specification(spec) } }
	tests := []struct {
		name      string
		host      func(*tree)
		env       []string // of the host
		forbidden []string
		imageEnv  []string
		glibc     []string
		gpu       string
		fails     string // what the error says
	}{
		{name: "nothing", host: func(*tree) {}, glibc: debian11},
		{name: "nothing-but-wanted", host: func(*tree) {}, glibc: debian11, gpu: "all", fails: "the job gets no GPU"},
		{
			name: "nvidia", host: nvidia("535.104.05"), glibc: debian11, env: []string{"CUDA_VISIBLE_DEVICES=1"},
			imageEnv: []string{"NVIDIA_REQUIRE_CUDA=cuda>=12.2 brand=tesla,driver>=470,driver<471", "NVIDIA_REQUIRE_NEW=cuda>=12.6", "NVIDIA_DRIVER_CAPABILITIES=compute,utility"},
		},
		{name: "nvidia-graphics", host: nvidia("535.104.05"), glibc: []string{"2.2.5", "2.17", "2.31", "2.38"}, imageEnv: []string{"NVIDIA_DRIVER_CAPABILITIES=all"}},
		{name: "nvidia-old-image", host: nvidia("535.104.05"), glibc: []string{"2.2.5"}, gpu: "1"},
		{name: "nvidia-cgroup", host: nvidia("535.104.05"), glibc: debian11, env: []string{"CUDA_VISIBLE_DEVICES=0"}, forbidden: []string{"/dev/nvidia0"}},
		{name: "nvidia-no-devices", host: nvidia("535.104.05"), glibc: debian11, env: []string{"CUDA_VISIBLE_DEVICES="}},
		{name: "nvidia-no-devices-but-wanted", host: nvidia("535.104.05"), glibc: debian11, env: []string{"CUDA_VISIBLE_DEVICES="}, gpu: "all", fails: "CUDA_VISIBLE_DEVICES: is empty"},
		{name: "nvidia-some-of-the-jobs", host: nvidia("535.104.05"), glibc: debian11, env: []string{"CUDA_VISIBLE_DEVICES=0,1"}, gpu: "1"},
		{name: "nvidia-mig-wanted", host: both(nvidia("535.104.05"), (*tree).divide), glibc: debian11, gpu: "MIG-11111111-2222-3333-4444-555555555555"},
		{name: "nvidia-not-the-jobs", host: nvidia("535.104.05"), glibc: debian11, env: []string{"CUDA_VISIBLE_DEVICES=1"}, gpu: "0", fails: "GPU 0 is not the job's"},
		{name: "nvidia-not-there", host: nvidia("535.104.05"), glibc: debian11, gpu: "0,7", fails: "there is no GPU 7"},
		{name: "nvidia-image-says-void", host: nvidia("535.104.05"), glibc: debian11, imageEnv: []string{"NVIDIA_VISIBLE_DEVICES=void"}},
		{name: "nvidia-host-says-void", host: nvidia("535.104.05"), glibc: debian11, env: []string{"NVIDIA_VISIBLE_DEVICES=void"}},
		{name: "nvidia-host-says-which", host: nvidia("535.104.05"), glibc: debian11, env: []string{"NVIDIA_VISIBLE_DEVICES=1"}, imageEnv: []string{"NVIDIA_VISIBLE_DEVICES=void"}},
		{name: "nvidia-image-overridden", host: nvidia("535.104.05"), glibc: debian11, imageEnv: []string{"NVIDIA_VISIBLE_DEVICES=void"}, gpu: "all"},
		{
			name: "nvidia-mig", host: both(nvidia("535.104.05"), (*tree).divide), glibc: debian11,
			env: []string{"CUDA_VISIBLE_DEVICES=MIG-11111111-2222-3333-4444-555555555555"}, forbidden: []string{"/dev/nvidia1", "/dev/nvidia-caps/nvidia-cap39", "/dev/nvidia-caps/nvidia-cap40"},
		},
		{
			name: "nvidia-updated-without-restart", glibc: debian11,
			host: both(nvidia("535.104.05"), func(tr *tree) {
				tr.write("/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  530.30.02  Release Build\n")
			}),
		},
		{
			name: "nvidia-lost-dependency", glibc: debian11,
			host: both(nvidia("535.104.05"), func(tr *tree) {
				tr.library(libraries+"/libnvidia-gpucomp.so.535.104.05", needs("libnvidia-gpucomp.so.535.104.05", "2.38"))
			}),
		},
		{name: "cdi-later-directory-wins", host: func(tr *tree) {
			for dir, value := range map[string]string{"/etc/cdi": "earlier", "/var/run/cdi": "later"} {
				tr.write(dir+"/npu.yaml", "cdiVersion: 0.5.0\nkind: vendor.com/npu\ndevices:\n- name: one\n  containerEdits:\n    env: [FROM="+value+"]\n    deviceNodes: [{path: /dev/npu0}]\n")
			}
			tr.touch("/dev/npu0")
		}, glibc: debian11, gpu: "vendor.com/npu=one"},
		{name: "nvidia-cdi-1.12", host: both(nvidia("525.85.12"), with("nvidia-ctk-1.12.yaml"), func(tr *tree) {
			tr.touch("/dev/dri/card1", "/dev/dri/card2", "/dev/dri/renderD128", "/dev/dri/renderD129")
		}), glibc: debian11, env: []string{"CUDA_VISIBLE_DEVICES=GPU-bbbb"}},
		{name: "nvidia-cdi-1.14", host: both(nvidia("535.104.05"), with("nvidia-ctk-1.14.yaml")), glibc: debian11},
		{name: "nvidia-cdi-1.14-stale", host: both(nvidia("570.86.15"), with("nvidia-ctk-1.14.yaml")), glibc: debian11},
		{
			name: "nvidia-cdi-1.17-mig", host: both(nvidia("570.86.15"), (*tree).divide, with("nvidia-ctk-1.17.yaml")), glibc: debian11,
			env: []string{"CUDA_VISIBLE_DEVICES=MIG-11111111-2222-3333-4444-555555555555"}, forbidden: []string{"/dev/nvidia1"},
		},
		{name: "nvidia-cdi-1.17-named", host: both(nvidia("570.86.15"), (*tree).divide, with("nvidia-ctk-1.17.yaml")), glibc: debian11, gpu: "nvidia.com/gpu=1"},
		{name: "cdi-not-there", host: both(nvidia("570.86.15"), with("nvidia-ctk-1.17.yaml")), glibc: debian11, gpu: "nvidia.com/gpu=5", fails: "nvidia.com/gpu=0:0"},
		{name: "cdi-forbidden", host: both(nvidia("570.86.15"), with("nvidia-ctk-1.17.yaml")), glibc: debian11, gpu: "nvidia.com/gpu=1", forbidden: []string{"/dev/nvidia1"}, fails: "is not the job's"},
		{name: "amd", host: (*tree).amdGPUs, glibc: debian11, env: []string{"ROCR_VISIBLE_DEVICES=1,0", "HIP_VISIBLE_DEVICES=0"}},
		{name: "amd-cdi", host: both((*tree).amdGPUs, with("amd.json")), glibc: debian11, forbidden: []string{"/dev/dri/renderD128"}},
		{name: "intel", host: (*tree).intelGPU, glibc: debian11},
		{name: "intel-cdi", host: both((*tree).intelGPU, with("intel.yaml")), glibc: debian11, gpu: "all"},
		{name: "every-field", host: func(tr *tree) {
			tr.specification("other.yaml")
			tr.touch("/dev/npu0")
			tr.library("/opt/npu/lib/libnpu.so.1", needs("libnpu.so.1", "2.2.5"))
		}, glibc: debian11, gpu: "vendor.com/npu=first"},
		{name: "unreadable-specification", host: both((*tree).intelGPU, func(tr *tree) {
			tr.write("/etc/cdi/a.yaml", "cdiVersion: [\n")
			tr.write("/etc/cdi/b.yaml", "cdiVersion: 2.0.0\nkind: a.com/b\n")
			tr.write("/etc/cdi/c.json", `{"cdiVersion": "0.6.0", "kind": "intel"}`)
		}), glibc: debian11},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := newTree(t)
			test.host(host)
			selection, err := ParseSelection(test.gpu)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := Plan(host.machine(test.env, test.forbidden...), selection, image(t, test.imageEnv, test.glibc...))
			if test.fails != "" {
				var f *fault.Error
				if !errors.As(err, &f) || f.Next == "" || !strings.Contains(err.Error(), test.fails) {
					t.Errorf("the error is %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			golden(t, test.name, explained(plan))
		})
	}
}

// explained is everything that a plan says.
func explained(plan Injection) string {
	var b strings.Builder
	for _, item := range plan.Items {
		fmt.Fprintln(&b, item)
	}
	for _, v := range plan.Verdicts {
		fmt.Fprintf(&b, "%-9s  %s: %s\n", v.Outcome, v.Subject, v.Reason)
		if v.Next != "" {
			fmt.Fprintf(&b, "           next: %s\n", v.Next)
		}
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNone asks for nothing on a machine that has all.
func TestNone(t *testing.T) {
	host := newTree(t)
	host.nvidiaDriver("535.104.05")
	host.nvidiaGPUs()
	plan, err := Plan(host.machine(nil), Selection{None: true}, image(t, nil, debian11...))
	if err != nil || len(plan.Items) > 0 {
		t.Errorf("%v, %v", plan, err)
	}
}

// TestImages takes one driver into images of other kinds.
func TestImages(t *testing.T) {
	host := newTree(t)
	host.nvidiaDriver("535.104.05")
	host.nvidiaGPUs()
	musl := newTree(t)
	musl.library("/lib/ld-musl-x86_64.so.1", elftest.Library{Soname: "libc.musl-x86_64.so.1"})
	compat := newTree(t)
	for _, l := range elftest.Glibc(debian11...) {
		compat.library("/lib64/"+l.Soname, l)
	}
	compat.touch("/usr/local/cuda/compat/libcuda.so.550.54.14", "/opt/stubs/libcuda.so.1")
	old := newTree(t)
	old.touch("/usr/local/cuda/compat/libcuda.so.520.61.05")
	for name, i := range map[string]Image{
		"image-musl":   {Files: os.DirFS(musl.root)},
		"image-compat": {Files: os.DirFS(compat.root), Env: []string{"LD_LIBRARY_PATH=/opt/stubs", "NVIDIA_REQUIRE_CUDA=cuda>=12.4"}},
		"image-static": {Files: os.DirFS(old.root)},
		"image-absent": {},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := Plan(host.machine(nil), Selection{}, i)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, explained(plan))
		})
	}
}

// BenchmarkPlan is what the first process of a job pays: on a machine without GPUs,
// and on one with NVIDIA's driver.
func BenchmarkPlan(b *testing.B) {
	none, driver := newTree(b), newTree(b)
	driver.nvidiaDriver("535.104.05")
	driver.nvidiaGPUs()
	for name, host := range map[string]*tree{"none": none, "nvidia": driver} {
		i := image(b, nil, debian11...)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Plan(host.machine(nil), Selection{}, i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
