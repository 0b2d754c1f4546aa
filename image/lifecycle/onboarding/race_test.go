package onboarding_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/onboarding"
)

// TestFirstLoginRace: somebody is taken in by two processes while twelve of their
// programs log in for the first time.
func TestFirstLoginRace(t *testing.T) {
	tgt := newTarget(t)
	for range 4 {
		p := tgt.person(number())
		tgt.remove(p.ID)
		begin := make(chan bool)
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				<-begin
				client := harbor.New(harbor.Options{Base: tgt.base, User: p.ID, Password: password, RetryTotal: -1})
				if _, err := client.CurrentUser(t.Context()); err != nil && harbor.Status(err) != http.StatusUnauthorized {
					t.Error(err)
				}
			})
		}
		for range 2 {
			o := tgt.onboarder()
			all.Go(func() {
				<-begin
				if _, err := o.Add(t.Context(), p.ID, onboarding.Choices{Now: now}); err != nil {
					t.Error(err)
				}
			})
		}
		close(begin)
		all.Wait()
		if got := tgt.roles(p.ID)[p.ID]; got != "project admin" {
			t.Errorf("the role is %q", got)
		}
		// From then on no login is a first one.
		var later sync.WaitGroup
		for range 12 {
			later.Go(func() {
				client := harbor.New(harbor.Options{Base: tgt.base, User: p.ID, Password: password, RetryTotal: -1})
				if _, err := client.CurrentUser(t.Context()); err != nil {
					t.Errorf("a login afterwards: %v", err)
				}
			})
		}
		later.Wait()
	}
}
