package leaving

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/opencontainers/go-digest"
)

// giveBack makes everything as it was: it compares that with what there is, so that it
// does not matter how far the departure had come.
func (o *Office) giveBack(ctx context.Context, now time.Time, d *Departure) error {
	stage, what := Cancelled, "cancelled"
	if d.Before != nil {
		stage, what = Returned, "all is as it was"
		if d.Restored.IsZero() {
			if err := o.restore(ctx, d); err != nil {
				return err
			}
			d.Restored = now
			if err := o.save(d); err != nil { // before bundles go: what its owner removes then is not missed
				return err
			}
		}
		for n := range d.Bundles {
			b := &d.Bundles[n]
			if !b.Archived.IsZero() || !b.Purged.IsZero() {
				continue
			}
			if err := o.act(d, "bundle.delete", b.Dir, func() error { return o.Shelf.Remove(ctx, b.Dir) }); err != nil {
				return fmt.Errorf("removing the bundle %s: %w", b.Dir, err)
			}
			b.Purged = now
		}
	}
	d.Letters = slices.DeleteFunc(d.Letters, func(l Letter) bool { return l.Kind != letterCertificate && l.Kind != letterTrouble })
	o.write(now, d, letterReturn, d.Person, "return", Trouble{})
	for n := range d.Letters {
		if d.Letters[n].Kind == letterReturn {
			d.Letters[n].Facts.Restored = !d.RemoveAt.IsZero()
		}
	}
	d.Troubles = nil
	d.enter(stage, now, what)
	return nil
}

func (o *Office) restore(ctx context.Context, d *Departure) error {
	if d.Before.Exists {
		if err := o.restoreProject(ctx, d); err != nil {
			return err
		}
	}
	for _, m := range d.Before.Memberships {
		if err := o.restoreRole(ctx, d, m); err != nil {
			return err
		}
	}
	if o.Credentials == nil {
		return nil
	}
	if err := o.act(d, "robot.enable", d.ID(), func() error { return o.Credentials.Enable(ctx, d.ID()) }); err != nil {
		return fmt.Errorf("enabling the robots of %s: %w", d.ID(), err)
	}
	return nil
}

// restoreProject brings back the project with its images, members and robots.
func (o *Office) restoreProject(ctx context.Context, d *Departure) error {
	_, err := o.Registry.Project(ctx, d.Project)
	if harbor.Status(err) == http.StatusNotFound {
		err = o.act(d, "project.create", d.Project, func() error {
			return o.Registry.CreateProject(ctx, harbor.NewProject{Name: d.Project, Metadata: d.Before.Metadata, StorageLimitBytes: d.Before.QuotaBytes})
		})
	}
	if err != nil {
		return fmt.Errorf("making the project %s: %w", d.Project, err)
	}
	if err := o.restoreImages(ctx, d); err != nil {
		return err
	}
	if err := o.tighten(ctx, d); err != nil { // from here on tags stay where they are
		return err
	}
	for _, m := range d.Before.Members {
		if m.Name == o.Account {
			continue
		}
		if err := o.restoreRole(ctx, d, m); err != nil {
			return err
		}
	}
	is, err := o.Registry.Project(ctx, d.Project)
	if err != nil {
		return fmt.Errorf("asking for the project %s: %w", d.Project, err)
	}
	if o.Ownership != nil && is.ID != d.Before.ProjectID {
		if err := o.Ownership.Remade(d.Project, d.Before.ProjectID, is.ID); err != nil {
			return fmt.Errorf("writing down that the project %s was made again: %w", d.Project, err)
		}
	}
	robots, err := harbor.All(o.Registry.Robots(ctx, is.ID))
	if err != nil {
		return fmt.Errorf("asking for the robots of %s: %w", d.Project, err)
	}
	for _, r := range robots {
		was := slices.IndexFunc(d.Before.Robots, func(b harbor.Robot) bool { return b.Name == r.Name })
		if !r.Disabled || was < 0 || d.Before.Robots[was].Disabled {
			continue
		}
		if err := o.act(d, "robot.enable", r.Name, func() error { return o.Registry.EnableRobot(ctx, r.ID) }); err != nil {
			return fmt.Errorf("enabling the robot %s: %w", r.Name, err)
		}
	}
	return nil
}

// restoreImages brings back from the bundles what is missing, also what somebody has
// removed while the project was frozen, and then the tags.
func (o *Office) restoreImages(ctx context.Context, d *Departure) error {
	found, err := o.inventory(ctx, d.Project)
	if err != nil {
		return err
	}
	if d.Tags == nil {
		// What is there counts more than what a bundle says; restoring moves tags.
		d.Tags = tagsOf(append(d.Images(), found...))
		if err := o.save(d); err != nil {
			return err
		}
	}
	for _, b := range d.Bundles {
		if b.Made.IsZero() {
			continue // all that is in it is in Harbor
		}
		missing := without(b.Images, found)
		if len(missing) == 0 {
			continue
		}
		if err := o.act(d, "bundle.restore", b.Dir, func() error { return o.Bundler.Restore(ctx, b.Dir, d.Project, missing) }); err != nil {
			return fmt.Errorf("restoring %s: %w", b.Dir, err)
		}
		if found, err = o.inventory(ctx, d.Project); err != nil {
			return err
		}
	}
	if missing := without(d.Images(), found); len(missing) > 0 {
		return fmt.Errorf("%s was restored, and is not there", missing[0].key())
	}
	return o.restoreTags(ctx, d, found)
}

// tagsOf are the tags of images, as repository:tag. The last one has it.
func tagsOf(images []Image) map[string]digest.Digest {
	tags := map[string]digest.Digest{}
	for _, i := range images {
		for _, t := range i.Tags {
			tags[i.Repository+":"+t] = i.Digest
		}
	}
	return tags
}

// without are those of images that are not among others, whatever their tags.
func without(images, others []Image) []Image {
	return slices.DeleteFunc(slices.Clone(images), func(i Image) bool {
		return slices.ContainsFunc(others, func(o Image) bool { return o.key() == i.key() })
	})
}

// restoreTags gives tags to the images that should have them.
func (o *Office) restoreTags(ctx context.Context, d *Departure, found []Image) error {
	for _, i := range found {
		for _, t := range i.Tags {
			want, ok := d.Tags[i.Repository+":"+t]
			if !ok || want == i.Digest {
				continue
			}
			err := o.Registry.DeleteTag(ctx, d.Project, i.Repository, i.Digest.String(), t)
			if err != nil && harbor.Status(err) != http.StatusNotFound {
				return fmt.Errorf("moving the tag %s of %s: %w", t, i.Repository, err)
			}
		}
	}
	for _, name := range sortedKeys(d.Tags) {
		repository, tag, _ := strings.Cut(name, ":")
		at := slices.IndexFunc(found, func(i Image) bool { return i.Repository == repository && i.Digest == d.Tags[name] })
		if at < 0 || slices.Contains(found[at].Tags, tag) {
			continue
		}
		err := o.Registry.AddTag(ctx, d.Project, repository, d.Tags[name].String(), tag)
		if err != nil && harbor.Status(err) != http.StatusConflict {
			return fmt.Errorf("giving %s its tag %s: %w", repository, tag, err)
		}
	}
	return nil
}

// restoreRole gives somebody the role that they had. Who has left meanwhile does not get
// it back; nor does a project that is not there any more.
func (o *Office) restoreRole(ctx context.Context, d *Departure, m Membership) error {
	err := o.act(d, "member.restore", m.Project+" "+m.Name, func() error { return o.setRole(ctx, m) })
	if harbor.Status(err) == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("making %s a %s of %s: %w", m.Name, m.Role, m.Project, err)
	}
	return nil
}
