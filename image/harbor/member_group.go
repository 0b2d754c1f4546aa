package harbor

import "context"

// AddGroup makes a group that Harbor knows a member, by its id (Member.Entity).
func (c *Client) AddGroup(ctx context.Context, project string, groupID int64, role Role) (int64, error) {
	return c.addMember(ctx, project, role, "member_group", map[string]any{"id": groupID})
}
