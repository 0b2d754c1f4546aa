package desired

import (
	"context"
	"fmt"
	"net/http"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
)

// member compares one membership.
func (d *differ) member(key memberKey) {
	want, wanted := d.target.members[key]
	is, there := harbor.Member{}, false
	if d.actual != nil {
		is, there = d.actual.members[key]
	}
	_, ours := d.owned.Members[string(key)]
	name := want.name
	if !wanted {
		name = is.Name
	}
	c := Change{Subject: fmt.Sprintf("member %s of %s", name, d.target.name), rank: rankMember}
	if there {
		c.Before = is.Role.String()
	}
	switch {
	case wanted && want.leave:
	case wanted && want.ended != "":
		if there && ours {
			c.Kind, c.Needs, c.Reason, c.act = "member.remove", NeedsPrune, want.ended, removeMember{key, is.ID}
			d.add(c)
		}
	case wanted && !there:
		c.Kind, c.After, c.act = "member.add", want.role.String(), addMember{key, want}
		d.add(c)
	case wanted && is.Role != want.role:
		c.Kind, c.After, c.act = "member.role", want.role.String(), changeRole{is.ID, want.role}
		switch isLower := lower(want.role, is.Role); {
		case ours && isLower && d.lost() != "":
			c.Needs, c.Reason = NeedsPrune, d.lost()
		case ours:
			c.Reason = "somebody has changed it"
		case isLower:
			c.Needs, c.Reason = NeedsPrune, "jadm did not give it"
		}
		d.add(c)
	case !wanted && ours:
		c.Kind, c.act = "member.remove", removeMember{key, is.ID}
		id, isUser := key.user()
		switch {
		case isUser && d.Population.Known && !d.known["u:"+id]:
			c.Needs, c.Reason = NeedsPrune, unknownAccount
		case isUser && d.lost() != "":
			c.Needs, c.Reason = NeedsPrune, d.lost()
		}
		d.add(c)
	case !wanted && d.target.exclusive && key != userKey(d.Actual.Account):
		c.Kind, c.Needs, c.Reason, c.act = "member.remove", NeedsPrune, "the project is exclusive, and jadm did not add it", removeMember{key, is.ID}
		d.add(c)
	}
}

// lost is why somebody may seem to be wanted no more, who is in a group that the directory
// has lost; empty if it has all groups.
func (d *differ) lost() string {
	if d.target.lost == "" {
		return ""
	}
	return "the directory does not have the group " + d.target.lost
}

// addMember makes somebody a member.
type addMember struct {
	key  memberKey
	want wanted
}

func (m addMember) do(ctx context.Context, j *job) error {
	if err := j.intend(&j.owned.Members, string(m.key)); err != nil {
		return err
	}
	id, err := m.ask(ctx, j)
	if err != nil {
		if definite(err) {
			delete(j.owned.Members, string(m.key))
		}
		return j.failed(m.explain(ctx, j, err))
	}
	j.owned.Members[string(m.key)] = id
	return j.save()
}

func (m addMember) ask(ctx context.Context, j *job) (int64, error) {
	if isDN(m.want.name) {
		return j.Client.AddLDAPGroup(ctx, j.owned.Project, m.want.name, m.want.role)
	}
	return j.Client.AddUser(ctx, j.owned.Project, m.want.name, m.want.role)
}

// explain says what Harbor means by its refusal.
func (m addMember) explain(ctx context.Context, j *job, err error) error {
	switch status := harbor.Status(err); status {
	case http.StatusNotFound, http.StatusInternalServerError:
		if isDN(m.want.name) {
			return fault.Newf(err, "see that Harbor's LDAP group settings find it, in just this spelling", "Harbor finds no group %s in its directory", m.want.name)
		}
		if status == http.StatusNotFound {
			return fault.Newf(err, "see that Harbor's LDAP filter finds the person", "Harbor finds nobody called %s in its directory", m.want.name)
		}
	case http.StatusConflict:
		members, listErr := harbor.All(j.Client.Members(ctx, j.owned.Project))
		for _, is := range members {
			if listErr == nil && is.Kind == harbor.UserMember && userKey(is.Name) == m.key {
				return fault.Newf(err, "run it again", "somebody else has just added %s", m.want.name)
			}
		}
		return fault.Newf(err, "give the two accounts different mail addresses in the directory", "Harbor has another account with the mail address of %s", m.want.name)
	}
	return err
}

// changeRole gives a membership another role.
type changeRole struct {
	id   int64
	role harbor.Role
}

func (m changeRole) do(ctx context.Context, j *job) error {
	return j.Client.UpdateMember(ctx, j.owned.Project, m.id, m.role)
}

// removeMember ends a membership.
type removeMember struct {
	key memberKey
	id  int64
}

func (m removeMember) do(ctx context.Context, j *job) error {
	if err := gone(j.Client.RemoveMember(ctx, j.owned.Project, m.id)); err != nil {
		return err
	}
	delete(j.owned.Members, string(m.key))
	return j.save()
}
