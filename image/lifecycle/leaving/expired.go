package leaving

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
)

// Accounts is Harbor's list of accounts, beside a Registry.
type Accounts interface {
	Users(ctx context.Context) iter.Seq2[harbor.User, error]
}

// Why somebody is proposed.
const (
	AccountEnded   = "ended"   // the account is over or locked
	AccountUnknown = "unknown" // the directory does not know it any more
)

// Proposal is somebody who seems to have left, and still has something in Harbor. Nothing
// is done about it before somebody orders it.
type Proposal struct {
	ID          string    `json:"id"`
	Name        string    `json:"name,omitempty"`
	Account     string    `json:"account"`           // AccountEnded or AccountUnknown
	Ended       time.Time `json:"ended,omitzero"`    // if the directory says when
	Project     string    `json:"project,omitempty"` // the person's own; empty for none
	Images      int       `json:"repositories"`      // repositories in it
	Robots      int       `json:"robots"`            // in it, that can log in
	Memberships []string  `json:"memberships"`       // other projects
	Next        string    `json:"next"`              // what to type
}

// Expired finds people whose account has ended and who have a project, robots or
// memberships, and who do not leave yet. When the directory cannot say, of whomever, it
// proposes nothing: an outage must not look like everybody's departure.
func (o *Office) Expired(ctx context.Context, now time.Time, accounts Accounts) ([]Proposal, error) {
	known := 0
	var gone []Proposal
	for u, err := range accounts.Users(ctx) {
		if err != nil {
			return nil, fmt.Errorf("listing Harbor's accounts: %w", err)
		}
		if u.Admin || u.Name == o.Account || u.ID == 1 {
			continue
		}
		p, err := o.Directory.Person(ctx, u.Name)
		switch {
		case errors.Is(err, people.ErrUnknown):
			gone = append(gone, Proposal{ID: u.Name, Name: u.RealName, Account: AccountUnknown})
		case err != nil:
			return nil, fault.Newf(err, "see whether the directory answers: jadm user list", "the directory cannot say whose account has ended; nobody is proposed")
		case p.Ended(now):
			known++
			gone = append(gone, Proposal{ID: p.ID, Name: p.Name, Account: AccountEnded, Ended: p.Expires})
		default:
			known++
		}
	}
	if known == 0 && len(gone) > 0 {
		return nil, fault.Newf(fmt.Errorf("it knows none of Harbor's %d accounts", len(gone)),
			"see whom it knows: jadm user list\nand correct [people] in jadm.toml", "the directory seems to be another one; nobody is proposed")
	}
	return o.propose(ctx, now, gone)
}

// propose fills in what each has, and leaves out who has nothing or leaves already.
func (o *Office) propose(ctx context.Context, now time.Time, gone []Proposal) ([]Proposal, error) {
	proposals := []Proposal{}
	if len(gone) == 0 {
		return proposals, nil
	}
	projects, err := harbor.All(o.Registry.Projects(ctx, ""))
	if err != nil {
		return nil, fmt.Errorf("listing projects: %w", err)
	}
	belongs := map[string][]string{} // by the member's name in lower case
	for _, p := range projects {
		for m, err := range o.Registry.Members(ctx, p.Name) {
			if harbor.Status(err) == http.StatusNotFound {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("asking for the members of %s: %w", p.Name, err)
			}
			if m.Kind == harbor.UserMember {
				name := strings.ToLower(m.Name)
				belongs[name] = append(belongs[name], p.Name)
			}
		}
	}
	for _, g := range gone {
		d, err := o.Departure(g.ID)
		if err == nil && !d.Stage.Over() {
			continue
		}
		own := ProjectOf(g.ID)
		g.Memberships = slices.DeleteFunc(slices.Clone(belongs[own]), func(p string) bool { return p == own })
		if i := slices.IndexFunc(projects, func(p harbor.Project) bool { return p.Name == own }); i >= 0 {
			g.Project, g.Images = own, projects[i].Repositories
			for r, err := range o.Registry.Robots(ctx, projects[i].ID) {
				if err != nil {
					return nil, fmt.Errorf("asking for the robots of %s: %w", own, err)
				}
				if !r.Disabled && !r.Expired(now) {
					g.Robots++
				}
			}
		}
		if g.Project == "" && len(g.Memberships) == 0 {
			continue
		}
		g.Next = fmt.Sprintf("jadm user leave %s --on %s", g.ID, now.AddDate(0, 0, o.Rules.firstNotice()).Format(dateLayout))
		proposals = append(proposals, g)
	}
	slices.SortFunc(proposals, func(a, b Proposal) int { return strings.Compare(a.ID, b.ID) })
	return proposals, nil
}

// firstNotice is the number of days that give a leaver every notice; 30 are enough for
// somebody who is gone.
func (r Rules) firstNotice() int {
	if len(r.NoticeDays) == 0 {
		return 0
	}
	return min(30, slices.Max(r.NoticeDays))
}
