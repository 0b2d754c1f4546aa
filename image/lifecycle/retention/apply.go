package retention

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
)

// application is one Apply.
type application struct {
	Keeper
	ctx     context.Context
	project string
	rules   Rules
	now     time.Time
	doc     removed
	objects Objects
	result  *Result
	spared  map[digest.Digest]bool // images that stay after all, with their parts
}

func (a *application) act(action, subject, reason string, d digest.Digest) audit.Act {
	return audit.Act{Action: action, Subject: subject, Reason: reason, Details: map[string]string{"digest": d.String()}}
}

func (a *application) spare(what, why string) {
	a.result.Spared = append(a.result.Spared, what+": "+why)
}

// spareItem spares an image, and so its object.
func (a *application) spareItem(item Item, why string) {
	a.spare(item.Name(), why)
	for _, d := range append([]digest.Digest{item.Digest}, item.Children...) {
		a.spared[d] = true
	}
}

// pin lets the store know what is cited.
func (a *application) pin(Plan) error {
	if a.objects == nil {
		return nil
	}
	pins, err := a.Book.PinsOf(a.project)
	if err != nil {
		return err
	}
	// What is cited comes back if it was on its way out.
	for _, p := range pins {
		if err := a.objects.Restore(p.Digest); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return a.objects.Pin(pins)
}

// untag takes tags away that nothing keeps.
func (a *application) untag(p Plan) error {
	for _, v := range p.Verdicts {
		if v.Keep || v.Tag == "" {
			continue
		}
		if a.ctx.Err() != nil {
			return context.Cause(a.ctx)
		}
		why, err := a.stillGoes(v.Item, v.Tag)
		if err != nil {
			return err
		}
		if why != "" {
			a.spareItem(v.Item, why)
			continue
		}
		// First what is needed to undo it.
		if err := a.hold(v.Item, v.Why[0]); err != nil {
			return err
		}
		err = a.Acts.Do(a.act("tag.remove", a.project+"/"+v.Name(), v.Why[0], v.Digest), func() error {
			return a.Registry.DeleteTag(a.ctx, a.project, v.Repository, v.Digest.String(), v.Tag)
		})
		switch status := harbor.Status(err); {
		case err == nil, status == http.StatusNotFound: // gone, or another's by now
		case status == http.StatusPreconditionFailed:
			a.spareItem(v.Item, "Harbor forbids it: "+err.Error())
			continue
		default:
			return fmt.Errorf("taking the tag %s from %s: %w", v.Tag, v.Repository, err)
		}
		a.result.Untagged = append(a.result.Untagged, v.Item)
	}
	return nil
}

// stillGoes looks again, and says what keeps an item now that was to go.
func (a *application) stillGoes(item Item, reference string) (why string, err error) {
	artifact, err := a.Registry.Artifact(a.ctx, a.project, item.Repository, reference)
	switch {
	case harbor.Status(err) == http.StatusNotFound:
		return "it is gone already", nil
	case err != nil:
		return "", fmt.Errorf("looking at %s again: %w", item.Name(), err)
	case artifact.Digest != item.Digest:
		return "it has been pushed again meanwhile", nil
	}
	if err := a.listen(); err != nil {
		return "", err
	}
	var list []Object
	if a.objects != nil {
		if list, err = a.objects.List(); err != nil {
			return "", err
		}
	}
	known, err := a.known(a.project, list)
	if err != nil {
		return "", err
	}
	for _, v := range Decide(known.items(item.Repository, artifact), onlyAges(a.rules), a.Safety, a.now) {
		if v.Tag == item.Tag && v.Keep {
			return v.Why[0], nil
		}
	}
	if item.Tag == "" && len(artifact.Tags) > 0 {
		return "it has a tag again", nil
	}
	return "", nil
}

// listen takes what jobs have said meanwhile. (A job that is only now fetching an image
// has said nothing yet; Harbor's pull time tells of it.)
func (a *application) listen() error {
	if a.Reports == nil {
		return nil
	}
	if _, err := a.Book.Collect(a.ctx, a.Reports, a.now); err != nil {
		return fmt.Errorf("reading what jobs have used lately: %w", err)
	}
	return nil
}

// onlyAges are the rules that can be told from one artifact alone. The others have been
// decided by the plan; and the last tag of what is cited is recognised again, as Decide
// keeps it whatever the rules are.
func onlyAges(r Rules) Rules {
	return Rules{Within: max(r.Within, 1), UsedWithin: r.UsedWithin, Pinned: r.Pinned, Tags: r.Tags}
}

// wait begins the undelete period of artifacts that nothing keeps, and ends that of
// others.
func (a *application) wait(p Plan) error {
	waits := map[string]since{}
	for _, v := range p.Verdicts {
		if v.Keep || v.Tag != "" {
			continue
		}
		first := since{a.now}
		if known, ok := a.doc.Waiting[key(v.Item)]; ok && known.Since.Before(a.now) {
			first = known
		}
		waits[key(v.Item)] = first
	}
	for _, item := range a.result.Untagged {
		item.Tag = ""
		if _, ok := waits[key(item)]; !ok {
			waits[key(item)] = since{a.now}
		}
	}
	if maps.Equal(waits, a.doc.Waiting) {
		return nil // of thousands of projects nearly all
	}
	a.doc.Waiting = waits
	return a.save()
}

// delete removes artifacts for good that nothing has kept for the undelete period.
func (a *application) delete(p Plan) error {
	for _, item := range p.Delete {
		if a.ctx.Err() != nil {
			return context.Cause(a.ctx)
		}
		why, err := a.stillGoes(item, item.Digest.String())
		if err != nil {
			return err
		}
		if why != "" {
			a.spareItem(item, why)
			continue
		}
		reason := fmt.Sprintf("nothing has kept it for %d days", int(a.UndeleteFor.Hours()/24))
		err = a.Acts.Do(a.act("artifact.delete", a.project+"/"+item.Name(), reason, item.Digest), func() error {
			return a.Registry.DeleteArtifact(a.ctx, a.project, item.Repository, item.Digest.String())
		})
		if status := harbor.Status(err); status == http.StatusPreconditionFailed {
			a.spareItem(item, "Harbor forbids it: "+err.Error())
			continue
		} else if err != nil && status != http.StatusNotFound {
			return fmt.Errorf("deleting %s: %w", item.Name(), err)
		}
		a.result.Deleted = append(a.result.Deleted, item)
		delete(a.doc.Waiting, key(item))
		a.doc.forget(item)
		if err := a.save(); err != nil {
			return err
		}
	}
	return nil
}

// discard lets objects go, by what Harbor has now.
func (a *application) discard(p Plan) error {
	for _, v := range p.Objects {
		if v.Keep || a.objects == nil || a.spared[v.Digest] {
			continue
		}
		if why, err := a.objectStays(v.Digest); err != nil || why != "" {
			if err != nil {
				return err
			}
			a.spare(v.Digest.String(), why)
			continue
		}
		if !slices.ContainsFunc(a.doc.Objects, func(o heldObject) bool { return o.Digest == v.Digest }) {
			a.doc.Objects = append(a.doc.Objects, heldObject{v.Digest, a.now})
			if err := a.save(); err != nil {
				return err
			}
		}
		kept := false
		err := a.Acts.Do(a.act("object.discard", a.project, v.Why, v.Digest), func() (err error) {
			kept, err = a.objects.Discard(v.Digest)
			return ignore(err, store.ErrNotFound)
		})
		if err != nil {
			return fmt.Errorf("discarding the object %s: %w", v.Digest, err)
		}
		if kept {
			a.spare(v.Digest.String(), "a job has begun to use it")
			continue
		}
		a.result.Discarded = append(a.result.Discarded, v.Digest)
	}
	return nil
}

// objectStays looks at the uses and pins again.
func (a *application) objectStays(d digest.Digest) (why string, err error) {
	if err := a.listen(); err != nil {
		return "", err
	}
	pins, err := a.Book.PinsOf(a.project)
	if err != nil {
		return "", err
	}
	for _, p := range pins {
		if p.Is(d) {
			return "cited: " + p.Reason, nil
		}
	}
	last, err := a.Book.LastUsed(a.place(a.project), d)
	if err == nil && a.now.Sub(last) < max(a.Grace, a.rules.UsedWithin) {
		return "used meanwhile", nil
	}
	return "", err
}

// purge removes for good what has waited long enough in the store.
func (a *application) purge(Plan) error {
	if a.doc.expire(a.now, a.UndeleteFor) {
		if err := a.save(); err != nil {
			return err
		}
	}
	if a.objects == nil {
		return nil
	}
	n, err := a.objects.Purge(a.ctx, a.UndeleteFor)
	a.result.Purged = n
	return err
}
