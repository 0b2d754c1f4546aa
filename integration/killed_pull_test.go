//go:build e2e

package integration

import (
	"syscall"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/integration/campaign"
)

// TestKilledPulls kills pulls at random moments, half of them near the end,
// where files get their names. Whatever the moment: what is visible is whole,
// and the next pull works, gives the same bytes, and sweeps.
func TestKilledPulls(t *testing.T) {
	chance := campaign.Random(t)
	want, took := referenceOf(t, campaignImages[0])
	s := freshSession(t)
	killed := 0
	for range campaign.Slice(15, 200) {
		moment := time.Duration(chance.Float64() * 1.1 * float64(took))
		if chance.IntN(2) == 0 {
			moment = time.Duration((0.7 + 0.5*chance.Float64()) * float64(took))
		}
		start := time.Now()
		p := s.start("pull", "-q", ref(campaignImages[0]))
		time.Sleep(moment)
		p.cmd.Process.Kill()
		if r := p.wait(); r.signal == syscall.SIGKILL {
			killed++
		} else {
			r.want(0)
			took = min(took, time.Since(start)) // the reference was made under load
		}
		want.requireSound(s)
		s.ok("images")
		s.ok("pull", "-q", ref(campaignImages[0]))
		want.requireWhole(s)
		if t.Failed() {
			t.Fatalf("killed after %v", moment)
		}
		s.ok("rm", ref(campaignImages[0]))
	}
	t.Logf("%d pulls were killed in the middle", killed)
	if killed == 0 {
		t.Error("no pull was killed in the middle: the test does not test anything")
	}
}
