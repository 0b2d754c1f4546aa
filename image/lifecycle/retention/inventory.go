package retention

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/usage"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// Registry is what is asked of Harbor: harbor.Client.
type Registry interface {
	Clock(ctx context.Context) (time.Time, error)
	ProjectArtifacts(ctx context.Context, project string) iter.Seq2[harbor.Artifact, error]
	Artifact(ctx context.Context, project, repository, reference string) (harbor.Artifact, error)
	AddTag(ctx context.Context, project, repository, reference, tag string) error
	DeleteTag(ctx context.Context, project, repository, reference, tag string) error
	DeleteArtifact(ctx context.Context, project, repository, reference string) error
}

var _ Registry = (*harbor.Client)(nil)

// known is what else than Harbor decides: uses, pins, running jobs.
type known struct {
	uses    map[string]map[digest.Digest]usage.Use
	pins    []usage.Pin
	running map[digest.Digest]bool // objects that jobs have leases on
	ignored bool                   // Harbor's pull times
}

func (k Keeper) known(project string, objects []Object) (known, error) {
	var now known
	var err error
	if now.uses, err = k.Book.Uses(project); err != nil {
		return now, fmt.Errorf("reading what was used: %w", err)
	}
	if now.pins, err = k.Book.PinsOf(project); err != nil {
		return now, fmt.Errorf("reading what is cited: %w", err)
	}
	now.running, now.ignored = map[digest.Digest]bool{}, k.IgnorePulls
	for _, o := range objects {
		if o.Users > 0 {
			now.running[o.Digest], now.running[o.Index] = true, true
		}
	}
	return now, nil
}

// items are those of an artifact: its tags, or itself when it has none.
func (k known) items(repository string, a harbor.Artifact) []Item {
	item := Item{Repository: repository, Digest: a.Digest, SizeBytes: a.SizeBytes, Pushed: a.Pushed}
	for _, c := range a.Children {
		item.Children = append(item.Children, c.Digest)
	}
	if !k.ignored && a.Pulled.Year() > 1 {
		item.Used = a.Pulled
	}
	// Who runs a part of an index, or cites it, needs the index.
	for _, d := range append([]digest.Digest{a.Digest}, item.Children...) {
		if last := k.uses[repository][d].Last; last.After(item.Used) {
			item.Used = last
		}
		item.Running = item.Running || k.running[d]
		for _, p := range k.pins {
			if p.Repository == repository && p.Is(d) {
				item.Pin = p.Reason
			}
		}
	}
	if len(a.Tags) == 0 {
		return []Item{item}
	}
	var all []Item
	for _, t := range a.Tags {
		tagged := item
		tagged.Tag, tagged.Immutable = t.Name, t.Immutable
		if t.Pushed.Year() > 1 {
			tagged.Pushed = t.Pushed
		}
		all = append(all, tagged)
	}
	return all
}

// inventory are the items of a project, by repository.
func (k Keeper) inventory(ctx context.Context, project string, now known) (map[string][]Item, error) {
	all := map[string][]Item{}
	for a, err := range k.Registry.ProjectArtifacts(ctx, project) {
		if err != nil {
			return nil, fmt.Errorf("listing the artifacts of %s: %w", project, err)
		}
		_, repository, _ := strings.Cut(a.Repository, "/")
		all[repository] = append(all[repository], now.items(repository, a)...)
	}
	return all, nil
}

// place is where the objects of a project are in the store.
func (k Keeper) place(project string) store.Place {
	return store.Place{Registry: k.Book.Registry, Project: project}
}
