package harbor

import (
	"context"
	"iter"
)

// Group is a group that Harbor knows. Those of the directory are known once they have
// been made a member of something.
type Group struct {
	ID   int64  `json:"id"`
	Name string `json:"group_name"`
	DN   string `json:"ldap_group_dn"` // empty for groups that are not of LDAP
}

// Groups are all groups; for administrators.
func (c *Client) Groups(ctx context.Context) iter.Seq2[Group, error] {
	return pages[Group](ctx, c, apiRoot+"/usergroups", nil, nil)
}
