//go:build e2e

package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/image/provenance"
	batch "github.com/jrun-hpc/jrun/integration/pbs"
)

// why is what 'jrun why --json' says of what was put in.
func (s *session) why(job string) []provenance.Injection {
	s.t.Helper()
	var report struct {
		Images []struct{ Injected []provenance.Injection }
	}
	if err := json.Unmarshal([]byte(s.ok("why", "--json", job)), &report); err != nil {
		s.t.Fatal(err)
	}
	if len(report.Images) == 0 {
		s.t.Fatalf("job %s has run nothing", job)
	}
	return report.Images[0].Injected
}

// TestMPIIsRecorded: the record of ranks says which libraries of the host they have used.
func TestMPIIsRecorded(t *testing.T) {
	for _, l := range mpiLaunchers {
		t.Run(l.name, func(t *testing.T) {
			s := withMPI(t, l, 4)
			s.env["PBS_JOBID"] = "4711." + l.name
			s.ok("run", "-q", "--mpi="+l.name, mpiImage(t, l.name), "--", "./ring")
			s.wrap = nil
			got := s.why("4711." + l.name)
			if !slices.ContainsFunc(got, func(i provenance.Injection) bool {
				return i.Kind == "file" && i.Destination == "/run/jrun/mpi/lib/"+l.soname && strings.HasPrefix(filepath.Base(i.Source), l.soname+".")
			}) {
				t.Errorf("%s is not among %+v", l.soname, got)
			}
			if text := s.ok("why", "4711."+l.name); !strings.Contains(text, "\nhost     ") || !strings.Contains(text, l.soname+".") {
				t.Errorf("as text:\n%s", text)
			}
		})
	}
}

// TestDevicesAreRecorded: the second command of a job joins the sandbox that the first
// has made, and its own record has the device, too; secrets are not written.
func TestDevicesAreRecorded(t *testing.T) {
	s := newSession(t)
	if err := s.user.Mkdir(filepath.Join(s.dir, "cdi")); err != nil {
		t.Fatal(err)
	}
	data := s.write("data", "of the vendor", 0o644)
	s.write("cdi/vendor.yaml", fmt.Sprintf("cdiVersion: 1.1.0\nkind: vendor.com/npu\ndevices:\n- name: zero\n  containerEdits:\n"+
		"    env: [NPU_TOKEN=hunter2]\n    deviceNodes: [{path: /dev/npu, hostPath: /dev/zero}]\n    mounts: [{hostPath: %s, containerPath: /opt/vendor/data, options: [ro]}]\n", data), 0o644)
	s.env["JRUN_CONFIG"] = s.write("jrun.toml", fmt.Sprintf("cdi_dirs = [%q]\n", filepath.Join(s.dir, "cdi")), 0o644)
	p := s.inJob(`"$JRUN" run -q --gpu=vendor.com/npu=zero "$IMAGE" -- sh -c 'touch ready; while ! test -e go; do sleep 0.02; done' &
		while ! test -e ready; do sleep 0.02; done
		"$JRUN" run -q --gpu=vendor.com/npu=zero "$IMAGE" -- true; status=$?; touch go; wait; exit $status`)
	p.wait().want(0)
	job := s.env["PBS_JOBID"]
	s.wrap = nil
	for _, run := range []string{"1", "2"} {
		text := s.ok("why", "--json", "--run", run, job)
		if !strings.Contains(text, data) || !strings.Contains(text, "/dev/npu") || strings.Contains(text, "hunter2") {
			t.Errorf("of run %s: %s", run, text)
		}
	}
	if err := os.Remove(data); err != nil {
		t.Fatal(err)
	}
	r := s.run("reproduce", "--dry-run", "--run", "1", job).want(0)
	if !strings.Contains(r.stderr, "put in from "+s.dir) {
		t.Errorf("nothing says that a file of the host is missing: %s", r.stderr)
	}
}

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

// TestExplainedInPBS: in a job without an image 'jrun explain' tells what it would have
// with one: PBS's own programs, too. A dry run is of a command in the script.
func TestExplainedInPBS(t *testing.T) {
	onBatchSystems(t, func(b *batchTest) {
		for command, want := range map[string]bool{"explain": true, "run --dry-run": false} {
			ids, err := b.system.Submit(b.t.Context(), batch.Job{
				Script: fmt.Sprintf("#!/bin/sh\n%s %s %s\n", lab.jrun, command, ref(minimal)), Dir: b.dir, Variables: map[string]string{"JRUN_STORE": b.store},
			})
			if err != nil {
				b.t.Fatal(err)
			}
			r := b.wait(ids[0])
			brought := strings.Contains(r.Stdout, "-> /run/jrun/bin/pbs_tmrsh") && strings.Contains(r.Stdout, "HYDRA_LAUNCHER_EXEC=")
			if brought != want || !strings.Contains(r.Stdout, "noted      PBS: ") {
				b.t.Errorf("jrun %s, status %d:\n%s\n%s", command, r.Exit, r.Stdout, r.Stderr)
			}
		}
	})
}
