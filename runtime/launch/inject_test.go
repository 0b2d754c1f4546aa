package launch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/runtime/batch"
	"github.com/jrun-hpc/jrun/runtime/inject"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
)

func TestTogether(t *testing.T) {
	outside := func() {
		for _, name := range batch.Variables() {
			t.Setenv(name, "")
		}
	}
	name := func(ranks bool) string {
		t.Helper()
		got, _, err := together(ranks)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	outside()
	if got := name(false); !strings.HasPrefix(got, "session ") {
		t.Errorf("outside of a job: %s", got)
	}
	// Hydra's ranks are leaders of sessions, so the session is not what they share.
	if got := name(true); !strings.HasPrefix(got, "tree ") || got != name(true) {
		t.Errorf("of ranks: %s", got)
	}
	t.Setenv("SLURM_JOB_ID", "7")
	if got, inJob, err := together(true); got != "7" || !inJob || err != nil {
		t.Errorf("in a job: %s, %v, %v", got, inJob, err)
	}
}

func TestItems(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	items := []inject.Item{
		{Kind: inject.File, Host: "/a/lib.so.1.2", Inside: "/run/jrun/mpi/lib/lib.so.1"},
		{Kind: inject.Directory, Host: dir, Inside: "/run/x", Writable: true},
		{Kind: inject.Device, Host: "/dev/infiniband/uverbs0", Inside: "/dev/infiniband/uverbs0"},
		{Kind: inject.First, Inside: "LD_LIBRARY_PATH", Value: "/run/jrun/mpi/lib"},
		{Kind: inject.File, Host: "/run/nvidia-persistenced/socket", Inside: "/run/nvidia-persistenced/../socket", Writable: true},
	}
	binds, err := itemBinds(items, nil)
	want := []sandbox.Bind{
		{Source: dir, Destination: "/run/x", Dir: true},
		{Source: "/run/nvidia-persistenced/socket", Destination: "/run/socket"},
		{Source: "/a/lib.so.1.2", Destination: "/run/jrun/mpi/lib/lib.so.1", ReadOnly: true},
	}
	if diff := cmp.Diff(want, binds); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff([]sandbox.Device{{Source: "/dev/infiniband/uverbs0", Name: "infiniband/uverbs0"}}, itemDevices(items)); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(items[3:4], variables(items)); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	// Where the user shows something of the host there is no room for a library.
	before := []sandbox.Bind{{Source: dir, Destination: "/run", Dir: true}}
	if binds, err := itemBinds(items[:1], before); err == nil || len(binds) != 0 {
		t.Errorf("a library that cannot be shown was not missed: %v, %v", binds, err)
	}
	// And what the user shows at the same place stays.
	before = []sandbox.Bind{{Source: dir, Destination: "/run/x", Dir: true}}
	if binds, err := itemBinds(items[1:2], before); err != nil || len(binds) != 0 {
		t.Errorf("in the user's place: %v, %v", binds, err)
	}
}

func TestMPIPlan(t *testing.T) {
	spool := t.TempDir()
	t.Setenv("PMIX_RANK", "0")
	t.Setenv("PMIX_SERVER_TMPDIR", spool)
	for _, shown := range []bool{false, true} {
		var binds []sandbox.Bind
		if shown {
			binds = []sandbox.Bind{{Source: "/", Destination: "/", Dir: true}, {Source: filepath.Dir(spool), Destination: filepath.Dir(spool), Dir: true}}
		}
		plan, err := (&Options{}).mpiPlan(binds)
		if err != nil {
			t.Fatal(err)
		}
		got, err := itemBinds(plan.Items, nil)
		if err != nil || (len(got) == 0) != shown {
			t.Errorf("shown %v: %v, %v", shown, got, err)
		}
	}
	if _, err := (&Options{MPI: "lam"}).mpiPlan(nil); err == nil {
		t.Error("a mode that does not exist was taken")
	}
}
