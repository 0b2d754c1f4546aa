package desired

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

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

// atOnce is how many questions Harbor is asked at a time: it serves jobs meanwhile.
const atOnce = 4

// few is how many projects are asked for one by one; for more, Harbor lists all.
const few = 20

// Read asks Harbor for the projects with the names, as its administrator. Those that
// it has not are not in the answer.
func Read(ctx context.Context, client *harbor.Client, names []string) (*Actual, error) {
	a := &Actual{Account: client.User(), Projects: map[string]*ActualProject{}}
	groups, err := harbor.All(client.Groups(ctx))
	if err != nil {
		return nil, fmt.Errorf("listing Harbor's groups: %w", err)
	}
	projects, err := find(ctx, client, names)
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
	return a, a.each(func(p *ActualProject) error { return p.read(ctx, client, dns) })
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

// each does something for all projects, a few at a time, until the first error.
func (a *Actual) each(do func(*ActualProject) error) error {
	todo := make(chan *ActualProject)
	var all sync.WaitGroup
	var mu sync.Mutex
	var first error
	failed := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return first != nil
	}
	for range atOnce {
		all.Go(func() {
			for p := range todo {
				if failed() {
					continue
				}
				if err := do(p); err != nil {
					mu.Lock()
					if first == nil {
						first = fmt.Errorf("asking Harbor for the project %s: %w", p.Name, err)
					}
					mu.Unlock()
				}
			}
		})
	}
	for _, name := range sortedKeys(a.Projects) {
		todo <- a.Projects[name]
	}
	close(todo)
	all.Wait()
	return first
}

// read asks for what is in a project.
func (p *ActualProject) read(ctx context.Context, client *harbor.Client, dns map[int64]string) error {
	var err error
	members, err := harbor.All(client.Members(ctx, p.Name))
	if err != nil {
		return err
	}
	p.setMembers(members, dns)
	robots, err := harbor.All(client.Robots(ctx, p.ID))
	if err != nil {
		return err
	}
	p.setRobots(robots)
	if p.Webhooks, err = harbor.All(client.Webhooks(ctx, p.Name)); err != nil {
		return err
	}
	if p.Immutable, err = harbor.All(client.ImmutableRules(ctx, p.Name)); err != nil {
		return err
	}
	if p.QuotaID == 0 {
		quotas, err := harbor.All(client.ProjectQuotas(ctx, p.ID))
		if err != nil {
			return err
		}
		if len(quotas) > 0 {
			p.QuotaID, p.Quota = quotas[0].ID, quotas[0].Usage
		}
	}
	id, err := strconv.ParseInt(p.Metadata.RetentionID, 10, 64)
	if err != nil {
		return nil //nolint:nilerr // it has none
	}
	policy, err := client.Retention(ctx, id)
	p.Retention = &policy
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
