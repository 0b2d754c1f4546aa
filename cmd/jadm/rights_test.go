package main

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
)

// TestRightsOfMadeUpProjects: of projects that are not there anybody can name as many as they
// like. Harbor is not asked for each, and what is remembered stays small.
func TestRightsOfMadeUpProjects(t *testing.T) {
	fake := fakeharbor.New(fakeharbor.Options{LoginDelay: time.Millisecond})
	defer fake.Close()
	fake.AddProject(fakeharbor.Project{Name: "lab", Public: true})
	r := &rights{client: harbor.New(harbor.Options{Base: must(url.Parse(fake.URL)), User: fakeharbor.AdminUser, Password: fakeharbor.AdminPassword})}
	for n := range 5000 {
		if may, err := r.May(t.Context(), 1000, fmt.Sprintf("made-up-%d", n)); err != nil || may {
			t.Fatalf("a project that is not there: %v, %v", may, err)
		}
	}
	if may, err := r.May(t.Context(), 1000, "lab"); err != nil || !may {
		t.Errorf("one that is there: %v, %v", may, err)
	}
	if n := len(fake.TakeRequests()); n > 2*mostMissing {
		t.Errorf("Harbor was asked %d times", n)
	}
	if len(r.known) > 2*mostMissing {
		t.Errorf("%d are remembered", len(r.known))
	}
	// One that was made meanwhile is found, if not at once.
	fake.AddProject(fakeharbor.Project{Name: "new", Public: true})
	r.listed = r.listed.Add(-listAgain)
	if may, err := r.May(t.Context(), 1000, "new"); err != nil || !may {
		t.Errorf("a new one: %v, %v", may, err)
	}
}
