package desired

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// TestRenewal: robots live on, with a new secret or without, and lost secrets are
// replaced.
func TestRenewal(t *testing.T) {
	w := newWorld(t)
	const text = "[lab.a]\nrobot.ci = {days = 30}\nrobot.copied = {days = 60, keep_secret = true, renew_before = \"35d\"}\nrobot.off = {}\n"
	w.apply(text, Options{})
	first := maps.Clone(w.kept)
	off := must(harbor.All(w.client().Robots(t.Context(), must(w.client().Project(t.Context(), "a")).ID)))[2]
	w.check(w.client().DisableRobot(t.Context(), off.ID))
	w.now = w.now.AddDate(0, 0, 26)
	golden(t, "renewal.txt", masked(lines(w.plan(text, Options{}))))
	w.apply(text, Options{})
	w.wantNothing(text, Options{})
	if w.kept["ci of a"].Password == first["ci of a"].Password {
		t.Error("ci has its old secret")
	}
	if w.kept["copied of a"] != first["copied of a"] {
		t.Error("copied has another secret")
	}
	for _, r := range must(harbor.All(w.client().Robots(t.Context(), must(w.client().Project(t.Context(), "a")).ID))) {
		left := time.Unix(r.Expires, 0).Sub(w.now)
		if r.Name == "robot$a+ci" && (left < 30*day-time.Second || left > 31*day) {
			t.Errorf("ci lives for %v", left)
		}
		if r.Name == "robot$a+off" && !r.Disabled {
			t.Error("a robot that was switched off is on again")
		}
	}
	shorter := strings.Replace(text, "days = 60", "days = 40", 1)
	w.apply(shorter, Options{})
	w.wantNothing(shorter, Options{})

	site := w.site("[lab.b]\nrobot.ci = {}\n")
	full := errors.New("the disk is full")
	keep := site.Keep
	site.Keep = func(context.Context, Credential) error { return full }
	if _, err := site.Apply(t.Context(), Options{}, nil, nil); !errors.Is(err, full) {
		t.Errorf("error is %v", err)
	}
	site.Keep = keep
	plan, err := site.Apply(t.Context(), Options{}, nil, nil)
	w.check(err)
	if got := lines(plan); !strings.Contains(got, "~ robot ci of b: secret lost → new secret") || w.kept["ci of b"].Password == "" {
		t.Errorf("a lost secret is not replaced:\n%s", got)
	}
	site.Kept = func(c Credential) bool { return w.kept[c.Robot+" of "+c.Project].Password != "" }
	if plan := must(site.Plan(t.Context(), Options{})); len(plan.Changes) != 0 {
		t.Errorf("with a login that is there:\n%s", lines(plan))
	}
	delete(w.kept, "ci of b")
	plan, err = site.Apply(t.Context(), Options{}, nil, nil)
	w.check(err)
	if got := lines(plan); !strings.Contains(got, "(the file with its login is gone)") || w.kept["ci of b"].Password == "" {
		t.Errorf("a lost login is not replaced:\n%s", got)
	}
}

// masked is text without dates.
func masked(text string) string {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\n' }) {
		if _, err := time.Parse(time.DateOnly, word); err == nil {
			text = strings.ReplaceAll(text, word, "DATE")
		}
	}
	return text
}
