package retention

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/usage"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// Object is a converted image in the site's part of the store.
type Object struct {
	Digest    digest.Digest
	Index     digest.Digest // that it was chosen from; empty for none
	SizeBytes int64
	Used      time.Time // when it was made, or last used
	Users     int       // running jobs
}

// Objects are those of one project.
type Objects interface {
	List() ([]Object, error)
	// Discard puts an object among the deleted ones, unless a job uses it.
	Discard(digest.Digest) (kept bool, err error)
	// Restore undoes Discard; the error wraps store.ErrNotFound when it cannot.
	Restore(digest.Digest) error
	// Purge removes for good what was discarded longer ago than after, and returns how
	// many objects that were.
	Purge(ctx context.Context, after time.Duration) (int, error)
	// Pin keeps these objects, and of those that were pinned so no others.
	Pin([]usage.Pin) error
}

// SiteObjects are objects in a real store, opened with store.OpenSite.
type SiteObjects struct{ Store *store.Store }

var _ Objects = SiteObjects{}

// List describes all objects. One that is damaged is in no index.
func (o SiteObjects) List() ([]Object, error) {
	candidates, err := o.Store.Candidates()
	var all []Object
	for _, c := range candidates {
		object, _ := o.Store.Get(c.Digest) // what is damaged has no metadata
		all = append(all, Object{Digest: c.Digest, Index: object.Meta.Index, SizeBytes: c.SizeBytes, Used: c.LastUsed, Users: c.Users})
	}
	return all, err
}

// Discard is store.Discard.
func (o SiteObjects) Discard(d digest.Digest) (kept bool, err error) { return o.Store.Discard(d) }

// Restore is store.Undelete.
func (o SiteObjects) Restore(d digest.Digest) error { return o.Store.Undelete(d) }

// Purge collects with no other limit than the undelete period.
func (o SiteObjects) Purge(ctx context.Context, after time.Duration) (int, error) {
	r, err := store.Collect(ctx, []*store.Store{o.Store}, store.Policy{UndeleteFor: after})
	return len(r.Purged), err
}

// ourPin begins the reason of a pin in the store that stands for one of a Book: others
// were set by somebody with jrun.
const ourPin = "jadm: "

// Pin makes the pins in the store those of a Book, so that jrun gc --site keeps them.
// What has no object is nothing to pin.
func (o SiteObjects) Pin(wanted []usage.Pin) error {
	there, err := o.Store.Pins()
	if err != nil {
		return err
	}
	objects, err := o.List()
	if err != nil {
		return err
	}
	want := map[digest.Digest]usage.Pin{}
	for _, p := range wanted {
		for _, object := range objects {
			if p.Is(object.Digest) || object.Index != "" && p.Is(object.Index) {
				want[object.Digest] = p
			}
		}
	}
	var failed error
	for d, p := range there {
		if _, ok := want[d]; !ok && strings.HasPrefix(p.Reason, ourPin) {
			failed = errors.Join(failed, ignore(o.Store.RemovePin(d), store.ErrNotFound))
		}
	}
	for d, p := range want {
		if _, ok := there[d]; !ok {
			failed = errors.Join(failed, ignore(o.Store.SetPin(store.Pin{Digest: d, Reason: ourPin + p.Reason, Time: p.Time}), store.ErrNotFound))
		}
	}
	return failed
}

func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}
