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
	"github.com/jrun-hpc/jrun/quantity"
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

// copyAll copies the images into another project, within Harbor, and looks whether they
// are there.
func (o *Office) copyAll(ctx context.Context, now time.Time, d *Departure, images []Image, project, prefix string) error {
	missing, err := o.notIn(ctx, images, project, prefix)
	if err != nil || len(missing) == 0 {
		return err
	}
	if err := o.fits(ctx, d, missing, project); err != nil {
		return err
	}
	for _, i := range missing {
		if err := o.current(d); err != nil {
			return err
		}
		to := prefix + "/" + i.Repository
		err := o.act(d, "image.copy", project+"/"+to+"@"+i.Digest.String(), func() error {
			return o.Registry.CopyArtifact(ctx, harbor.Source{Project: d.Project, Repository: i.Repository, Digest: i.Digest}, project, to)
		})
		if s := harbor.Status(err); s == http.StatusBadRequest || s == http.StatusNotFound {
			// Somebody has removed it from the frozen project. The bundle has it, with
			// tags that other images may have by now.
			d.Tags = tagsOf(images)
			if err := o.save(d); err != nil {
				return err
			}
			if err := o.Bundler.Restore(ctx, d.bundleOf(i), d.Project, []Image{i}); err != nil {
				return fmt.Errorf("bringing %s, which is not in Harbor any more, back from its bundle: %w", i.key(), err)
			}
			d.tell(now, "somebody removed "+i.key()+" from the frozen project; it was brought back to be handed over")
			return errAgain
		}
		if err != nil {
			return fault.Newf(err, o.instead(d, project), "cannot copy %s to %s/%s", i.key(), project, to)
		}
	}
	missing, err = o.notIn(ctx, images, project, prefix)
	if err != nil || len(missing) == 0 {
		return err
	}
	if again, err := o.turnedUp(ctx, now, d); again || err != nil {
		if err == nil {
			err = errAgain
		}
		return err
	}
	return fmt.Errorf("%s was copied to %s, and is not there", missing[0].key(), project)
}

// turnedUp goes back to Frozen when the project has what no bundle has, or other tags.
func (o *Office) turnedUp(ctx context.Context, now time.Time, d *Departure) (bool, error) {
	found, err := o.inventory(ctx, d.Project)
	if err != nil {
		return false, err
	}
	more := d.uncovered(found)
	if len(more) > 0 {
		d.enter(Frozen, now, fmt.Sprintf("%d images have turned up, such as %s: they are bundled, too", len(more), more[0].key()))
	}
	return len(more) > 0, nil
}

// settleTags ends what was begun with a restored image.
func (o *Office) settleTags(ctx context.Context, d *Departure) error {
	if d.Tags == nil {
		return nil
	}
	found, err := o.inventory(ctx, d.Project)
	if err != nil {
		return err
	}
	if err := o.restoreTags(ctx, d, found); err != nil {
		return err
	}
	d.Tags = nil
	return o.save(d)
}

// bundleOf is the directory that has an image.
func (d *Departure) bundleOf(i Image) string {
	for n := len(d.Bundles) - 1; n >= 0; n-- {
		for _, has := range d.Bundles[n].Images {
			if has.key() == i.key() {
				return d.Bundles[n].Dir
			}
		}
	}
	return ""
}

// notIn are those of images that a project has not, or not with all their tags.
func (o *Office) notIn(ctx context.Context, images []Image, project, prefix string) ([]Image, error) {
	there := map[string]map[string]bool{}
	asked := map[string]bool{}
	for _, i := range images {
		to := prefix + "/" + i.Repository
		if asked[to] {
			continue
		}
		asked[to] = true
		has, err := o.imagesOf(ctx, project, to)
		if err != nil {
			return nil, err
		}
		for _, h := range has {
			tags := map[string]bool{}
			for _, t := range h.Tags {
				tags[t] = true
			}
			there[i.Repository+"@"+h.Digest.String()] = tags
		}
	}
	var missing []Image
	for _, i := range images {
		tags, ok := there[i.key()]
		for _, t := range i.Tags {
			ok = ok && tags[t]
		}
		if !ok {
			missing = append(missing, i)
		}
	}
	return missing, nil
}

// fits makes sure that the quota of a project is enough. Images share layers, which
// Harbor counts once: what the leaver's whole project takes is the most that is needed.
func (o *Office) fits(ctx context.Context, d *Departure, images []Image, project string) error {
	to, err := o.Registry.Summary(ctx, project)
	if err != nil {
		return fmt.Errorf("asking for the quota of %s: %w", project, err)
	}
	if to.Quota == nil || to.Quota.Left() < 0 {
		return nil
	}
	var need int64
	for _, i := range images {
		need += i.SizeBytes
	}
	from, err := o.Registry.Summary(ctx, d.Project)
	if err == nil && from.Quota != nil {
		need = min(need, from.Quota.Used.StorageBytes)
	}
	if left := to.Quota.Left(); need > left {
		return fault.Newf(fmt.Errorf("up to %s are needed, %s are left of the quota", quantity.Size(need), quantity.Size(left)),
			"give it more room: the project's quota in Harbor, or in jadm's desired.toml\n"+o.instead(d, project), "the images do not fit into the project %s", project)
	}
	return nil
}

// instead is what to type when a project cannot take the images.
func (o *Office) instead(d *Departure, project string) string {
	if project == o.Rules.ArchiveProject {
		return "see the project " + project + " in Harbor"
	}
	return "or put them into the archive: jadm user leave " + d.ID() + " --archive"
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
