package mpi

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/runtime/inject"
)

func TestLaunchers(t *testing.T) {
	for _, c := range []struct {
		name      string
		env, dirs []string // of the process; that the host has
		launchers []string // first words
		items     []string // kind and place inside
	}{
		{name: "none", env: []string{"PATH=/bin"}},
		{
			name:      "Open MPI 4 below /tmp",
			env:       []string{"OMPI_COMM_WORLD_RANK=0", "OMPI_MCA_orte_top_session_dir=/tmp/ompi.vm.1005", "PMIX_RANK=0", "PMIX_SERVER_TMPDIR=/tmp/ompi.vm.1005/pid.1", "PMIX_SYSTEM_TMPDIR=/tmp"},
			dirs:      []string{"tmp/ompi.vm.1005/pid.1"},
			launchers: []string{"Open MPI", "PMIx"},
		},
		{
			name:      "PMIx of Slurm, with munge",
			env:       []string{"PMIX_RANK=0", "PMIX_SERVER_TMPDIR=/var/spool/slurmd/pmix.7.0", "PMIX_SECURITY_MODE=munge,native", "SLURM_STEP_ID=0"},
			dirs:      []string{"var/spool/slurmd/pmix.7.0", "run/munge", "etc/slurm"},
			launchers: []string{"PMIx", "Slurm"},
			items:     []string{"directory /var/spool/slurmd/pmix.7.0", "directory /var/spool/slurmd", "directory /etc/slurm", "directory /run/munge"},
		},
		{
			name:      "PMIx with a directory that is gone, and one of the system",
			env:       []string{"PMIX_RANK=0", "PMIX_SERVER_TMPDIR=/var/spool/gone", "PMIX_SYSTEM_TMPDIR=/usr"},
			dirs:      []string{"usr/lib"},
			launchers: []string{"PMIx"},
		},
		{
			name:      "Hydra",
			env:       []string{"PMI_FD=6", "PMI_RANK=0", "PMI_SIZE=4", "HYDI_CONTROL_FD=7", "MPI_LOCALNRANKS=4"},
			launchers: []string{"PMI-1", "Hydra"},
		},
		{
			name:      "PALS",
			env:       []string{"PALS_RANKID=0", "PALS_APINFO=/var/run/palsd/7/apinfo", "PALS_SPOOL_DIR=/var/run/palsd/7"},
			dirs:      []string{"var/run/palsd/7"},
			launchers: []string{"PALS"},
			items:     []string{"directory /run/palsd/7"},
		},
		{
			name:      "an Open MPI that was moved",
			env:       []string{"OMPI_COMM_WORLD_RANK=0", "OPAL_PREFIX=/opt/hpcx/ompi", "UCX_MODULE_DIR=/tmp/mine"},
			launchers: []string{"Open MPI"},
			items:     []string{"unset OPAL_PREFIX"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.env = c.env
			for _, dir := range c.dirs {
				w.write(w.host, dir+"/file", "")
			}
			p := Launch(w.ask(Auto))
			if p.NeedsImage() || p.Mode != PMI {
				t.Errorf("the mode is %s, and an image is needed: %v", p.Mode, p.NeedsImage())
			}
			var got []string
			for _, item := range p.Items {
				got = append(got, item.Kind.String()+" "+item.Inside)
				if item.Kind == inject.Directory && !item.Writable {
					t.Errorf("%s is read-only", item.Inside)
				}
			}
			if diff := cmp.Diff(c.items, got); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
			if len(p.Launchers) != len(c.launchers) {
				t.Fatalf("launchers: %q", p.Launchers)
			}
			for i, name := range c.launchers {
				if !strings.HasPrefix(p.Launchers[i], name) {
					t.Errorf("launcher %d is %s, want %s", i, p.Launchers[i], name)
				}
			}
			w.write(w.host, "dev/knem", "")
			if p := Launch(w.ask(None)); len(p.Items) != 0 || p.NeedsImage() {
				t.Errorf("with --mpi=none there are %v", p.Items)
			}
		})
	}
}

func TestDevices(t *testing.T) {
	for _, c := range []struct {
		name          string
		files         []string
		shown, called []string
	}{
		{"none", []string{"null", "infinite"}, nil, nil},
		{"InfiniBand's driver without hardware", []string{"infiniband/rdma_cm"}, nil, nil},
		{"InfiniBand", []string{"infiniband/rdma_cm", "infiniband/uverbs0", "knem"}, []string{"/dev/infiniband/rdma_cm", "/dev/infiniband/uverbs0", "/dev/knem"}, []string{"InfiniBand or RoCE"}},
		{"Slingshot", []string{"cxi0", "cxi1", "xpmem"}, []string{"/dev/cxi0", "/dev/cxi1", "/dev/xpmem"}, []string{"HPE Slingshot"}},
		{"Omni-Path", []string{"hfi1_0", "hfi1"}, []string{"/dev/hfi1_0"}, []string{"Omni-Path"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			for _, f := range c.files {
				w.write(w.host, "dev/"+f, "")
			}
			p := Launch(w.ask(Auto))
			var shown, called []string
			for _, item := range p.Items {
				if item.Kind != inject.Device || item.Host != item.Inside {
					t.Errorf("%v is no device under its own name", item)
				}
				shown = append(shown, item.Inside)
			}
			for _, n := range p.networks {
				called = append(called, n.name)
			}
			if diff := cmp.Diff([][]string{c.shown, c.called}, [][]string{shown, called}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if p.NeedsImage() != (len(c.called) > 0) {
				t.Errorf("an image is needed: %v", p.NeedsImage())
			}
		})
	}
}

// BenchmarkLaunch is what each rank pays on a machine without a high-speed network.
func BenchmarkLaunch(b *testing.B) {
	a := Ask{Mode: Auto, Root: "/", Shown: func(string) bool { return true }, Env: []string{
		"PATH=/usr/bin", "PMI_FD=6", "PMI_RANK=0", "PMI_SIZE=4", "HYDI_CONTROL_FD=7", "PMIX_RANK=0", "PMIX_SERVER_TMPDIR=/tmp", "OMPI_COMM_WORLD_RANK=0",
	}}
	for b.Loop() {
		Launch(a)
	}
}
