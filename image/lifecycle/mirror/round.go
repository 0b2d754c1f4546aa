package mirror

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jrun-hpc/jrun/image/store"
)

// round looks at everything, step by step: first at the rights of all projects, so
// that who was removed does not wait for conversions, then at each repository.
type round struct {
	m        *Mirror
	began    time.Time
	listed   bool
	sharing  []string // projects whose rights are to be compared
	projects []string // to be looked at
	project  string
	within   []string // repositories of project to be looked at
	attempts int      // at the step that is next
	skipped  int
}

// Rounds says when everything was last compared.
type Rounds struct {
	Complete time.Time `json:"complete"` // the end of the last one in which nothing was left out; zero for never
	Ended    time.Time `json:"ended"`    // of the last one
	Skipped  int       `json:"skipped"`  // projects and repositories that it could not look at
	Took     float64   `json:"seconds"`
	Running  bool      `json:"running"`
}

// stepTries is how often a step is tried at which Harbor says no, before the round
// goes on without it.
const stepTries = 5

func (m *Mirror) beginRound() *round {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rounds.Running = true
	return &round{m: m, began: m.o.Now()}
}

func (m *Mirror) endRound(r *round) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rounds.Ended, m.rounds.Skipped, m.rounds.Running = m.o.Now(), r.skipped, false
	m.rounds.Took = m.rounds.Ended.Sub(r.began).Seconds()
	if r.skipped == 0 {
		m.rounds.Complete = m.rounds.Ended
	}
	if _, waiting := m.backlog.now(); len(waiting) == 0 {
		m.troubles.set(atRoom, nil, m.rounds.Ended) // what there was no room for is gone
	}
	m.o.Log.Debug("everything was compared", "seconds", m.rounds.Took, "skipped", r.skipped)
}

// step does the next step. After an error it is tried again; done is true at the end.
func (r *round) step(ctx context.Context) (done bool, err error) {
	err = r.try(ctx)
	if err == nil {
		r.attempts = 0
		return r.listed && len(r.sharing)+len(r.projects)+len(r.within) == 0, nil
	}
	r.attempts++
	if isAway(err) || isFull(err) || !r.listed || r.attempts < stepTries {
		return false, err
	}
	r.m.o.Log.Warn("leaving something out of this round", "project", r.project, "error", oneLine(err))
	r.skipped++
	r.attempts = 0
	r.advance()
	return false, nil
}

func (r *round) try(ctx context.Context) error {
	switch {
	case !r.listed:
		if err := r.list(ctx); err != nil {
			return err
		}
	case len(r.sharing) > 0:
		r.project = r.sharing[0]
		if err := r.shareOne(ctx); err != nil {
			return err
		}
		r.advance()
	case len(r.within) > 0:
		if err := r.m.lookRepository(ctx, Target{r.project, r.within[0]}, routine); err != nil {
			return err
		}
		r.advance()
	case len(r.projects) > 0:
		r.project = r.projects[0]
		within, err := r.m.lookProject(ctx, r.project)
		if err != nil {
			return err
		}
		r.advance()
		r.within = within
	}
	return nil
}

// advance leaves the step that is next behind.
func (r *round) advance() {
	switch {
	case len(r.sharing) > 0:
		r.sharing = r.sharing[1:]
	case len(r.within) > 0:
		r.within = r.within[1:]
	case len(r.projects) > 0:
		r.projects = r.projects[1:]
	}
}

// list finds all projects that there are, in the registry or in the store.
func (r *round) list(ctx context.Context) error {
	names := map[string]bool{}
	places, err := store.SiteProjects(r.m.o.Store)
	if err != nil {
		return err
	}
	for _, p := range places {
		if p.Registry == r.m.o.Registry && (Target{Project: p.Project}).sound() {
			names[p.Project] = true
		}
	}
	r.sharing = slices.Sorted(maps.Keys(names))
	for p, err := range r.m.o.Harbor.Projects(ctx, "") {
		if err != nil {
			return fmt.Errorf("listing projects: %w", err)
		}
		if (Target{Project: p.Name}).sound() {
			names[p.Name] = true
		}
	}
	r.projects, r.listed = slices.Sorted(maps.Keys(names)), true
	return nil
}

// shareOne compares the rights of one project.
func (r *round) shareOne(ctx context.Context) error {
	project, err := r.m.o.Harbor.Project(ctx, r.project)
	if isMissing(err) {
		return nil // it is looked at later
	}
	if err != nil {
		return fmt.Errorf("looking at the project %s: %w", r.project, err)
	}
	s, err := store.OpenSite(r.m.o.Store, r.m.place(r.project))
	if err != nil {
		return err
	}
	return r.m.share(ctx, s, project)
}
