package mirror

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/store"
)

// round looks at everything, step by step: first at the rights of all projects, so
// that who was removed does not wait for conversions, then at what is in each project. It
// asks for lists where there are any: with thousands of projects, most of which have
// changed nothing, it would ask all day.
type round struct {
	m        *Mirror
	began    time.Time
	listed   bool
	registry map[string]harbor.Project // what the registry listed
	sharing  []string                  // projects whose rights are to be compared
	projects []string                  // to be looked at
	project  string
	crowd    crowd
	attempts int // at the step that is next
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
	return &round{m: m, began: m.o.Now(), crowd: crowd{of: m.o.Directory, now: m.o.Now}}
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
		return r.listed && len(r.sharing)+len(r.projects) == 0, nil
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
		return r.list(ctx)
	case len(r.sharing) > 0:
		r.project = r.sharing[0]
		if err := r.shareOne(ctx); err != nil {
			return err
		}
		r.advance()
	case len(r.projects) > 0:
		r.project = r.projects[0]
		if err := r.look(ctx); err != nil {
			return err
		}
		r.advance()
	}
	return nil
}

// advance leaves the step that is next behind.
func (r *round) advance() {
	switch {
	case len(r.sharing) > 0:
		r.sharing = r.sharing[1:]
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
	r.sharing, r.registry = slices.Sorted(maps.Keys(names)), map[string]harbor.Project{}
	for p, err := range r.m.o.Harbor.Projects(ctx, "") {
		if err != nil {
			return fmt.Errorf("listing projects: %w", err)
		}
		if (Target{Project: p.Name}).sound() {
			names[p.Name], r.registry[p.Name] = true, p
		}
	}
	r.projects, r.listed = slices.Sorted(maps.Keys(names)), true
	return nil
}

// shareOne compares the rights of one project.
func (r *round) shareOne(ctx context.Context) error {
	project, ok := r.registry[r.project]
	if !ok {
		return nil // it is looked at later
	}
	s, err := store.OpenSite(r.m.o.Store, r.m.place(r.project))
	if err != nil {
		return err
	}
	return r.m.share(ctx, s, project, &r.crowd)
}

// look compares what is in one project: in one step, as what was listed of it must not be
// older than what was looked at since because Harbor told of it.
func (r *round) look(ctx context.Context) error {
	m := r.m
	s, err := store.OpenSite(m.o.Store, m.place(r.project))
	if err != nil {
		return err
	}
	m.cache.drop(s.Realm())
	project, ok := r.registry[r.project]
	if !ok { // a list that was read in pages may lack some
		if project, err = m.o.Harbor.Project(ctx, r.project); isMissing(err) {
			return m.lookMissing(ctx, s, r.project)
		} else if err != nil {
			return fmt.Errorf("looking at the project %s: %w", r.project, err)
		}
	}
	made := isMade(s)
	if !made && project.Repositories == 0 {
		return nil
	}
	if made && m.shared[r.project].Before(r.began) {
		if err := m.share(ctx, s, project, &r.crowd); err != nil {
			return err
		}
	}
	artifacts, err := m.artifactsOf(ctx, r.project)
	if isMissing(err) {
		return m.lookMissing(ctx, s, r.project)
	}
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for name := range artifacts {
		names[name] = true
	}
	if made {
		if err := m.lookInside(ctx, s, r.project, names); err != nil {
			return err
		}
	}
	var failed error
	for _, name := range slices.Sorted(maps.Keys(names)) {
		err := m.compare(ctx, s, Target{r.project, name}, artifacts[name], routine)
		if err != nil && (isAway(err) || isFull(err) || ctx.Err() != nil) {
			return err
		}
		failed = cmp.Or(failed, err) // the other repositories need not wait for this one
	}
	return failed
}
