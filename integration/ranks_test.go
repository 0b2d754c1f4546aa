//go:build e2e

package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestStartersOfManyProcesses: what starts processes in parallel finds them in one
// sandbox, each with its own arguments, output and status.
func TestStartersOfManyProcesses(t *testing.T) {
	needTool(t, "parallel")
	for name, wrap := range map[string][]string{
		"xargs":    {"sh", "-c", `seq 12 | xargs -P 4 -I{} "$@" {}`, "sh"},
		"parallel": {"sh", "-c", `seq 12 | parallel -j 4 "$@" {}`, "sh"},
		"shell":    {"sh", "-c", `for i in $(seq 12); do "$@" $i & done; wait`, "sh"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t)
			s.ok("pull", "--quiet", ref(minimal))
			// A sandbox ends with its last process: the first one stays.
			stays := s.start("run", "--quiet", ref(minimal), "sh", "-c", "readlink /proc/self/ns/mnt; touch inside; while ! test -e go; do sleep 0.02; done")
			s.await("inside")
			script := s.write("rank.sh", "echo $1 $(readlink /proc/self/ns/mnt)\n", 0o644)
			s.wrap, s.env["PARALLEL_HOME"] = wrap, s.dir
			var numbers, spaces []string
			for line := range strings.Lines(s.run("run", "--quiet", ref(minimal), "sh", script).want(0).stdout) {
				number, space, _ := strings.Cut(strings.TrimSpace(line), " ")
				numbers, spaces = append(numbers, number), append(spaces, space)
			}
			slices.Sort(numbers)
			if len(slices.Compact(numbers)) != 12 {
				t.Errorf("12 processes said %q", numbers)
			}
			s.write("go", "", 0o644)
			s.wrap = nil
			want := strings.TrimSpace(stays.wait().want(0).stdout)
			slices.Sort(spaces)
			if together := slices.Compact(spaces); len(together) != 1 || together[0] != want {
				t.Errorf("processes that run at the same time are in the sandboxes %q, not all in %s", together, want)
			}
		})
	}
}

// TestMemoryPolicy: a NUMA policy that the caller has set is the program's.
func TestMemoryPolicy(t *testing.T) {
	needTool(t, "numactl")
	s := newSession(t)
	s.ok("pull", "--quiet", ref(minimal))
	s.wrap = []string{"numactl", "--interleave=0"}
	if probe := s.run("run", "--quiet", ref(minimal), "cat", "/proc/self/numa_maps"); !strings.Contains(probe.stdout, "interleave:0") {
		if strings.Contains(probe.stderr, "No such file") || strings.Contains(probe.stderr, "not") && probe.code != 0 {
			t.Skipf("this kernel has no NUMA policies: %s", probe.stderr)
		}
		t.Errorf("the policy is lost: %.300s", probe.stdout)
	}
}

// TestHugePages: a program inside can have them where the machine gives some.
func TestHugePages(t *testing.T) {
	needRoot(t, "reserves four huge pages for a moment")
	const file = "/proc/sys/vm/nr_hugepages"
	before, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("this kernel has no huge pages: %v", err)
	}
	if err := os.WriteFile(file, []byte("4"), 0o644); err != nil {
		t.Skipf("huge pages cannot be reserved: %v", err)
	}
	defer os.WriteFile(file, before, 0o644)
	if now, _ := os.ReadFile(file); strings.TrimSpace(string(now)) == "0" {
		t.Skip("this machine has no memory for huge pages")
	}
	s := newSession(t)
	program := fmt.Sprintf("import mmap; m = mmap.mmap(-1, %d, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000); m[0] = 1; print('huge')", 2<<20)
	if got := s.ok("run", "--quiet", ref(python), "python3", "-c", program); got != "huge" {
		t.Errorf("got %q", got)
	}
}
