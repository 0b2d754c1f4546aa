//go:build e2e

package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/integration/campaign"
)

// TestChaosOfPulls lets 64 processes pull four images into one store, kills one
// in four at a random moment, and removes images now and then, so that there is
// always something to convert.
func TestChaosOfPulls(t *testing.T) {
	chance := campaign.Random(t)
	want, took := referenceOf(t, campaignImages...)
	s := freshSession(t)
	var group sync.WaitGroup
	var pulled, killed, removed atomic.Int64
	end := time.Now().Add(campaign.Slice(8*time.Second, 5*time.Minute))
	for range 64 {
		chance := rand.New(rand.NewPCG(chance.Uint64(), 0))
		group.Go(func() {
			for time.Now().Before(end) && !t.Failed() {
				image := ref(campaignImages[chance.IntN(len(campaignImages))])
				if chance.IntN(8) == 0 {
					s.command(t.Context(), "rm", "-q", image).Run() // or somebody else has
					removed.Add(1)
				}
				moment := time.Duration(0)
				if chance.IntN(4) == 0 {
					moment = 1 + time.Duration(chance.Float64()*8*float64(took))
				}
				signal, err := pullAndKill(s, image, moment)
				switch {
				case signal == syscall.SIGKILL && moment > 0:
					killed.Add(1)
				case err != nil:
					t.Error(err)
				default:
					pulled.Add(1)
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d pulls succeeded, %d were killed, %d removals", pulled.Load(), killed.Load(), removed.Load())
	want.requireSound(s)
	for _, name := range campaignImages {
		s.ok("rm", "-q", s.ok("pull", "-q", ref(name))) // so that there is something to make, and to sweep
		s.ok("pull", "-q", ref(name))
	}
	want.requireWhole(s)
	s.ok("gc")
	requireNoClaims(t, s)
	if killed.Load() == 0 || pulled.Load() == 0 {
		t.Error("nothing was killed or pulled: the test does not test anything")
	}
}

// pullAndKill pulls and, if moment is not 0, kills the pull then. It returns the
// signal that ended it, and an error when it did not succeed.
func pullAndKill(s *session, image string, moment time.Duration) (syscall.Signal, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := s.command(ctx, "pull", "-q", image)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	if moment > 0 {
		defer time.AfterFunc(moment, func() { cmd.Process.Kill() }).Stop()
	}
	if err := cmd.Wait(); err != nil {
		return cmd.ProcessState.Sys().(syscall.WaitStatus).Signal(), fmt.Errorf("pull %s: %w: %s", image, err, stderr.String())
	}
	return 0, nil
}

// TestChaosOfSandboxes starts 32 ranks at once, again and again, while random
// processes of the user are killed: ranks, holders, and what they start. What
// they end with is not said then, but they end; nothing of them stays; and the
// next run works.
func TestChaosOfSandboxes(t *testing.T) {
	chance := campaign.Random(t)
	s := newSession(t)
	s.ok("pull", "-q", ref(minimal))
	before := leftovers(s.user)
	rounds, kills, survivors := 0, map[string]int{}, 0
	for end := time.Now().Add(campaign.Slice(8*time.Second, 5*time.Minute)); time.Now().Before(end) && !t.Failed(); rounds++ {
		ranks := make([]*exec.Cmd, 32)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		for i := range ranks {
			ranks[i] = s.command(ctx, "run", "-q", ref(minimal), "--", "sh", "-c", "cat /etc/debian_version; sleep 0.1")
			ranks[i].WaitDelay = 5 * time.Second
			if err := ranks[i].Start(); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan int)
		go func() {
			well := 0
			for _, rank := range ranks {
				if rank.Wait() == nil {
					well++
				}
			}
			done <- well
		}()
		survivors += killUntil(s, chance, done, kills)
		if ctx.Err() != nil {
			t.Error("a rank did not end within a minute")
		}
		cancel()
		// The next run takes away what a rank was writing into the history when it was killed.
		if got := s.sh("echo again"); got != "again" {
			t.Errorf("the next run printed %q", got)
		}
		requireNothingLeft(t, s.user, s.store, before)
	}
	t.Logf("%d rounds of 32 ranks; killed: %v; %d ranks ended well", rounds, kills, survivors)
	if len(kills) < 2 {
		t.Error("too little was killed: the test does not test anything")
	}
}

// killUntil kills one of the user's processes every few milliseconds until done
// has a value, which it returns. It counts by the name of what was killed.
func killUntil(s *session, chance *rand.Rand, done <-chan int, kills map[string]int) int {
	longest := time.Duration(1+chance.IntN(100)) * time.Millisecond
	for {
		select {
		case well := <-done:
			return well
		case <-time.After(time.Duration(chance.Int64N(int64(longest)))):
		}
		alive := processes(s.user)
		// Half of the time a holder, of which there is one among many ranks.
		if found := holders(s.user); chance.IntN(2) == 0 && len(found) > 0 {
			alive = found
		}
		if len(alive) == 0 {
			continue
		}
		victim := alive[chance.IntN(len(alive))]
		if syscall.Kill(victim.pid, syscall.SIGKILL) == nil {
			name := victim.args[0]
			kills[name[strings.LastIndexByte(name, '/')+1:]]++
		}
	}
}
