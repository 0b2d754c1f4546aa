package harbor

import (
	"context"
	"fmt"
	"iter"
)

// Role is what a member may do in a project.
type Role int

// Roles, as Harbor numbers them.
const (
	ProjectAdmin Role = 1 // all
	Developer    Role = 2 // push and pull
	Guest        Role = 3 // pull; see members and logs
	Maintainer   Role = 4 // push, pull, scan, delete
	LimitedGuest Role = 5 // pull
)

func (r Role) String() string {
	names := map[Role]string{ProjectAdmin: "project admin", Developer: "developer", Guest: "guest", Maintainer: "maintainer", LimitedGuest: "limited guest"}
	if name := names[r]; name != "" {
		return name
	}
	return fmt.Sprintf("role %d", int(r))
}

// Member is a person or a group with a role in a project.
type Member struct {
	ID   int64  `json:"id"` // of the membership
	Name string `json:"entity_name"`
	// Entity is the person's User.ID, or the group's Group.ID: a group is called
	// here by a part of its DN only.
	Entity int64  `json:"entity_id"`
	Kind   string `json:"entity_type"` // UserMember or GroupMember
	Role   Role   `json:"role_id"`
}

// Kinds of members.
const (
	UserMember  = "u"
	GroupMember = "g"
)

func membersPath(project string) string { return projectPath(project) + "/members" }

// Members are all of a project. Pick among them here: Harbor's own filter by
// name counts what it does not show.
func (c *Client) Members(ctx context.Context, project string) iter.Seq2[Member, error] {
	return pages[Member](ctx, c, membersPath(project), nil, nil)
}

// AddUser makes an account a member and returns the membership's id. Somebody
// of the directory whom Harbor does not know yet is made known by this, with
// the name's case as in the directory. 404: nobody is called so. 409: already a
// member, or a person whose mail address belongs to another account.
func (c *Client) AddUser(ctx context.Context, project, user string, role Role) (int64, error) {
	return c.addMember(ctx, project, role, "member_user", map[string]any{"username": user})
}

// ldapGroup is Harbor's group_type for groups of the directory.
const ldapGroup = 1

// AddLDAPGroup makes a group of the directory a member. A dn that is unknown is
// 500, and so is one that Harbor knows in another spelling (of letters' case, or spaces).
func (c *Client) AddLDAPGroup(ctx context.Context, project, dn string, role Role) (int64, error) {
	return c.addMember(ctx, project, role, "member_group", map[string]any{"ldap_group_dn": dn, "group_type": ldapGroup})
}

func (c *Client) addMember(ctx context.Context, project string, role Role, kind string, who map[string]any) (int64, error) {
	return c.create(ctx, membersPath(project), map[string]any{"role_id": role, kind: who})
}

// UpdateMember gives a membership another role.
func (c *Client) UpdateMember(ctx context.Context, project string, member int64, role Role) error {
	return c.put(ctx, fmt.Sprintf("%s/%d", membersPath(project), member), map[string]any{"role_id": role})
}

// RemoveMember ends a membership. Tokens that were given out remain valid for
// half an hour.
func (c *Client) RemoveMember(ctx context.Context, project string, member int64) error {
	return c.remove(ctx, fmt.Sprintf("%s/%d", membersPath(project), member))
}
