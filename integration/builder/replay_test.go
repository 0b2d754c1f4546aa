//go:build e2e

package builder

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/integration/campaign"
)

// leastSame is which part of the sessions must give the same packages again.
const leastSame = 0.95

// TestReplay: sessions by chance, of installing, writing, failing and looking around,
// are made again from the recipe that was written down; most give the same packages.
func TestReplay(t *testing.T) {
	chance := campaign.Random(t)
	s := newSession(t, lab.plain)
	if lab.ranges != nil && chance.IntN(2) == 0 {
		s = newSession(t, lab.ranges)
	}
	samePackages, sameFiles := 0, 0
	sessions := campaign.Slice(5, 50)
	for i := range sessions {
		script := invent(chance)
		name := fmt.Sprintf("w%d", i)
		s.run("new", "--base", ref(base), "--name", name).ok()
		s.hold(name, script)
		r := s.run("replay", "--json", name)
		var report struct {
			Packages struct {
				Added, Removed, Changed []json.RawMessage
			} `json:"packages"`
			Missing, Differ []string
		}
		if r.code > 1 || json.Unmarshal([]byte(r.stdout), &report) != nil {
			t.Logf("session %d cannot be made again (status %d):\n%s\n%s\n%s", i, r.code, script, s.run("recipe", name).stdout, r.stderr)
			s.run("rm", name).ok()
			continue
		}
		p := report.Packages
		if len(p.Added)+len(p.Removed)+len(p.Changed) == 0 {
			samePackages++
		}
		if len(report.Missing)+len(report.Differ) == 0 {
			sameFiles++
		}
		if r.code != 0 {
			t.Logf("session %d is another when it is made again:\n%s\n%s\n%s", i, script, r.stdout, s.run("recipe", name).stdout)
		}
		s.run("rm", name).ok()
	}
	t.Logf("of %d sessions %d give the same packages, %d the same files that were copied", sessions, samePackages, sameFiles)
	if float64(samePackages) < leastSame*float64(sessions) {
		t.Errorf("that is less than %v", leastSame)
	}
}

func (s scripted) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "typed: %v\n", s.typed)
	for _, step := range s.steps {
		if step.copiesTo != "" {
			fmt.Fprintf(&b, "  (jbuild cp to %s)\n", step.copiesTo)
		} else {
			fmt.Fprintf(&b, "  %q\n", step.text)
		}
	}
	return b.String()
}
