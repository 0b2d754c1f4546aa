package leaving

import (
	"context"
	"errors"
	"fmt"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// Site is the site's part of a store, for the service account.
type Site struct {
	Root     string // of the store
	Registry string // host, as in references
}

var _ Realm = Site{}

// InUse are the images of a project that jobs run in now.
func (s Site) InUse(ctx context.Context, project string) ([]digest.Digest, error) {
	_, all, err := s.candidates(ctx, project)
	var used []digest.Digest
	for _, v := range all {
		if v.Users > 0 {
			used = append(used, v.Digest)
		}
	}
	return used, err
}

// Clear removes the objects of a project, but for pinned ones: they were cited, and run
// as long as the store lasts. The files of what a job has begun to use since InUse are
// kept for it.
func (s Site) Clear(ctx context.Context, project string) ([]digest.Digest, error) {
	realm, all, err := s.candidates(ctx, project)
	if err != nil {
		return nil, err
	}
	var kept []digest.Digest
	for _, v := range all {
		if v.Pin != nil {
			kept = append(kept, v.Digest)
			continue
		}
		if err := realm.Remove(v.Digest); err != nil && !errors.Is(err, store.ErrNotFound) {
			return kept, err
		}
	}
	return kept, nil
}

func (s Site) candidates(ctx context.Context, project string) (*store.Store, []store.Verdict, error) {
	places, err := store.SiteProjects(s.Root)
	if err != nil {
		return nil, nil, err
	}
	place := store.Place{Registry: s.Registry, Project: project}
	for _, p := range places {
		if p != place {
			continue
		}
		realm, err := store.OpenSite(s.Root, place)
		if err != nil {
			return nil, nil, err
		}
		r, err := store.Collect(ctx, []*store.Store{realm}, store.Policy{DryRun: true})
		if err != nil {
			return nil, nil, fmt.Errorf("looking at the store's objects of %s: %w", project, err)
		}
		return realm, r.Verdicts, nil
	}
	return nil, nil, nil
}
