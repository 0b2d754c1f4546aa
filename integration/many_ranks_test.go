//go:build e2e

package integration

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// manyRanks is how many processes of a job share a sandbox here.
const manyRanks = 256

// mostHolderKiB is what the server of a sandbox may take, in memory of its own.
const mostHolderKiB = 64 << 10

// TestManyRanks starts many ranks of a job at once: there is one sandbox, its server
// stays small, and in the ranks nothing is left of jrun.
func TestManyRanks(t *testing.T) {
	s, p := jobSession(t)
	defer end(p)
	s.env["GODEBUG"] = ""
	s.wrap = []string{"bash", "-c", fmt.Sprintf(`for i in $(seq %d); do "$@" & done; wait`, manyRanks), "bash"}
	ranks := s.start("run", "--quiet", ref(minimal), "sh", "-c", "readlink /proc/self/ns/mnt; exec sleep 97531")
	var sleeping []proc
	defer func() {
		for _, r := range sleeping {
			if pid, err := os.FindProcess(r.pid); err == nil {
				_ = pid.Kill()
			}
		}
		out := ranks.wait().stdout
		names := strings.Fields(out)
		slices.Sort(names)
		if all := len(names); all != manyRanks || len(slices.Compact(names)) != 1 {
			t.Errorf("%d of %d ranks are in %d namespaces, want one", all, manyRanks, len(slices.Compact(names)))
		}
	}()
	eventually(t, "all ranks run their program", func() bool {
		sleeping = slices.DeleteFunc(allProcesses(s.user), func(p proc) bool { return !slices.Equal(p.args, []string{"sleep", "97531"}) })
		return len(sleeping) == manyRanks
	})
	for _, r := range []proc{sleeping[0], sleeping[manyRanks-1]} {
		maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", r.pid))
		if err != nil || strings.Contains(string(maps), "jrun") || !strings.Contains(string(maps), "/usr/bin/sleep") {
			t.Errorf("process %d still has something of jrun: %v\n%s", r.pid, err, maps)
		}
	}
	holders := slices.DeleteFunc(processes(s.user), func(p proc) bool { return p.args[0] != "jrun-holder" })
	if len(holders) != 1 {
		t.Fatalf("there are %d holders, want one", len(holders))
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", holders[0].pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`RssAnon:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Skip("this kernel does not tell a process's own memory")
	}
	if kib, err := strconv.Atoi(string(found[1])); err != nil || kib > mostHolderKiB {
		t.Errorf("the holder of %d ranks has %s KiB of its own, want at most %d", manyRanks, found[1], mostHolderKiB)
	} else {
		t.Logf("the holder of %d ranks has %d KiB of its own", manyRanks, kib)
	}
}
