package launch

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/runtime/inject"
	"github.com/jrun-hpc/jrun/runtime/mpi"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
)

// TestBrought: what is written down is what GPUs and MPI have brought, without a
// launcher's own files, other names of the same file, and what the user has covered.
func TestBrought(t *testing.T) {
	dir := t.TempDir()
	covered := inject.Item{Kind: inject.File, Host: "/usr/bin/nvidia-smi", Inside: "/opt/nvidia-smi"}
	forGPUs := []inject.Item{
		{Kind: inject.Device, Host: "/dev/nvidia0", Inside: "/dev/nvidia0", Why: "GPU 0", Rule: "r"},
		{Kind: inject.File, Host: "/usr/lib/libcuda.so.535.1", Inside: "/run/jrun/gpu/lib/libcuda.so.1", Why: "CUDA", Rule: "r"},
		{Kind: inject.File, Host: "/usr/lib/libcuda.so.535.1", Inside: "/run/jrun/gpu/lib/libcuda.so", Why: "another name", Rule: "r"},
		{Kind: inject.Last, Inside: "LD_LIBRARY_PATH", Value: "/run/jrun/gpu/lib"},
		covered,
	}
	p := prepared{
		binds: []sandbox.Bind{{Source: dir, Destination: "/opt", Dir: true}},
		mpi: mpi.Plan{Items: []inject.Item{
			{Kind: inject.Directory, Host: "/tmp/ompi.node", Inside: "/tmp/ompi.node", Writable: true},
			{Kind: inject.Device, Host: "/dev/infiniband/uverbs0", Inside: "/dev/infiniband/uverbs0"},
			{Kind: inject.File, Host: "/usr/lib/libmpi.so.40.30.4", Inside: "/run/jrun/mpi/lib/libmpi.so.40"},
		}},
	}
	if err := p.mount(forGPUs); err == nil {
		t.Errorf("%s has a place in %s", covered.Inside, dir)
	}
	if err := p.mount(p.mpi.Items); err != nil {
		t.Fatal(err)
	}
	n := note{Variables: variables(forGPUs)}
	text, err := n.encode(p.brought(forGPUs))
	if err != nil {
		t.Fatal(err)
	}
	var got note
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, item := range got.brought() {
		if item.Rule != "" {
			t.Errorf("every process pays for %q", item.Rule)
		}
		names = append(names, filepath.Base(item.Host)+" "+item.Inside)
	}
	want := []string{
		"nvidia0 /dev/nvidia0", "libcuda.so.535.1 /run/jrun/gpu/lib/libcuda.so.1", "uverbs0 /dev/infiniband/uverbs0",
		"libmpi.so.40.30.4 /run/jrun/mpi/lib/libmpi.so.40", ". LD_LIBRARY_PATH",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if older := (note{Variables: n.Variables}).brought(); len(older) != 1 {
		t.Errorf("of a note without the list: %v", older)
	}
}
