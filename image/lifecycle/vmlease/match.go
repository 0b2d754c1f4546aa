package vmlease

import (
	"cmp"
	"slices"
	"strings"
)

// Lost is a workspace that would be lost with a lease's VM.
type Lost struct {
	Host string `json:"host"` // that reported it
	Workspace
}

// key tells workspaces of one user apart.
func (l Lost) key() string { return strings.ToLower(l.Host) + "/" + l.Name }

// Concern is one person's part of a lease: its owner, or somebody who has reported from
// the VM.
type Concern struct {
	User  string `json:"user"`
	Owner bool   `json:"owner"`
	Lost  []Lost `json:"lost"` // what is not uploaded
	// Elsewhere is set when nothing has reported from the VM, and Lost is what the owner has
	// reported from machines that belong to no lease.
	Elsewhere bool `json:"elsewhere,omitempty"`
	Reported  bool `json:"reported"` // there is a report at all
}

// concerns finds out whom the end of each lease concerns, in the order of leases.
func concerns(leases []Lease, reports []Report) [][]Concern {
	all := make([][]Concern, len(leases))
	for i := range all {
		all[i] = []Concern{} // for programs that read JSON
	}
	var homeless []Report
	for _, r := range reports {
		found := false
		for i, l := range leases {
			if l.Is(r.Host) {
				all[i] = add(all[i], r, strings.EqualFold(l.Owner, r.User))
				found = true
			}
		}
		if !found {
			homeless = append(homeless, r)
		}
	}
	for i, l := range leases {
		if l.Owner != "" && !slices.ContainsFunc(all[i], func(c Concern) bool { return c.Owner }) {
			all[i] = append(all[i], ofOwner(l.Owner, homeless))
		}
		slices.SortFunc(all[i], func(a, b Concern) int { return cmp.Compare(a.User, b.User) })
	}
	return all
}

// ofOwner is the concern of an owner from whose VM there is no report.
func ofOwner(owner string, homeless []Report) Concern {
	c := Concern{User: owner, Owner: true, Lost: []Lost{}}
	for _, r := range homeless {
		if strings.EqualFold(r.User, owner) {
			c.Lost = append(c.Lost, lost(r)...)
			c.Elsewhere = true
		}
	}
	c.Reported = c.Elsewhere
	return c
}

// add puts a report into the concern of its user.
func add(all []Concern, r Report, owner bool) []Concern {
	at := slices.IndexFunc(all, func(c Concern) bool { return strings.EqualFold(c.User, r.User) })
	if at < 0 {
		all = append(all, Concern{User: r.User, Owner: owner, Lost: []Lost{}, Reported: true})
		at = len(all) - 1
	}
	all[at].Lost = append(all[at].Lost, lost(r)...)
	return all
}

func lost(r Report) []Lost {
	var all []Lost
	for _, w := range r.Workspaces {
		all = append(all, Lost{Host: r.Host, Workspace: w})
	}
	return all
}
