package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"
)

// keepLooking looks at what is marked until ctx ends, and makes a round when
// everything is. Marks and the steps of a round take turns.
func (m *Mirror) keepLooking(ctx context.Context) {
	var r *round
	failed := 0
	roundsTurn := false // a mark that fails must not keep the round from going on
	for ctx.Err() == nil {
		m.looking.Store(true)
		m.turns.Add(1)
		worked, skipped := false, roundsTurn
		var err error
		if next, ok := m.marks.nextUnless(skipped); ok {
			worked = true
			err = m.lookOrAgain(ctx, next)
		}
		roundsTurn = err != nil
		if r == nil && m.marks.all() {
			r = m.beginRound()
		}
		if r != nil && err == nil {
			worked = true
			var done bool
			if done, err = r.step(ctx); done {
				m.endRound(r)
				r = nil
			}
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failed++
			m.tellTrouble(err)
			m.pause(ctx, failed)
		case worked:
			failed = 0
			m.clearTrouble()
		case skipped: // there is the mark that has failed
		default:
			m.looking.Store(false)
			select {
			case <-m.marks.wake:
			case <-ctx.Done():
			}
		}
	}
}

// tellTrouble notes why a look has failed.
func (m *Mirror) tellTrouble(err error) {
	where := atRegistry
	var path *os.PathError
	if isFull(err) || errors.As(err, &path) {
		where = atStore
	}
	if m.troubles.set(where, err, m.o.Now()) {
		m.o.Log.Warn("waiting: it cannot be compared with the registry", "where", where, "error", oneLine(err))
	}
}

func (m *Mirror) clearTrouble() {
	for _, where := range []string{atRegistry, atStore} {
		if m.troubles.set(where, nil, m.o.Now()) {
			m.o.Log.Info("going on", "where", where)
		}
	}
}

// lookOrAgain looks at a target and, when that fails, marks it again: until Harbor
// answers, or a few times when what it answers is no. The next round comes by anyway.
func (m *Mirror) lookOrAgain(ctx context.Context, next mark) error {
	err := m.look(ctx, next)
	if err == nil {
		return nil
	}
	if next.attempts++; isAway(err) || isFull(err) || next.attempts < stepTries {
		m.marks.again(next)
	} else {
		m.o.Log.Warn("left to the next round", "target", next.target.String(), "error", oneLine(err))
	}
	return err
}

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
		if a.Digest.Validate() != nil {
			continue
		}
		known := Artifact{
			Digest: a.Digest, Image: a.Type == "IMAGE", Pushed: a.Pushed, SizeBytes: a.SizeBytes,
			Index: a.MediaType == imgspec.MediaTypeImageIndex || a.MediaType == manifest.DockerV2ListMediaType,
		}
		for _, tag := range a.Tags {
			known.Tags = append(known.Tags, tag.Name)
			if tag.Pushed.After(known.Pushed) {
				known.Pushed = tag.Pushed
			}
		}
		all = append(all, known)
	}
	return all, nil
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
	return m.share(ctx, s, project)
}

// lookProject compares a project's rights, removes what nothing leads to, and returns
// its repositories: those that the registry or the store has.
func (m *Mirror) lookProject(ctx context.Context, name string) ([]string, error) {
	s, err := store.OpenSite(m.o.Store, m.place(name))
	if err != nil {
		return nil, err
	}
	m.cache.drop(s.Realm())
	project, err := m.o.Harbor.Project(ctx, name)
	if isMissing(err) {
		return nil, m.lookMissing(ctx, s, name)
	}
	if err != nil {
		return nil, fmt.Errorf("looking at the project %s: %w", name, err)
	}
	names := map[string]bool{}
	if isMade(s) {
		if err := m.share(ctx, s, project); err != nil {
			return nil, err
		}
		held, err := m.held(ctx, s, name)
		if err != nil {
			return nil, err
		}
		for _, r := range m.repositoriesIn(held, name) {
			names[r] = true
		}
		if !m.backlog.converts(name) {
			if err := m.do(s, name, Orphans(held, m.o.Now().Add(-nameless))); err != nil {
				return nil, err
			}
		}
	}
	for r, err := range m.o.Harbor.Repositories(ctx, name) {
		if err != nil {
			return nil, fmt.Errorf("listing the repositories of %s: %w", name, err)
		}
		if t, ok := ParseTarget(r.Name); ok && t.Project == name && t.Repository != "" {
			names[t.Repository] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// nameless is how long an object may have no name: somebody has just converted it.
const nameless = time.Hour

// lookMissing is for a project that Harbor does not have any more: nobody may read it,
// and what is not cited goes.
func (m *Mirror) lookMissing(ctx context.Context, s *store.Store, name string) error {
	m.backlog.drop(name)
	if _, err := m.failures.forget(func(f Failure) bool { return f.Target.Project == name }); err != nil {
		return err
	}
	if !isMade(s) {
		return nil // of a webhook that lies, or of a project that had nothing
	}
	m.setReadersOrTell(s, name, store.Members{})
	held, err := m.held(ctx, s, name)
	if err != nil {
		return err
	}
	for _, r := range m.repositoriesIn(held, name) {
		t := Target{name, r}
		if err := m.do(s, name, Decide(t, m.base(t), nil, held, Wanted{}, m.o.Now()).Steps); err != nil {
			return err
		}
		if held, err = m.held(ctx, s, name); err != nil {
			return err
		}
	}
	return m.do(s, name, Orphans(held, m.o.Now()))
}

// repositoriesIn are those that names in the store are of.
func (m *Mirror) repositoriesIn(held Held, project string) []string {
	names := map[string]bool{}
	for _, ref := range held.Names {
		rest, ok := strings.CutPrefix(ref.Name, m.o.Registry+"/"+project+"/")
		if !ok {
			continue
		}
		if i := strings.IndexAny(rest, ":@"); i > 0 {
			if t := (Target{project, rest[:i]}); t.sound() {
				names[t.Repository] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// isMade reports whether the store has something of a project.
func isMade(s *store.Store) bool {
	_, err := os.Stat(filepath.Join(s.Realm(), "objects"))
	return err == nil
}
