package leaving

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
)

// remove removes what the leaver has in Harbor and in the site's store, when nothing in
// it would be lost: it waits for jobs, reads the bundles once more, and compares them
// with what Harbor has now.
func (o *Office) remove(ctx context.Context, now time.Time, d *Departure) error {
	if err := o.idle(ctx, d); err != nil {
		return err
	}
	for n := range d.Bundles {
		if err := o.readBack(ctx, now, d, &d.Bundles[n]); err != nil {
			return err
		}
	}
	if again, err := o.turnedUp(ctx, now, d); again || err != nil {
		return err
	}
	if d.Stage != Removing {
		d.RemoveAt = now
		d.enter(Removing, now, "the removal begins")
		if err := o.save(d); err != nil { // before anything is removed
			return err
		}
	}
	if err := o.loosen(ctx, d); err != nil {
		return err
	}
	err := o.removeImages(ctx, d)
	if errors.Is(err, errMore) {
		d.enter(Frozen, now, "something was pushed while images were removed: it is bundled, too")
		return nil
	}
	if err != nil {
		return err
	}
	if err := o.removeRights(ctx, d); err != nil {
		return err
	}
	if err := o.removeProject(ctx, d); err != nil {
		if harbor.Status(err) == http.StatusPreconditionFailed { // it is not empty
			if again, lookErr := o.turnedUp(ctx, now, d); again || lookErr != nil {
				return lookErr
			}
		}
		return err
	}
	if o.Realm != nil {
		kept, err := o.Realm.Clear(ctx, d.Project)
		if err != nil {
			return fmt.Errorf("removing converted images of %s: %w", d.Project, err)
		}
		d.KeptSite = nil
		for _, k := range kept {
			d.KeptSite = append(d.KeptSite, k.String())
		}
	}
	d.Removed = now
	d.enter(Removed, now, "removed from Harbor")
	return nil
}

// idle waits for jobs that run in the leaver's images.
func (o *Office) idle(ctx context.Context, d *Departure) error {
	if o.Realm == nil {
		return nil
	}
	used, err := o.Realm.InUse(ctx, d.Project)
	if err != nil {
		return fmt.Errorf("asking what jobs use of %s: %w", d.Project, err)
	}
	waiting := ""
	if len(used) > 0 {
		waiting = fmt.Sprintf("the removal waits for jobs that run in %d images, such as %s", len(used), used[0])
	}
	if waiting != d.Waiting {
		d.Waiting = waiting
		if err := o.save(d); err != nil {
			return err
		}
	}
	if waiting != "" {
		return errWaiting
	}
	return nil
}

// errMore says that a project has more than is in bundles.
var errMore = errors.New("there are other images")

// removeImages removes each image by its digest, and a repository only when nothing else
// is in it: what somebody pushes meanwhile stays.
func (o *Office) removeImages(ctx context.Context, d *Departure) error {
	found := d.Images()
	// What an index holds cannot be removed before it.
	slices.SortStableFunc(found, func(a, b Image) int { return len(b.Children) - len(a.Children) })
	for _, i := range found {
		if err := o.current(d); err != nil {
			return err
		}
		err := o.act(d, "image.delete", d.Project+"/"+i.key(), func() error {
			return o.Registry.DeleteArtifact(ctx, d.Project, i.Repository, i.Digest.String())
		})
		if err := o.refused(d, i.key(), err); err != nil {
			return err
		}
	}
	repositories, err := harbor.All(o.Registry.Repositories(ctx, d.Project))
	if harbor.Status(err) == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing the repositories of %s: %w", d.Project, err)
	}
	for _, r := range repositories {
		name := r.Name[min(len(r.Name), len(d.Project)+1):]
		left, err := o.imagesOf(ctx, d.Project, name)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return errMore
		}
		err = o.act(d, "repository.delete", r.Name, func() error { return o.Registry.DeleteRepository(ctx, d.Project, name) })
		if err := o.refused(d, r.Name, err); err != nil {
			return err
		}
	}
	return nil
}

// refused explains why Harbor would not remove something; nil if it is gone.
func (o *Office) refused(d *Departure, what string, err error) error {
	switch harbor.Status(err) {
	case http.StatusNotFound:
		return nil
	case http.StatusPreconditionFailed:
		return fault.Newf(err, "see who has switched a rule of tag immutability on again: the project "+d.Project+" in Harbor, Policy\nthen go on: jadm leavers run "+d.ID(), "Harbor does not let %s be removed", what)
	}
	if err != nil {
		return fmt.Errorf("removing %s: %w", what, err)
	}
	return nil
}

// removeRights ends the leaver's memberships in others' projects, and robots.
func (o *Office) removeRights(ctx context.Context, d *Departure) error {
	if o.Credentials != nil {
		if err := o.act(d, "robot.delete", d.ID(), func() error { return o.Credentials.Remove(ctx, d.ID()) }); err != nil {
			return fmt.Errorf("removing the robots of %s: %w", d.ID(), err)
		}
	}
	now, _, err := o.survey(ctx, d)
	if err != nil {
		return err
	}
	for _, r := range now.Robots {
		err := o.act(d, "robot.delete", r.Name, func() error { return o.Registry.DeleteRobot(ctx, r.ID) })
		if err != nil && harbor.Status(err) != http.StatusNotFound {
			return fmt.Errorf("removing the robot %s: %w", r.Name, err)
		}
	}
	for _, m := range now.Memberships {
		if err := o.endMembership(ctx, d, m); err != nil {
			return err
		}
	}
	return nil
}

func (o *Office) endMembership(ctx context.Context, d *Departure, m Membership) error {
	if !slices.ContainsFunc(d.Before.Memberships, func(b Membership) bool { return b.Project == m.Project }) {
		d.Before.Memberships = append(d.Before.Memberships, m) // made after the freezing; to be had back as well
		if err := o.save(d); err != nil {
			return err
		}
	}
	members, err := harbor.All(o.Registry.Members(ctx, m.Project))
	if err != nil && harbor.Status(err) != http.StatusNotFound {
		return fmt.Errorf("asking for the members of %s: %w", m.Project, err)
	}
	for _, is := range members {
		if is.Kind != harbor.UserMember || !o.isLeaver(d, is.Name) {
			continue
		}
		err := o.act(d, "member.remove", m.Project+" "+is.Name, func() error { return o.Registry.RemoveMember(ctx, m.Project, is.ID) })
		if err != nil && harbor.Status(err) != http.StatusNotFound {
			return fmt.Errorf("removing %s from %s: %w", is.Name, m.Project, err)
		}
	}
	return nil
}

// removeProject removes the leaver's project, which is empty. Harbor refuses if it is not.
func (o *Office) removeProject(ctx context.Context, d *Departure) error {
	err := o.act(d, "project.delete", d.Project, func() error {
		err := o.Registry.DeleteProject(ctx, d.Project)
		if harbor.Status(err) == http.StatusNotFound {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("removing the project %s: %w", d.Project, err)
	}
	return nil
}
