package usage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/image/store"
)

// Collected is what Collect has found.
type Collected struct {
	Uses    int `json:"uses"`    // reports of runs that count
	Records int `json:"records"` // kept
	Pins    int `json:"pins"`    // requests to pin or unpin that count
	Foreign int `json:"foreign"` // of other registries: only their records are kept
	Refused int `json:"refused"` // not of their user, of the future, without a right to it, too many
	Waiting int `json:"waiting"` // until rights can be asked for again
}

// Reports is where jobs leave reports: store.Reports.
type Reports interface {
	Read(limit int) (told []store.Told, refused int, err error)
	Done([]store.Told) error
}

// How many reports are read at a time: so many, of the largest size, are held in memory.
// And how often at most, so that somebody who leaves a million holds nobody up for long:
// the rest is for the next time.
const (
	batch       = 400
	mostBatches = 250
)

// Collect takes what jobs have left, up to the last report or until ctx is over. What it
// has returned of is on the disk. Errors about some do not keep it from the others.
func (b Book) Collect(ctx context.Context, box Reports, now time.Time) (Collected, error) {
	unlock, err := b.lock()
	if err != nil {
		return Collected{}, err
	}
	defer unlock()
	var all Collected
	for range mostBatches {
		if ctx.Err() != nil {
			return all, context.Cause(ctx)
		}
		told, refused, err := box.Read(batch)
		all.Refused += refused
		if err != nil {
			return all, err
		}
		c := collection{Book: b, now: now, may: map[right]bool{}}
		err = c.take(ctx, told)
		all.add(c.count)
		if err == nil {
			err = box.Done(c.taken)
		}
		if err != nil || len(c.taken) == 0 || len(told) < batch {
			return all, err
		}
		all.Waiting = 0 // they are read again
	}
	return all, nil
}

// CollectStore is Collect of what is in the site's part of the store under root, and
// NoteObjects of all its projects: the round of jadm serve. Only its service account can.
func (b Book) CollectStore(ctx context.Context, root string, now time.Time) (Collected, error) {
	box, err := store.OpenReports(root)
	if err != nil {
		return Collected{}, err
	}
	collected, err := b.Collect(ctx, box, now)
	places, placesErr := store.SiteProjects(root)
	err = errors.Join(err, placesErr)
	for _, place := range places {
		site, openErr := store.OpenSite(root, place)
		if openErr == nil {
			openErr = b.NoteObjects(site, place, now)
		}
		err = errors.Join(err, openErr)
	}
	return collected, err
}

func (c *Collected) add(o Collected) {
	c.Uses, c.Records, c.Pins = c.Uses+o.Uses, c.Records+o.Records, c.Pins+o.Pins
	c.Foreign, c.Refused, c.Waiting = c.Foreign+o.Foreign, c.Refused+o.Refused, c.Waiting+o.Waiting
}

// right is a question to Rights.
type right struct {
	uid     int
	project string
}

// collection is one batch of reports.
type collection struct {
	Book
	count Collected
	now   time.Time
	may   map[right]bool // what was answered
	taken []store.Told   // whose reports may go
}

// one is a report that is believed.
type one struct {
	provenance.Report
	name  imageName
	id    string
	owner int
}

func (c *collection) take(ctx context.Context, told []store.Told) error {
	byProject, byUser := map[string][]one{}, map[int][]recordLine{}
	var requests []one
	for _, t := range told {
		r, err := provenance.ParseReport(t.Content)
		if err != nil || r.UID != t.UID || r.Time.After(c.now.Add(clockSlack)) {
			c.count.Refused++
			c.taken = append(c.taken, t)
			continue
		}
		o := one{Report: r, id: t.Name, owner: t.UID}
		name, ok := parseName(r.Reference)
		o.name = name
		counts := ok && c.knows(name.registry)
		if counts {
			if counts, err = c.allowed(ctx, t.UID, name.project); err != nil {
				c.count.Waiting++
				continue
			}
			if !counts {
				c.count.Refused++
			}
		} else {
			c.count.Foreign++
		}
		c.taken = append(c.taken, t)
		if r.Record != nil {
			byUser[t.UID] = append(byUser[t.UID], recordLine{ID: t.Name, Record: *r.Record})
		}
		switch {
		case counts && r.Kind == provenance.Used:
			byProject[name.project] = append(byProject[name.project], o)
		case counts:
			requests = append(requests, o)
		}
	}
	return errors.Join(c.keepAll(byUser), c.noteAll(byProject), c.pinAll(requests))
}

// allowed asks for a right, once.
func (c *collection) allowed(ctx context.Context, uid int, project string) (bool, error) {
	q := right{uid, project}
	if answer, known := c.may[q]; known {
		return answer, nil
	}
	answer, err := c.Rights.May(ctx, uid, project)
	if err == nil {
		c.may[q] = answer
	}
	return answer, err
}

func (c *collection) keepAll(byUser map[int][]recordLine) error {
	var failed error
	for uid, lines := range byUser {
		dropped, err := c.keepRecords(uid, lines, c.now)
		c.count.Records += len(lines) - dropped
		c.count.Refused += dropped
		failed = errors.Join(failed, err)
	}
	return failed
}

func (c *collection) noteAll(byProject map[string][]one) error {
	var failed error
	for project, reports := range byProject {
		c.count.Uses += len(reports)
		failed = errors.Join(failed, c.update(project, func(u *uses) bool {
			for _, r := range reports {
				u.report(r)
			}
			return true
		}))
	}
	return failed
}

// report notes the use of what ran and of what was named.
func (u *uses) report(r one) {
	at := r.Time
	named := r.Resolved
	if named == "" {
		named = r.Digest
	}
	u.note(r.name.repository, named, at, r.owner, func(use *Use) { use.Named = later(use.Named, at) })
	if named != r.Digest {
		u.note(r.name.repository, r.Digest, at, r.owner, func(use *Use) { use.Index = named })
	}
}

// pinAll takes up requests in the order in which they were made.
func (c *collection) pinAll(requests []one) error {
	slices.SortStableFunc(requests, func(a, b one) int { return a.Time.Compare(b.Time) })
	for _, r := range requests {
		p := Pin{
			Project: r.name.project, Repository: r.name.repository, Reference: r.Reference, Digest: r.Digest, Reason: r.Reason,
			UID: r.owner, By: r.User, Time: r.Time,
		}
		if r.Resolved != r.Digest {
			p.Resolved = r.Resolved
		}
		var err error
		if r.Kind == provenance.Pin {
			err = c.addPin(p, c.now)
		} else {
			_, err = c.removePin(p, false, c.now)
		}
		switch {
		case errors.Is(err, ErrTooManyPins):
			c.count.Refused++
		case err != nil:
			return fmt.Errorf("taking up a pin of uid %d: %w", r.owner, err)
		default:
			c.count.Pins++
		}
	}
	return nil
}

// NoteObjects takes from the leases on a project's objects in the site's part when jobs
// used them; those that jobs use now are used now.
func (b Book) NoteObjects(site *store.Store, place store.Place, now time.Time) error {
	if !b.knows(place.Registry) {
		return nil
	}
	candidates, err := site.Candidates()
	if err != nil {
		return err
	}
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return b.update(place.Project, func(u *uses) bool {
		changed := false
		for _, candidate := range candidates {
			at := candidate.Used
			if candidate.Users > 0 {
				at = now
			}
			object, err := site.Get(candidate.Digest)
			name, ok := parseName(object.Meta.Reference)
			if err != nil || !ok || at.IsZero() || at.After(now.Add(clockSlack)) || !u.Repositories[name.repository][candidate.Digest].Last.Before(at) {
				continue
			}
			named := object.Digest
			if object.Meta.Index != "" {
				named = object.Meta.Index
				u.note(name.repository, object.Digest, at, Administrator, func(use *Use) { use.Index = named })
			}
			u.note(name.repository, named, at, Administrator, func(use *Use) { use.Named = later(use.Named, at) })
			changed = true
		}
		return changed
	})
}
