package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/image/store"
)

// share lets those read a project's images whom Harbor lets pull them. When the
// directory cannot say who somebody is, nothing changes.
func (m *Mirror) share(ctx context.Context, s *store.Store, project harbor.Project, directory Directory) error {
	members, err := m.readers(ctx, project, directory)
	var unknown *directoryError
	if errors.As(err, &unknown) {
		if m.troubles.set(atDirectory, unknown, m.o.Now()) {
			m.o.Log.Warn("the directory cannot be asked; rights stay as they are", "project", project.Name, "error", oneLine(unknown))
		}
		return nil
	}
	if err != nil {
		return err
	}
	if m.troubles.set(atDirectory, nil, m.o.Now()) {
		m.o.Log.Info("the directory answers again")
	}
	m.shared[project.Name] = m.o.Now()
	m.setReadersOrTell(s, project.Name, members)
	return nil
}

// setReadersOrTell sets the rights. Where that cannot be done (too many people for an
// access control list, a file system without any) the rest goes on, and Status says so
// until it can.
func (m *Mirror) setReadersOrTell(s *store.Store, project string, members store.Members) {
	err := m.setReaders(s, project, members)
	if m.troubles.set("rights of "+project, err, m.o.Now()) && err != nil {
		m.o.Log.Error("the rights could not be set", "project", project, "error", oneLine(err))
	}
}

// sharedState is the kind of documents that say whom a project was last shared with,
// so that the audit log has changes only.
const sharedState = "mirror-shared"

// setReaders sets the rights, every time: somebody may have changed them by hand.
func (m *Mirror) setReaders(s *store.Store, project string, members store.Members) error {
	var known store.Members
	err := m.o.State.Load(sharedState, project, &known)
	if err != nil && !errors.Is(err, state.ErrNotFound) && !errors.Is(err, state.ErrDamaged) {
		return err
	}
	if err == nil && known.Everybody == members.Everybody && slices.Equal(known.UIDs, members.UIDs) && slices.Equal(known.GIDs, members.GIDs) {
		return s.Share(members)
	}
	act := audit.Act{
		Action: "store.share", Subject: m.o.Registry + "/" + project, Reason: "members of the project in Harbor",
		Details: map[string]string{"everybody": strconv.FormatBool(members.Everybody), "uids": numbers(members.UIDs), "gids": numbers(members.GIDs)},
	}
	err = m.o.Audit.Do(act, func() error { return s.Share(members) })
	m.o.step("share")
	if err != nil {
		return err
	}
	m.o.Log.Info("shared", "project", project, "everybody", members.Everybody, "accounts", len(members.UIDs), "groups", len(members.GIDs))
	return m.o.State.Save(sharedState, project, members)
}

func numbers(all []int) string {
	words := make([]string, len(all))
	for i, n := range all {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, " ")
}

// directoryError says that the directory could not answer.
type directoryError struct{ cause error }

func (e *directoryError) Error() string { return "asking the directory: " + e.cause.Error() }
func (e *directoryError) Unwrap() error { return e.cause }

// readers are the accounts and groups of a project's members on the compute servers.
// Robots are no members: what they pull is somebody's, who asks Harbor with it.
func (m *Mirror) readers(ctx context.Context, project harbor.Project, directory Directory) (store.Members, error) {
	if project.Metadata.Public == "true" {
		return store.Members{Everybody: true}, nil
	}
	var found store.Members
	for member, err := range m.o.Harbor.Members(ctx, project.Name) {
		if err != nil {
			return found, fmt.Errorf("listing the members of %s: %w", project.Name, err)
		}
		switch member.Kind {
		case harbor.UserMember:
			err = m.addPerson(ctx, directory, &found, member.Name, project.Name)
		case harbor.GroupMember:
			var dn string
			if dn, err = m.groupDN(ctx, member.Entity); err == nil {
				err = m.addGroup(ctx, directory, &found, dn, member.Name, project.Name)
			}
		}
		if err != nil {
			return found, err
		}
	}
	found.UIDs, found.GIDs = sortedOnce(found.UIDs), sortedOnce(found.GIDs)
	return found, nil
}

// groupDN is that of a group of Harbor's, by its id: a member has a part of it only. It is
// never another one, so that groups are listed again only for one that is new.
func (m *Mirror) groupDN(ctx context.Context, id int64) (string, error) {
	if _, known := m.dns[id]; !known {
		for g, err := range m.o.Harbor.Groups(ctx) {
			if err != nil {
				return "", fmt.Errorf("listing groups: %w", err)
			}
			m.dns[g.ID] = g.DN
		}
	}
	return m.dns[id], nil
}

// addPerson adds somebody's uid. Who has none, or whose account has ended, is left out.
func (m *Mirror) addPerson(ctx context.Context, directory Directory, to *store.Members, id, project string) error {
	if m.o.Directory == nil {
		m.leaveOut(project, id, "no directory is configured")
		return nil
	}
	p, err := directory.Person(ctx, id)
	switch {
	case errors.Is(err, people.ErrUnknown):
		m.leaveOut(project, id, "the directory does not know them")
	case err != nil:
		return &directoryError{err}
	case p.Ended(m.o.Now()):
		m.leaveOut(project, id, "the account has ended")
	case p.UID <= 0: // root reads everything
		m.leaveOut(project, id, "they have no uid on the compute servers")
	default:
		to.UIDs = append(to.UIDs, p.UID)
	}
	return nil
}

// addGroup adds a group's gid or, where it has none, its members one by one.
func (m *Mirror) addGroup(ctx context.Context, directory Directory, to *store.Members, dn, name, project string) error {
	if m.o.Directory == nil || dn == "" {
		m.leaveOut(project, name, "it is no group of the directory")
		return nil
	}
	g, err := directory.Group(ctx, dn)
	switch {
	case errors.Is(err, people.ErrUnknown):
		m.leaveOut(project, dn, "the directory does not know the group")
		return nil
	case err != nil:
		return &directoryError{err}
	case g.GID > 0:
		to.GIDs = append(to.GIDs, g.GID)
		return nil
	}
	for _, id := range g.Members {
		if err := m.addPerson(ctx, directory, to, id, project); err != nil {
			return err
		}
	}
	return nil
}

// mostLeftOut bounds what is remembered, so as not to say it again every round.
const mostLeftOut = 10_000

// leaveOut says, once, that somebody may not read a project's images ahead of jobs.
func (m *Mirror) leaveOut(project, who, why string) {
	key := project + "\n" + who + "\n" + why
	if m.left[key] {
		return
	}
	if len(m.left) >= mostLeftOut {
		clear(m.left)
	}
	m.left[key] = true
	m.o.Log.Info("a member is left out: their jobs convert images by themselves", "project", project, "member", who, "why", why)
}

func sortedOnce(ids []int) []int {
	slices.Sort(ids)
	return slices.Compact(ids)
}
