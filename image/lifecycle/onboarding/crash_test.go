package onboarding_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/lifecycle/onboarding"
	"github.com/jrun-hpc/jrun/integration/campaign"
)

// mortal is a transport whose process is killed at a request: the goroutine that asks
// ends there, and nothing but its deferred calls (the kernel's releasing of locks) runs
// after it.
type mortal struct {
	left  int
	after bool // it is killed when Harbor has done what was asked, before it hears of it
}

func (m *mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	m.left--
	if m.left > 0 {
		return http.DefaultTransport.RoundTrip(r)
	}
	if m.after {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			resp.Body.Close()
		}
	}
	runtime.Goexit()
	return nil, nil
}

// killed runs f in a process of its own, as it were, and reports whether it ended
// before its time.
func killed(f func()) bool {
	finished := false
	var end sync.WaitGroup
	end.Add(1)
	go func() {
		defer end.Done()
		f()
		finished = true
	}()
	end.Wait()
	return !finished
}

// TestKilledAtEveryRequest: run again, all is as if nothing had happened; also when it
// is killed twice in the same place.
func TestKilledAtEveryRequest(t *testing.T) {
	tgt := newTarget(t)
	shared := tgt.project(unique("shared"))
	tgt.settings.Shared = []string{shared}
	step := 1
	if tgt.fake == nil && !campaign.Soaking() {
		step = 4 // a real Harbor takes five minutes for all
	}
	for _, after := range []bool{false, true} {
		for n := 1; ; n += step {
			p := tgt.person(number())
			tgt.remove(p.ID)
			deaths := 0
			for range 2 {
				tgt.transport = &mortal{left: n, after: after}
				if killed(func() { _, _ = tgt.onboarder().Add(t.Context(), p.ID, onboarding.Choices{Now: now}) }) {
					deaths++
				}
			}
			tgt.transport = nil
			r, err := tgt.onboarder().Add(t.Context(), p.ID, onboarding.Choices{Now: now})
			if err != nil {
				t.Fatalf("killed at request %d (%v), and run again: %v", n, after, err)
			}
			want := p.ID + " map[" + p.ID + ":project admin]\n" + shared + " guest\nquota 10.0 GB\nrobot$nodes-" + p.ID + " [" + p.ID + " " + shared + "] false\n1 robots\n"
			got := tgt.world(p, shared)
			got = strings.Replace(got, shared+" "+fmt.Sprint(tgt.roles(shared)), shared+" "+tgt.roles(shared)[p.ID], 1)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("killed at request %d (%v), and run again (-want +got):\n%s", n, after, diff)
			}
			logins := auth(t, filepath.Join(tgt.dir, "state", "credentials", p.ID+".auth.json"))
			tgt.pulls(logins, p.ID, shared)
			tgt.noSecrets(logins)
			letters, err := os.ReadDir(filepath.Join(tgt.dir, "letters"))
			check(t, err)
			if count := strings.Count(fmt.Sprint(letters), p.ID); count != 1 {
				t.Errorf("killed at request %d: %d letters", n, count)
			}
			if again, err := tgt.onboarder().Add(t.Context(), p.ID, onboarding.Choices{Now: now}); err != nil || len(again.Steps) > 0 {
				t.Errorf("killed at request %d (%v): once more it did %v, %v after %v", n, after, again.Steps, err, r.Steps)
			}
			if deaths == 0 {
				if n < 8 {
					t.Errorf("it makes only %d requests", n)
				}
				break
			}
		}
	}
}
