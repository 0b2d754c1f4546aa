package leaving

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/quantity"
)

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
