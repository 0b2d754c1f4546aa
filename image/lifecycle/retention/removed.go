package retention

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

const kind = "retention" // of documents, by project

// removed is what was removed from a project and can be had back.
type removed struct {
	Held    map[string]held  `json:"held"`    // tags, by key
	Waiting map[string]since `json:"waiting"` // artifacts that nothing keeps, by key
	Objects []heldObject     `json:"objects"` // of the store
}

// held is a tag that was taken away.
type held struct {
	Item
	Time time.Time `json:"time"` // when
	Why  string    `json:"why"`
}

type since struct {
	Since time.Time `json:"since"`
}

type heldObject struct {
	Digest digest.Digest `json:"digest"`
	Time   time.Time     `json:"time"`
}

// key names an item; no tag has an @.
func key(i Item) string { return i.Repository + ":" + i.Tag + "@" + i.Digest.String() }

// load reads what was removed. A document that cannot be read costs what it knew: periods
// begin again, and what was taken away stays so.
func (k Keeper) load(project string) (removed, error) {
	var doc removed
	err := k.Dir.Load(kind, project, &doc)
	if errors.Is(err, state.ErrNotFound) || errors.Is(err, state.ErrDamaged) {
		doc, err = removed{}, nil
	}
	if doc.Held == nil {
		doc.Held = map[string]held{}
	}
	if doc.Waiting == nil {
		doc.Waiting = map[string]since{}
	}
	return doc, err
}

func (a *application) save() error { return a.Dir.Save(kind, a.project, a.doc) }

// hold writes down a tag that is about to be taken away.
func (a *application) hold(item Item, why string) error {
	a.doc.Held[key(item)] = held{item, a.now, why}
	return a.save()
}

// forget forgets the tags of an artifact that is gone.
func (r *removed) forget(gone Item) {
	for name, h := range r.Held {
		if h.Repository == gone.Repository && h.Digest == gone.Digest {
			delete(r.Held, name)
		}
	}
}

// expire forgets what can hardly be had back any more: another tag may have kept the
// artifact, so tags are remembered twice as long. It reports whether there was any.
func (r *removed) expire(now time.Time, after time.Duration) bool {
	before := len(r.Held) + len(r.Objects)
	for name, h := range r.Held {
		if now.Sub(h.Time) > 2*after {
			delete(r.Held, name)
		}
	}
	r.Objects = slices.DeleteFunc(r.Objects, func(o heldObject) bool { return now.Sub(o.Time) > after })
	return len(r.Held)+len(r.Objects) < before
}

// Removed is a tag that Undo can put back.
type Removed struct {
	Project string    `json:"project"`
	Item    Item      `json:"item"`
	Time    time.Time `json:"time"`
	Why     string    `json:"why"`
}

// Removed lists the tags of a project that were taken away, the latest first.
func (k Keeper) Removed(project string) ([]Removed, error) {
	doc, err := k.load(project)
	var all []Removed
	for _, h := range doc.Held {
		all = append(all, Removed{project, h.Item, h.Time, h.Why})
	}
	slices.SortFunc(all, func(a, b Removed) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(key(a.Item), key(b.Item)))
	})
	return all, err
}

// Undone is what Undo has done.
type Undone struct {
	Restored []Item          `json:"restored"`
	Objects  []digest.Digest `json:"objects"`
	Failed   []string        `json:"failed"` // what could not be put back, and why
}

// Undo puts tags back that were taken away, those that wanted says, with their objects in
// the store. What is put back counts as pushed now, so that it is not removed again at
// once.
func (k Keeper) Undo(ctx context.Context, project string, now time.Time, wanted func(Item) bool, dryRun bool) (Undone, error) {
	u := Undone{Restored: []Item{}, Objects: []digest.Digest{}, Failed: []string{}}
	unlock, err := k.Dir.Lock(kind)
	if err != nil {
		return u, err
	}
	defer unlock()
	a := application{Keeper: k, ctx: ctx, project: project, now: now}
	if a.doc, err = k.load(project); err != nil {
		return u, err
	}
	if a.objects, err = k.objects(project); err != nil {
		return u, err
	}
	all, err := k.Removed(project)
	if err != nil {
		return u, err
	}
	for _, r := range all {
		if !wanted(r.Item) {
			continue
		}
		if dryRun {
			u.Restored = append(u.Restored, r.Item)
			continue
		}
		why, err := a.putBack(r.Item)
		if err != nil {
			return u, err
		}
		if why != "" {
			u.Failed = append(u.Failed, r.Item.Name()+": "+why)
			continue
		}
		u.Restored = append(u.Restored, r.Item)
		u.Objects = append(u.Objects, a.restoreObjects(r.Item)...)
		delete(a.doc.Held, key(r.Item))
		untagged := r.Item
		untagged.Tag = ""
		delete(a.doc.Waiting, key(untagged))
		if err := a.save(); err != nil {
			return u, err
		}
	}
	return u, nil
}

// putBack gives an artifact its tag back, or says why it cannot.
func (a *application) putBack(item Item) (why string, err error) {
	err = a.Acts.Do(a.act("tag.restore", a.project+"/"+item.Name(), "asked for", item.Digest), func() error {
		return a.Registry.AddTag(a.ctx, a.project, item.Repository, item.Digest.String(), item.Tag)
	})
	switch harbor.Status(err) {
	case http.StatusNotFound:
		return "the artifact is deleted; push it again", nil
	case http.StatusConflict:
		artifact, lookErr := a.Registry.Artifact(a.ctx, a.project, item.Repository, item.Tag)
		if lookErr == nil && artifact.Digest == item.Digest {
			return "", nil // it has it
		}
		return "the tag stands for another image now", nil
	}
	if err != nil {
		return "", fmt.Errorf("putting the tag %s back: %w", item.Name(), err)
	}
	return "", nil
}

// restoreObjects gives back the objects of an image that are still among the deleted ones.
func (a *application) restoreObjects(item Item) []digest.Digest {
	var back []digest.Digest
	if a.objects == nil {
		return nil
	}
	for _, o := range a.doc.Objects {
		if o.Digest != item.Digest && !slices.Contains(item.Children, o.Digest) {
			continue
		}
		if err := a.objects.Restore(o.Digest); err == nil || errors.Is(err, store.ErrNotFound) {
			if err == nil {
				back = append(back, o.Digest)
			}
			a.doc.Objects = slices.DeleteFunc(slices.Clone(a.doc.Objects), func(other heldObject) bool { return other == o })
		}
	}
	return back
}
