package launch

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/runtime/gpu"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
)

func TestGPUsOf(t *testing.T) {
	plan := gpu.Injection{
		Items: []gpu.Item{
			{Kind: gpu.Device, Host: "/dev/dri/renderD128", Inside: "/dev/dri/renderD128", Writable: true},
			{Kind: gpu.File, Host: "/usr/lib/libcuda.so.535.1", Inside: gpu.LibraryDir + "/libcuda.so.1"},
			{Kind: gpu.Symlink, Host: "/usr/lib/libcuda.so.535.1", Inside: gpu.LibraryDir + "/libcuda.so"},
			{Kind: gpu.File, Host: "/run/nvidia-persistenced/socket", Inside: "/run/nvidia-persistenced/socket", Writable: true},
			{Kind: gpu.Directory, Host: "/opt/x", Inside: "/opt/x"},
			{Kind: gpu.Variable, Inside: "CUDA_VISIBLE_DEVICES", Value: "GPU-1"},
		},
		LibraryDirs: []string{gpu.LibraryDir},
	}
	want := gpus{
		dress: dress{Env: []string{"CUDA_VISIBLE_DEVICES=GPU-1"}, Search: []string{gpu.LibraryDir}},
		binds: []sandbox.Bind{
			{Source: "/opt/x", Destination: "/opt/x", ReadOnly: true, Dir: true},
			{Source: "/run/nvidia-persistenced/socket", Destination: "/run/nvidia-persistenced/socket"},
			{Source: "/usr/lib/libcuda.so.535.1", Destination: "/run/jrun/gpu/lib/libcuda.so.1", ReadOnly: true},
			{Source: "/usr/lib/libcuda.so.535.1", Destination: "/run/jrun/gpu/lib/libcuda.so", ReadOnly: true},
		},
		devices: []sandbox.Device{{Source: "/dev/dri/renderD128", Name: "dri/renderD128"}},
	}
	got := gpusOf(&plan)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(gpus{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// A user's own directory around a place, without a mount point, keeps it out; and
	// the user's own bind at the place stays.
	lab := t.TempDir()
	if err := os.MkdirAll(filepath.Join(lab, "gpu"), 0o755); err != nil {
		t.Fatal(err)
	}
	before := []sandbox.Bind{{Source: lab, Destination: "/run/jrun", Dir: true}, {Source: lab, Destination: "/opt/x", Dir: true}}
	left := got.mountable(before)
	if len(left) != 1 || left[0].Destination != "/run/nvidia-persistenced/socket" {
		t.Errorf("mounted are %v", left)
	}
}

func TestWear(t *testing.T) {
	d := dress{Env: []string{"A=gpu"}, Search: []string{"/compat", "/lib"}}
	tests := []struct {
		name               string
		image, set         []string
		wantImage, wantSet []string
	}{
		{"nothing of the image's", nil, nil, []string{"A=gpu", "LD_LIBRARY_PATH=/compat:/lib"}, nil},
		{"behind the image's", []string{"LD_LIBRARY_PATH=/own"}, nil, []string{"LD_LIBRARY_PATH=/own", "A=gpu", "LD_LIBRARY_PATH=/own:/compat:/lib"}, nil},
		{"an empty part", []string{"LD_LIBRARY_PATH=/own:"}, nil, []string{"LD_LIBRARY_PATH=/own:", "A=gpu", "LD_LIBRARY_PATH=/own:/compat:/lib"}, nil},
		{
			"behind the user's", []string{"LD_LIBRARY_PATH=/own"}, []string{"LD_LIBRARY_PATH=/user", "B=1"},
			[]string{"LD_LIBRARY_PATH=/own", "A=gpu"}, []string{"LD_LIBRARY_PATH=/user", "B=1", "LD_LIBRARY_PATH=/user:/compat:/lib"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			image, set := d.wear(test.image, test.set)
			if diff := cmp.Diff([][]string{test.wantImage, test.wantSet}, [][]string{image, set}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	nothing := dress{}
	if image, set := nothing.wear([]string{"B=1"}, nil); len(image) != 1 || set != nil {
		t.Errorf("without GPUs: %q, %q", image, set)
	}
}
