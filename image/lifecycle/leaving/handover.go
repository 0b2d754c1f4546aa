package leaving

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// prefix begins the names of repositories that come from a leaver.
func prefix(d *Departure) string { return "from-" + d.Project }

// handOver gives the images to who keeps them: a person, the archive, or both.
func (o *Office) handOver(ctx context.Context, now time.Time, d *Departure) error {
	if err := o.settleTags(ctx, d); err != nil {
		return err
	}
	if again, err := o.turnedUp(ctx, now, d); again || err != nil {
		return err
	}
	images := d.Images()
	if len(images) == 0 {
		d.Where = &Where{Why: "there are no images", HandedOver: now}
		d.enter(HandedOver, now, "there are no images to hand over")
		return nil
	}
	where, err := o.whereTo(ctx, now, d)
	if err != nil {
		return err
	}
	if d.Where == nil || d.Where.Why != where.Why || d.Where.Project != where.Project || d.Where.Archive != where.Archive {
		d.tell(now, "hand-over: "+where.Why)
	}
	d.Where = where
	if err := o.save(d); err != nil {
		return err
	}
	if where.Project != "" {
		if err := o.copyAll(ctx, now, d, images, where.Project, prefix(d)); err != nil {
			return err
		}
	}
	if where.Archive {
		if err := o.archive(ctx, now, d); err != nil {
			return err
		}
		if o.Rules.ArchiveProject != "" {
			if err := o.copyAll(ctx, now, d, images, o.Rules.ArchiveProject, d.Project); err != nil {
				return err
			}
		}
	}
	where.HandedOver = now
	if where.Project != "" {
		o.write(now, d, letterHandedOver, where.Receiver, fmt.Sprintf("handed-over/%d", len(d.Bundles)), Trouble{})
	}
	d.enter(HandedOver, now, "handed over: "+where.Why)
	return nil
}

// whereTo decides who keeps the images. When nobody can, it is the archive: nothing is
// lost because nobody is known.
func (o *Office) whereTo(ctx context.Context, now time.Time, d *Departure) (*Where, error) {
	rule := o.Rules.handOver(d)
	w := &Where{Archive: rule != ToSupervisor, Why: "into the archive, as the rule says"}
	if rule == ToSupervisor || rule == ToBoth {
		receiver, why, err := o.accepts(ctx, now, d)
		switch {
		case err != nil:
			return nil, err
		case why != nil:
			w.Archive, w.Why = true, "into the archive: "+why.Error()
		default:
			w.Receiver, w.Project, w.Why = receiver.person, receiver.project, "to "+receiver.person.ID
			if w.Archive {
				w.Why += ", and into the archive"
			}
		}
	}
	if w.Project != "" {
		_, err := o.Registry.Project(ctx, d.Project)
		if harbor.Status(err) == http.StatusNotFound {
			return &Where{Archive: true, Why: "into the archive: somebody has removed the project from Harbor"}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("asking for the project %s: %w", d.Project, err)
		}
	}
	cited, err := o.cited(ctx, d)
	if err != nil {
		return nil, err
	}
	if cited != "" && !w.Archive {
		w.Archive, w.Why = true, w.Why+", and into the archive: "+cited+" is cited"
	}
	return w, nil
}

// taker is somebody whose project gets the images.
type taker struct {
	person  people.Person
	project string
}

// accepts is who takes the images, or why nobody does.
func (o *Office) accepts(ctx context.Context, now time.Time, d *Departure) (taker, error, error) {
	id := d.receiver()
	if id == "" {
		return taker{}, errors.New("no supervisor is known"), nil
	}
	p, err := o.lookUp(ctx, id)
	switch {
	case err != nil:
		return taker{}, nil, err
	case p.ID == "":
		return taker{}, fmt.Errorf("the directory does not know %s", id), nil
	case o.isLeaver(d, p.ID):
		return taker{}, errors.New("there is nobody else"), nil
	case p.Ended(now):
		return taker{}, fmt.Errorf("the account of %s has ended", p.ID), nil
	}
	other, err := o.Departure(p.ID)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return taker{}, nil, err
	}
	if err == nil && !other.Stage.Over() {
		return taker{}, fmt.Errorf("%s leaves, too", p.ID), nil
	}
	project := ProjectOf(p.ID)
	_, err = o.Registry.Project(ctx, project)
	if harbor.Status(err) == http.StatusNotFound {
		return taker{}, fmt.Errorf("%s has no project", p.ID), nil
	}
	if err != nil {
		return taker{}, nil, fmt.Errorf("asking for the project %s: %w", project, err)
	}
	return taker{p, project}, nil, nil
}

// cited is one of the images that somebody has cited; empty if there is none.
func (o *Office) cited(ctx context.Context, d *Departure) (string, error) {
	if o.Uses == nil {
		return "", nil
	}
	cited, err := o.Uses.Cited(ctx)
	if err != nil {
		return "", fmt.Errorf("asking what is cited: %w", err)
	}
	for _, digest := range sortedKeys(digests(d.Images())) {
		if _, ok := cited[digest]; ok {
			return digest.String(), nil
		}
	}
	return "", nil
}

// archive gives the bundles their place for good.
func (o *Office) archive(ctx context.Context, now time.Time, d *Departure) error {
	for n := range d.Bundles {
		b := &d.Bundles[n]
		if !b.Archived.IsZero() || !b.Purged.IsZero() {
			continue
		}
		to := filepath.Join(o.Rules.ArchiveDir, filepath.Base(b.Dir))
		err := o.act(d, "bundle.archive", to, func() error { return o.Shelf.Move(ctx, b.Dir, to) })
		if errors.Is(err, fs.ErrNotExist) {
			return o.remake(ctx, now, d, b, fmt.Errorf("%w: %w", ErrDamaged, err))
		}
		if err != nil {
			return fault.Newf(err, "make room if the disk is full: df "+o.Rules.ArchiveDir+"\nthen go on: jadm leavers run "+d.ID(), "cannot move the bundle %s into the archive", b.Dir)
		}
		b.Dir, b.Archived = to, now
		if err := o.readBack(ctx, now, d, b); err != nil {
			return err
		}
		if err := o.save(d); err != nil {
			return err
		}
	}
	return nil
}
