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
	since     time.Time       // when what is forgotten was last forgotten
	missing   int             // projects since then that were named and are not there
	all       map[string]bool // all projects that there are, and whether they are public; nil until it is needed
	listed    time.Time       // when that was
}

// having is who may have a project's images.
type having struct {
	everybody bool
	uids      map[int]bool
}

const (
	rightsKept = 5 * time.Minute
	// mostMissing is how many projects that are not there are asked for one by one in that
	// time. Reports can name a million: for more of them all projects are listed, at most once
	// in listAgain.
	mostMissing = 100
	listAgain   = 10 * time.Second
)

var _ usage.Rights = (*rights)(nil)

// May implements usage.Rights.
func (r *rights) May(ctx context.Context, uid int, project string) (bool, error) {
	now := clock()
	if age := now.Sub(r.since); r.known == nil || age > rightsKept || age < 0 {
		r.known, r.since, r.missing = map[string]having{}, now, 0
	}
	h, ok := r.known[project]
	if ok {
		return h.everybody || h.uids[uid], nil
	}
	there, public, err := r.find(ctx, project, now)
	if err != nil {
		return false, err
	}
	if !there {
		if r.missing++; r.missing <= mostMissing {
			r.known[project] = having{}
		}
		return false, nil
	}
	if h, err = r.ask(ctx, project, public); err != nil {
		return false, err
	}
	r.known[project] = h
	return h.everybody || h.uids[uid], nil
}

// find asks whether there is a project. Nobody has anything of one that is not there.
func (r *rights) find(ctx context.Context, project string, now time.Time) (there, public bool, err error) {
	if r.missing < mostMissing {
		found, err := r.client.Project(ctx, project)
		if status := harbor.Status(err); status == http.StatusNotFound || status == http.StatusForbidden {
			return false, false, nil
		}
		if err != nil {
			return false, false, fmt.Errorf("asking for project %s: %w", project, err)
		}
		return true, found.Metadata.Public == "true", nil
	}
	if age := now.Sub(r.listed); r.all == nil || age >= listAgain || age < 0 {
		all := map[string]bool{}
		for p, err := range r.client.Projects(ctx, "") {
			if err != nil {
				return false, false, fmt.Errorf("listing projects: %w", err)
			}
			all[p.Name] = p.Metadata.Public == "true"
		}
		r.all, r.listed = all, now
	}
	public, there = r.all[project]
	return there, public, nil
}

// ask asks Harbor and the directory who may have the images of a project.
func (r *rights) ask(ctx context.Context, project string, public bool) (having, error) {
	h := having{everybody: public || r.directory == nil, uids: map[int]bool{}}
	if h.everybody {
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
