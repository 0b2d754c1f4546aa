package leaving

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// canPush are the roles that are taken away.
var canPush = []harbor.Role{harbor.ProjectAdmin, harbor.Maintainer, harbor.Developer}

// freeze remembers how rights are, and then takes those to push: everybody's in the
// leaver's project, and the leaver's everywhere.
func (o *Office) freeze(ctx context.Context, now time.Time, d *Departure) error {
	if d.Before == nil {
		before, labs, err := o.survey(ctx, d)
		if err != nil {
			return err
		}
		d.Before, d.Labs = before, labs
		if err := o.save(d); err != nil { // before anything is changed
			return err
		}
	}
	if err := o.appoint(ctx, d); err != nil {
		return err
	}
	if err := o.hold(ctx, now, d); err != nil {
		return err
	}
	for _, m := range d.Before.Memberships {
		if err := o.lower(ctx, d, m.Project, func(name string) bool { return o.isLeaver(d, name) }); err != nil {
			return err
		}
	}
	if o.Credentials != nil {
		if err := o.act(d, "robot.disable", d.ID(), func() error { return o.Credentials.Disable(ctx, d.ID()) }); err != nil {
			return fmt.Errorf("disabling the robots of %s: %w", d.ID(), err)
		}
	}
	d.FrozenAt = now
	o.tellLeaver(now, d, 0)
	if d.Noticed == 0 {
		if err := o.tellOthers(ctx, now, d); err != nil {
			return err
		}
	}
	d.enter(Frozen, now, "frozen: nothing can be pushed")
	return nil
}

// survey is how rights are, and where the leaver is the only admin.
func (o *Office) survey(ctx context.Context, d *Departure) (*Before, []Lab, error) {
	b := &Before{}
	p, err := o.Registry.Project(ctx, d.Project)
	switch {
	case harbor.Status(err) == http.StatusNotFound:
	case err != nil:
		return nil, nil, fmt.Errorf("asking for the project %s: %w", d.Project, err)
	default:
		b.Exists, b.ProjectID, b.Metadata, b.QuotaBytes = true, p.ID, p.Metadata, -1
		b.Metadata.RetentionID = "" // Harbor takes no other than it gives
		if b.Robots, err = harbor.All(o.Registry.Robots(ctx, p.ID)); err != nil {
			return nil, nil, fmt.Errorf("asking for the robots of %s: %w", d.Project, err)
		}
		s, err := o.Registry.Summary(ctx, d.Project)
		if err != nil {
			return nil, nil, fmt.Errorf("asking for the quota of %s: %w", d.Project, err)
		}
		if s.Quota != nil {
			b.QuotaBytes = s.Quota.Hard.StorageBytes
		}
	}
	var labs []Lab
	for p, err := range o.Registry.Projects(ctx, "") {
		if err != nil {
			return nil, nil, fmt.Errorf("listing projects: %w", err)
		}
		members, err := harbor.All(o.Registry.Members(ctx, p.Name))
		if harbor.Status(err) == http.StatusNotFound {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, nil, fmt.Errorf("asking for the members of %s: %w", p.Name, err)
		}
		if p.Name == d.Project {
			for _, m := range members {
				b.Members = append(b.Members, membership(p.Name, m))
			}
			continue
		}
		i := slices.IndexFunc(members, func(m harbor.Member) bool { return m.Kind == harbor.UserMember && o.isLeaver(d, m.Name) })
		if i < 0 {
			continue
		}
		b.Memberships = append(b.Memberships, membership(p.Name, members[i]))
		if members[i].Role == harbor.ProjectAdmin && !slices.ContainsFunc(members, func(m harbor.Member) bool {
			return m.Role == harbor.ProjectAdmin && m.ID != members[i].ID && m.Name != o.Account
		}) {
			labs = append(labs, Lab{Project: p.Name, Proposed: d.receiver()})
		}
	}
	return b, labs, nil
}

func membership(project string, m harbor.Member) Membership {
	return Membership{Project: project, Name: m.Name, Kind: m.Kind, Entity: m.Entity, Role: m.Role}
}

// appoint makes those admins of shared projects who were chosen.
func (o *Office) appoint(ctx context.Context, d *Departure) error {
	for _, project := range sortedKeys(d.Choice.Admins) {
		id := d.Choice.Admins[project]
		err := o.act(d, "member.appoint", project, func() error {
			return o.setRole(ctx, Membership{Project: project, Name: id, Kind: harbor.UserMember, Role: harbor.ProjectAdmin})
		})
		if err != nil {
			return fmt.Errorf("making %s an admin of %s: %w", id, project, err)
		}
	}
	return nil
}

// setRole makes somebody a member, or gives a member another role.
func (o *Office) setRole(ctx context.Context, m Membership) error {
	members, err := harbor.All(o.Registry.Members(ctx, m.Project))
	if err != nil {
		return err
	}
	for _, is := range members {
		if is.Kind != m.Kind || !strings.EqualFold(is.Name, m.Name) {
			continue
		}
		if is.Role == m.Role {
			return nil
		}
		return o.Registry.UpdateMember(ctx, m.Project, is.ID, m.Role)
	}
	if m.Kind == harbor.GroupMember {
		_, err = o.Registry.AddGroup(ctx, m.Project, m.Entity, m.Role)
	} else {
		_, err = o.Registry.AddUser(ctx, m.Project, m.Name, m.Role)
	}
	return err
}

// hold makes the project frozen again, should somebody have thawed it: an administrator
// in Harbor's web page, or another of jadm's rules.
func (o *Office) hold(ctx context.Context, _ time.Time, d *Departure) error {
	if !d.Before.Exists {
		return nil
	}
	everybody := func(string) bool { return true }
	if err := o.lower(ctx, d, d.Project, everybody); err != nil {
		return err
	}
	robots, err := harbor.All(o.Registry.Robots(ctx, d.Before.ProjectID))
	if err != nil {
		return fmt.Errorf("asking for the robots of %s: %w", d.Project, err)
	}
	for _, r := range robots {
		if r.Disabled {
			continue
		}
		if err := o.act(d, "robot.disable", r.Name, func() error { return o.Registry.DisableRobot(ctx, r.ID) }); err != nil {
			return fmt.Errorf("disabling the robot %s: %w", r.Name, err)
		}
	}
	return nil
}

// lower makes guests of those members of a project who could push. A project that is
// not there has none.
func (o *Office) lower(ctx context.Context, d *Departure, project string, whom func(name string) bool) error {
	members, err := harbor.All(o.Registry.Members(ctx, project))
	if harbor.Status(err) == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("asking for the members of %s: %w", project, err)
	}
	for _, m := range members {
		if m.Kind == harbor.UserMember && m.Name == o.Account || !whom(m.Name) || !slices.Contains(canPush, m.Role) {
			continue
		}
		err := o.act(d, "member.freeze", project+" "+m.Name, func() error { return o.Registry.UpdateMember(ctx, project, m.ID, harbor.Guest) })
		if err != nil && harbor.Status(err) != http.StatusNotFound {
			return fmt.Errorf("making %s a guest of %s: %w", m.Name, project, err)
		}
	}
	return nil
}
