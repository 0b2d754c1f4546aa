//go:build e2e

package integration

import (
	"context"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/integration/campaign"
	"github.com/jrun-hpc/jrun/integration/ordinary"
)

// TestChaosOfLaunchers starts MPI programs and kills at random: ranks, holders, and what
// launches them. The first kill may come before a rank has registered, or found its
// sandbox. Then all that is jrun's ends by itself, nothing of it stays, and the next
// program runs.
func TestChaosOfLaunchers(t *testing.T) {
	chance := campaign.Random(t)
	rounds, kills, left := 0, map[string]int{}, map[string]int{}
	total := func() (sum int) {
		for _, n := range kills {
			sum += n
		}
		return sum
	}
	sessions := map[string]*session{}
	for _, l := range mpiLaunchers {
		s := withMPI(t, l, 4)
		l.compile(s, "latency")
		s.ok("run", "-q", mpiImage(t, l.name), "--", "./ring")
		s.env["TMPDIR"] = s.dir // for Open MPI's folder of the session
		sessions[l.name] = s
	}
	end := time.Now().Add(campaign.Slice(8*time.Second, time.Hour))
	for ; time.Now().Before(end) && total() < campaign.Slice(100, 1000) && !t.Failed(); rounds++ {
		l := mpiLaunchers[rounds%len(mpiLaunchers)]
		s := sessions[l.name]
		before := leftovers(s.user)
		launchAndKill(s, chance, kills, "run", "-q", mpiImage(t, l.name), "--", "./latency", "1000000000")
		endRanks(t, s.user)
		for file, kind := range ofMPI(s.user, before) {
			left[kind]++
			if err := os.RemoveAll(file); err != nil {
				t.Error(err)
			}
		}
		// The next run takes away what a rank was writing into the store when it was killed.
		if got := s.ok("run", "-q", mpiImage(t, l.name), "--", "./ring"); !strings.HasPrefix(got, "4 ring 6 reduce 6 same-node 4 ") {
			t.Errorf("the next program says %q", got)
		}
		requireNothingLeft(t, s.user, s.store, before)
	}
	t.Logf("%d rounds; killed: %v; files that the MPIs left: %v", rounds, kills, left)
	for _, name := range []string{"latency", "jrun-holder", "mpirun.openmpi", "mpirun.mpich", "hydra_pmi_proxy"} {
		if campaign.Soaking() && kills[name] == 0 {
			t.Errorf("no %s was killed", name)
		}
	}
	if total() == 0 {
		t.Error("nothing was killed: the test does not test anything")
	}
}

// launchAndKill starts ranks of jrun and kills one process after another until the
// launcher has ended. Half of the time the first kill comes while ranks start.
func launchAndKill(s *session, chance *rand.Rand, kills map[string]int, args ...string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	launcher := s.command(ctx, args...)
	if err := launcher.Start(); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- launcher.Wait() }()
	wait := time.Duration(chance.Int64N(int64([]time.Duration{60 * time.Millisecond, time.Second}[chance.IntN(2)])))
	for {
		select {
		case <-done:
			if ctx.Err() != nil {
				s.t.Error("the launcher did not end")
			}
			return
		case <-time.After(wait):
		}
		wait = time.Duration(chance.Int64N(int64(50 * time.Millisecond)))
		// First a kind is chosen, since there are more ranks than others.
		kinds := map[string][]proc{}
		for _, p := range processes(s.user) {
			name := filepath.Base(p.args[0])
			kinds[name] = append(kinds[name], p)
		}
		if len(kinds) == 0 {
			continue
		}
		names := slices.Sorted(maps.Keys(kinds))
		name := names[chance.IntN(len(names))]
		if syscall.Kill(kinds[name][chance.IntN(len(kinds[name]))].pid, syscall.SIGKILL) == nil {
			kills[name]++
		}
	}
}

// endRanks does what a batch system does when a job's first process has ended: it kills
// what the job has started. MPICH's ranks do not notice when their launcher and a peer
// have been killed, with or without jrun. What is jrun's own must end without that.
func endRanks(t *testing.T, user *ordinary.Account) {
	t.Helper()
	eventually(t, "all ranks have become the program and been killed", func() bool {
		alive := processes(user)
		for _, p := range alive {
			if name := filepath.Base(p.args[0]); name != "jrun" && !strings.HasPrefix(name, "jrun-") {
				_ = syscall.Kill(p.pid, syscall.SIGKILL)
			}
		}
		return len(alive) == 0
	})
}

// sharedMemory is how the names of files in /dev/shm begin that MPI libraries leave when
// they are killed: those by which Open MPI's ranks copy from each other and try whether
// there is such memory, and MPICH's and UCX's ranks share memory. jrun has no file there
// at all.
var sharedMemory = []string{"vader_segment.", "open_mpi.", "mpich_shar_tmp", "ucx_shm_posix_"}

// ofMPI returns the new ones among them, with what they are.
func ofMPI(user *ordinary.Account, before []string) map[string]string {
	found := map[string]string{}
	for _, path := range leftovers(user) {
		for _, kind := range sharedMemory {
			if strings.HasPrefix(path, "/dev/shm/"+kind) && !slices.Contains(before, path) {
				found[path] = kind
			}
		}
	}
	return found
}
