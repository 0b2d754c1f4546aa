package mirror

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/store"
)

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
		if err := m.share(ctx, s, project, m.o.Directory); err != nil {
			return nil, err
		}
		if err := m.lookInside(ctx, s, name, names); err != nil {
			return nil, err
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

// lookInside removes what nothing leads to, and adds the repositories that the store has
// of a project to names.
func (m *Mirror) lookInside(ctx context.Context, s *store.Store, project string, names map[string]bool) error {
	held, err := m.held(ctx, s, project)
	if err != nil {
		return err
	}
	for _, r := range m.repositoriesIn(held, project) {
		names[r] = true
	}
	if m.backlog.converts(project) {
		return nil
	}
	return m.do(s, project, Orphans(held, m.o.Now().Add(-nameless)))
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
