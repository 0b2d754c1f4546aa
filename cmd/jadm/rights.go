package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/usage"
)

// rights says whose reports about a project count: those of its members, and everybody's
// about a public one. Where nobody knows people, all count: they keep images, at most.
// Answers are kept for a while: many reports are about one project.
type rights struct {
	client    *harbor.Client
	directory people.Directory // nil: nobody knows people
	known     map[string]having
}

// having is who may have a project's images.
type having struct {
	until     time.Time
	everybody bool
	uids      map[int]bool
}

const rightsKept = 5 * time.Minute

var _ usage.Rights = (*rights)(nil)

// May implements usage.Rights.
func (r *rights) May(ctx context.Context, uid int, project string) (bool, error) {
	now := clock()
	h, ok := r.known[project]
	if !ok || now.After(h.until) {
		var err error
		if h, err = r.ask(ctx, project); err != nil {
			return false, err
		}
		h.until = now.Add(rightsKept)
		if r.known == nil {
			r.known = map[string]having{}
		}
		r.known[project] = h
	}
	return h.everybody || h.uids[uid], nil
}

// ask asks Harbor and the directory. Nobody has anything of a project that is not there.
func (r *rights) ask(ctx context.Context, project string) (having, error) {
	h := having{uids: map[int]bool{}}
	found, err := r.client.Project(ctx, project)
	if status := harbor.Status(err); status == http.StatusNotFound || status == http.StatusForbidden {
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("asking for project %s: %w", project, err)
	}
	if h.everybody = found.Metadata.Public == "true" || r.directory == nil; h.everybody {
		return h, nil
	}
	members, err := harbor.All(r.client.Members(ctx, project))
	if err != nil {
		return h, fmt.Errorf("listing the members of %s: %w", project, err)
	}
	for _, m := range members {
		if m.Kind == harbor.GroupMember {
			err = r.addGroup(ctx, h.uids, m.Entity)
		} else {
			err = r.addPerson(ctx, h.uids, m.Name)
		}
		if err != nil {
			return h, err
		}
	}
	return h, nil
}

func (r *rights) addPerson(ctx context.Context, to map[int]bool, id string) error {
	p, err := r.directory.Person(ctx, id)
	if errors.Is(err, people.ErrUnknown) {
		return nil
	}
	if err == nil && p.UID > 0 && !p.Ended(clock()) {
		to[p.UID] = true
	}
	return err
}

// addGroup adds the people of one of Harbor's groups, by its id there.
func (r *rights) addGroup(ctx context.Context, to map[int]bool, id int64) error {
	for g, err := range r.client.Groups(ctx) {
		if err != nil {
			return fmt.Errorf("listing groups: %w", err)
		}
		if g.ID != id || g.DN == "" {
			continue
		}
		group, err := r.directory.Group(ctx, g.DN)
		if errors.Is(err, people.ErrUnknown) {
			return nil
		}
		for _, member := range group.Members {
			err = errors.Join(err, r.addPerson(ctx, to, member))
		}
		return err
	}
	return nil
}
