package mirror

import (
	"context"
	"maps"
	"slices"

	"github.com/jrun-hpc/jrun/image/store"
)

// Plan is what a round would do.
type Plan struct {
	Convert []PlannedConversion `json:"convert"`
	Remove  []PlannedRemoval    `json:"remove"`
}

// PlannedConversion is an image that would be made ready.
type PlannedConversion struct {
	Image    string   `json:"image"`
	Digest   string   `json:"digest"`
	Tags     []string `json:"tags"`
	Platform string   `json:"platform"`
	Bytes    int64    `json:"bytes"` // in the registry
}

// PlannedRemoval is an object that would be removed from the store.
type PlannedRemoval struct {
	Project string `json:"project"` // with the registry
	Digest  string `json:"digest"`
}

// Plan compares everything, and does nothing. It is not to be called while Run runs.
func (m *Mirror) Plan(ctx context.Context) (Plan, error) {
	plan := Plan{Convert: []PlannedConversion{}, Remove: []PlannedRemoval{}}
	r := &round{m: m}
	if err := r.list(ctx); err != nil {
		return plan, err
	}
	for _, project := range r.projects {
		if err := m.planProject(ctx, project, &plan); err != nil {
			return plan, err
		}
	}
	return plan, nil
}

func (m *Mirror) planProject(ctx context.Context, project string, plan *Plan) error {
	s, err := store.OpenSite(m.o.Store, m.place(project))
	if err != nil {
		return err
	}
	held, err := m.held(ctx, s, project)
	if err != nil {
		return err
	}
	repositories := map[string]bool{}
	for _, name := range m.repositoriesIn(held, project) {
		repositories[name] = true
	}
	listed, err := m.artifactsOf(ctx, project)
	if err != nil && !isMissing(err) {
		return err
	}
	for name := range listed {
		repositories[name] = true
	}
	removed := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(repositories)) {
		t := Target{project, name}
		d := Decide(t, m.base(t), listed[name], held, Wanted{Any: m.o.Choice.Wants(t), Platforms: m.o.Platforms, MaxBytes: m.o.MaxBytes}, m.o.Now())
		for _, c := range d.Missing {
			plan.Convert = append(plan.Convert, PlannedConversion{
				Image: m.base(t), Digest: c.Artifact.Digest.String(), Tags: c.Artifact.Tags, Platform: c.Platform.String(), Bytes: c.Artifact.SizeBytes,
			})
		}
		plan.remove(m.o.Registry+"/"+project, d.Steps, removed)
	}
	plan.remove(m.o.Registry+"/"+project, Orphans(held, m.o.Now().Add(-nameless)), removed)
	return nil
}

func (p *Plan) remove(project string, steps []Step, removed map[string]bool) {
	for _, step := range steps {
		d := step.Digest.String()
		if step.Kind == Retire && !removed[d] {
			removed[d] = true
			p.Remove = append(p.Remove, PlannedRemoval{Project: project, Digest: d})
		}
	}
}
