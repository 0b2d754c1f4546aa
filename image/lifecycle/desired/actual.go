package desired

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// Actual is what Harbor has, of the projects that were asked for.
type Actual struct {
	Account  string // as whom it was asked: the owner of what jadm makes
	Projects map[string]*ActualProject
}

// ActualProject is one project at Harbor.
type ActualProject struct {
	harbor.Project
	QuotaID   int64
	Quota     harbor.Usage
	Robots    []harbor.Robot
	Webhooks  []harbor.Webhook
	Immutable []harbor.ImmutableRule
	Retention *harbor.Retention // nil for none

	members map[memberKey]harbor.Member
	robots  map[string]harbor.Robot // by the name within the project
}

// Parts are what of a project is to be read, beside the project itself and its quota.
// Each is a request.
type Parts struct{ Members, Robots, Webhooks, Immutable, Retention bool }

// atOnce is how many questions Harbor is asked at a time: it serves jobs meanwhile.
const atOnce = 4

// few is how many projects are asked for one by one; for more, Harbor lists all.
const few = 20

// Read asks Harbor for projects by their names, as its administrator. Those that it has
// not are not in the answer, and of the others the parts that are not wanted.
func Read(ctx context.Context, client *harbor.Client, wanted map[string]Parts) (*Actual, error) {
	a := &Actual{Account: client.User(), Projects: map[string]*ActualProject{}}
	groups, err := harbor.All(client.Groups(ctx))
	if err != nil {
		return nil, fmt.Errorf("listing Harbor's groups: %w", err)
	}
	projects, err := find(ctx, client, sortedKeys(wanted))
	if err != nil {
		return nil, err
	}
	dns := map[int64]string{}
	for _, g := range groups {
		dns[g.ID] = g.DN
	}
	for _, p := range projects {
		a.Projects[p.Name] = &ActualProject{Project: p}
	}
	if len(projects) > few {
		if err := a.allQuotas(ctx, client); err != nil {
			return nil, err
		}
	}
	return a, a.each(func(p *ActualProject) error { return p.read(ctx, client, wanted[p.Name], dns) })
}

// find asks for the projects themselves.
func find(ctx context.Context, client *harbor.Client, names []string) ([]harbor.Project, error) {
	var found []harbor.Project
	if len(names) <= few {
		for _, name := range names {
			p, err := client.Project(ctx, name)
			if harbor.Status(err) == http.StatusNotFound {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("asking Harbor for the project %s: %w", name, err)
			}
			found = append(found, p)
		}
		return found, nil
	}
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	for p, err := range client.Projects(ctx, "") {
		if err != nil {
			return nil, fmt.Errorf("listing Harbor's projects: %w", err)
		}
		if wanted[p.Name] {
			found = append(found, p)
		}
	}
	return found, nil
}

// allQuotas asks for all quotas at once.
func (a *Actual) allQuotas(ctx context.Context, client *harbor.Client) error {
	for q, err := range client.Quotas(ctx) {
		if err != nil {
			return fmt.Errorf("listing Harbor's quotas: %w", err)
		}
		if p := a.Projects[q.Ref.Project]; p != nil {
			p.QuotaID, p.Quota = q.ID, q.Usage
		}
	}
	return nil
}

// each does something for all projects, a few at a time, until the first error. Of
// several, that of the project whose name comes first is told.
func (a *Actual) each(do func(*ActualProject) error) error {
	names := sortedKeys(a.Projects)
	failed := make([]error, len(names))
	var next atomic.Int64
	var stop atomic.Bool
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for !stop.Load() {
				i := int(next.Add(1)) - 1
				if i >= len(names) {
					return
				}
				if err := do(a.Projects[names[i]]); err != nil {
					failed[i] = fmt.Errorf("asking Harbor for the project %s: %w", names[i], err)
					stop.Store(true)
				}
			}
		})
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// read asks for what is in a project.
func (p *ActualProject) read(ctx context.Context, client *harbor.Client, wanted Parts, dns map[int64]string) error {
	for _, part := range []struct {
		wanted bool
		read   func() error
	}{
		{wanted.Members, func() error { return p.readMembers(ctx, client, dns) }},
		{wanted.Robots, func() error { return p.readRobots(ctx, client) }},
		{wanted.Webhooks, func() (err error) { p.Webhooks, err = harbor.All(client.Webhooks(ctx, p.Name)); return err }},
		{wanted.Immutable, func() (err error) { p.Immutable, err = harbor.All(client.ImmutableRules(ctx, p.Name)); return err }},
		{wanted.Retention, func() error { return p.readRetention(ctx, client) }},
		{p.QuotaID == 0, func() error { return p.readQuota(ctx, client) }},
	} {
		if !part.wanted {
			continue
		}
		if err := part.read(); err != nil {
			return err
		}
	}
	return nil
}

func (p *ActualProject) readMembers(ctx context.Context, client *harbor.Client, dns map[int64]string) error {
	members, err := harbor.All(client.Members(ctx, p.Name))
	p.setMembers(members, dns)
	return err
}

func (p *ActualProject) readRobots(ctx context.Context, client *harbor.Client) error {
	robots, err := harbor.All(client.Robots(ctx, p.ID))
	p.setRobots(robots)
	return err
}

func (p *ActualProject) readRetention(ctx context.Context, client *harbor.Client) error {
	id, err := strconv.ParseInt(p.Metadata.RetentionID, 10, 64)
	if err != nil {
		return nil //nolint:nilerr // it has none
	}
	policy, err := client.Retention(ctx, id)
	p.Retention = &policy
	return err
}

func (p *ActualProject) readQuota(ctx context.Context, client *harbor.Client) error {
	quotas, err := harbor.All(client.ProjectQuotas(ctx, p.ID))
	if err == nil && len(quotas) > 0 {
		p.QuotaID, p.Quota = quotas[0].ID, quotas[0].Usage
	}
	return err
}

// setMembers keys members by whom they are for. Harbor names a group by a part of its
// DN; one whose DN is not known gets a key that nobody can want.
func (p *ActualProject) setMembers(members []harbor.Member, dns map[int64]string) {
	p.members = map[memberKey]harbor.Member{}
	for _, m := range members {
		switch dn := dns[m.Entity]; {
		case m.Kind == harbor.UserMember:
			p.members[userKey(m.Name)] = m
		case dn != "":
			m.Name = dn
			p.members[groupKey(dn)] = m
		default:
			p.members[memberKey(fmt.Sprintf("other %d", m.ID))] = m
		}
	}
}

func (p *ActualProject) setRobots(robots []harbor.Robot) {
	p.Robots, p.robots = robots, map[string]harbor.Robot{}
	for _, r := range robots {
		// robot$project+name, where the beginning is Harbor's setting
		if i := strings.LastIndex(r.Name, "+"); i >= 0 {
			p.robots[r.Name[i+1:]] = r
		}
	}
}
