package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"
)

func (m *Mirror) look(ctx context.Context, next mark) error {
	t := next.target
	if t.Repository != "" {
		return m.lookRepository(ctx, t, next.why)
	}
	repositories, err := m.lookProject(ctx, t.Project)
	for _, r := range repositories {
		m.marks.add(Target{t.Project, r}, next.why, m.o.Now())
	}
	return err
}

// lookRepository makes the store's part of a repository the same as the registry's,
// and notes what is to be converted.
func (m *Mirror) lookRepository(ctx context.Context, t Target, w why) error {
	artifacts, err := m.artifacts(ctx, t)
	if isMissing(err) || harbor.Status(err) == http.StatusForbidden {
		_, err := m.lookProject(ctx, t.Project) // it may be the project that is missing
		return err
	}
	if err != nil {
		return err
	}
	s, err := store.OpenSite(m.o.Store, m.place(t.Project))
	if err != nil {
		return err
	}
	return m.compare(ctx, s, t, artifacts, w)
}

// compare does the difference between what the registry and the store have of a
// repository, and notes what is to be converted.
func (m *Mirror) compare(ctx context.Context, s *store.Store, t Target, artifacts []Artifact, w why) error {
	held, err := m.held(ctx, s, t.Project)
	if err != nil {
		return err
	}
	if err := m.reviseFailures(t, artifacts, w); err != nil {
		return err
	}
	wanted := Wanted{Any: m.o.Choice.Wants(t), Platforms: m.o.Platforms, MaxBytes: m.o.MaxBytes}
	decision := Decide(t, m.base(t), artifacts, held, wanted, m.o.Now().UTC())
	if err := m.do(s, t.Project, decision.Steps); err != nil {
		return err
	}
	missing := m.ripe(decision.Missing)
	if missing != nil {
		if err := m.shareFirst(ctx, s, t.Project); err != nil {
			return err
		}
	}
	m.backlog.put(t, missing, w != routine, m.o.Now())
	return nil
}

// artifacts are all that the registry has in a repository.
func (m *Mirror) artifacts(ctx context.Context, t Target) ([]Artifact, error) {
	var all []Artifact
	for a, err := range m.o.Harbor.Artifacts(ctx, t.Project, t.Repository) {
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", t, err)
		}
		if a.Digest.Validate() == nil {
			all = append(all, known(a))
		}
	}
	return all, nil
}

// artifactsOf are all that the registry has in a project, by repository.
func (m *Mirror) artifactsOf(ctx context.Context, project string) (map[string][]Artifact, error) {
	all := map[string][]Artifact{}
	for a, err := range m.o.Harbor.ProjectArtifacts(ctx, project) {
		if err != nil {
			return nil, fmt.Errorf("listing the artifacts of %s: %w", project, err)
		}
		if t, ok := ParseTarget(a.Repository); ok && t.Project == project && t.Repository != "" && a.Digest.Validate() == nil {
			all[t.Repository] = append(all[t.Repository], known(a))
		}
	}
	return all, nil
}

// known is what matters of an artifact.
func known(a harbor.Artifact) Artifact {
	k := Artifact{
		Digest: a.Digest, Image: a.Type == "IMAGE", Pushed: a.Pushed, SizeBytes: a.SizeBytes,
		Index: a.MediaType == imgspec.MediaTypeImageIndex || a.MediaType == manifest.DockerV2ListMediaType,
	}
	for _, tag := range a.Tags {
		k.Tags = append(k.Tags, tag.Name)
		if tag.Pushed.After(k.Pushed) {
			k.Pushed = tag.Pushed
		}
	}
	return k
}

// held is what the store has of a project, with what is cited elsewhere.
func (m *Mirror) held(ctx context.Context, s *store.Store, project string) (Held, error) {
	held, err := m.cache.read(s)
	if err != nil || m.o.Cited == nil {
		return held, err
	}
	cited, err := m.o.Cited(ctx, m.place(project))
	if err != nil {
		return held, fmt.Errorf("finding what is cited of %s: %w", project, err)
	}
	pins := maps.Clone(held.Pins)
	maps.Copy(pins, cited)
	held.Pins = pins
	return held, nil
}

// reviseFailures forgets those of a repository whose image is gone and, when Harbor
// has told of something, those that a rule forbids: a scan may have ended.
func (m *Mirror) reviseFailures(t Target, artifacts []Artifact, w why) error {
	_, err := m.failures.forget(func(f Failure) bool {
		there := func(a Artifact) bool { return a.Digest == f.Digest }
		return f.Target == t && (!slices.ContainsFunc(artifacts, there) || w == told && f.Reason == Forbidden)
	})
	return err
}

// ripe is the first of what is missing that need not wait.
func (m *Mirror) ripe(missing []Conversion) *Conversion {
	for _, c := range missing {
		if !m.failures.waits(c, m.o.Now()) {
			return &c
		}
	}
	return nil
}

// do makes steps in the store.
func (m *Mirror) do(s *store.Store, project string, steps []Step) error {
	for _, step := range steps {
		m.o.step(string(step.Kind))
		var err error
		switch step.Kind {
		case Name:
			err = s.SetRef(step.Ref)
		case Forget:
			err = s.RemoveRef(step.Ref.Name)
		case Retire:
			err = m.retire(s, project, step.Digest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Mirror) retire(s *store.Store, project string, d digest.Digest) error {
	kept := false
	act := audit.Act{Action: "image.retire", Subject: m.o.Registry + "/" + project + "@" + d.String(), Reason: "the registry does not have it any more"}
	err := m.o.Audit.Do(act, func() (err error) {
		if kept, err = s.Retire(d); errors.Is(err, store.ErrNotFound) {
			err = nil // somebody else has removed it
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case kept:
		m.o.Log.Info("kept while a job uses it", "project", project, "digest", d)
	default:
		m.o.Log.Info("removed; it can be had back for a while", "project", project, "digest", d)
	}
	return nil
}

// shareFirst compares the rights of a project before something is put into it for the
// first time, and now and then.
func (m *Mirror) shareFirst(ctx context.Context, s *store.Store, name string) error {
	if m.o.Now().Sub(m.shared[name]) < time.Minute {
		return nil
	}
	project, err := m.o.Harbor.Project(ctx, name)
	if err != nil {
		return fmt.Errorf("looking at the project %s: %w", name, err)
	}
	return m.share(ctx, s, project, m.o.Directory)
}
