package leaving

import (
	"testing"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// withRules is a life whose project has a rule of immutable tags that is on, and one that
// somebody has switched off.
func withRules(t *testing.T) *life {
	l := quietLife(t)
	on, off := harbor.ImmutableTags("1"), harbor.ImmutableTags("old")
	on.ID, off.ID, off.Disabled = l.id(), l.id(), true
	l.projects[who].rules = []harbor.ImmutableRule{on, off}
	return l
}

// rules are the patterns of a project, and whether they are on.
func (l *life) rulesOf(project string) map[string]bool {
	all := map[string]bool{}
	for _, r := range l.projects[project].rules {
		pattern, _ := r.Pattern()
		all[pattern] = !r.Disabled
	}
	return all
}

// TestImmutableTags: they hold until the removal, and do not stop it.
func TestImmutableTags(t *testing.T) {
	l := withRules(t)
	if d := l.leave(1, 20, nil); d.Stage != HandedOver || !l.rulesOf(who)["1"] {
		t.Fatalf("before the removal it is %s, with the rules %v", d.Stage, l.rulesOf(who))
	}
	if d := l.pass(40); d.Stage != Certified || len(d.Troubles) != 0 || l.projects[who] != nil {
		t.Errorf("it is %s, %+v", d.Stage, d.Troubles)
	}
}

// TestImmutableTagsReturn: who comes back has the rules again, and no others; wherever the
// removal had come to.
func TestImmutableTagsReturn(t *testing.T) {
	for _, at := range []string{"UpdateImmutableRule", "DeleteArtifact", "DeleteProject", ""} {
		t.Run("killed at "+at, func(t *testing.T) {
			l := withRules(t)
			l.leave(1, 30, nil)
			if at != "" {
				l.killedAfter(at, 31)
			} else {
				l.pass(31)
			}
			if _, err := l.office(l.rules).Return(l.now, who, "suzuki"); err != nil {
				t.Fatal(err)
			}
			if d := l.pass(32); d.Stage != Returned || len(d.Troubles) > 0 {
				t.Fatalf("it is %s, %+v", d.Stage, d.Troubles)
			}
			if on := l.rulesOf(who); !on["1"] || on["old"] {
				t.Errorf("the rules are %v", on)
			}
			if p := l.projects[who]; len(p.repos["app"]) != 2 {
				t.Errorf("the project has %v", p.repos)
			}
		})
	}
}

// killedAfter is a round on a day that is killed after a call.
func (l *life) killedAfter(call string, day int) {
	l.Helper()
	l.day = day
	l.now = l.midnight(day).Add(9 * 3600e9)
	dead := func() (dead bool) {
		defer func() {
			l.point = func(string, bool) {}
			_, dead = recover().(killed)
		}()
		l.point = func(made string, after bool) {
			if after && len(made) >= len(call) && made[:len(call)] == call {
				panic(killed{made})
			}
		}
		_ = l.office(l.rules).Round(l.Context(), l.now)
		return false
	}()
	if !dead {
		l.Fatalf("nothing is done that begins with %q", call)
	}
	l.day++
}
