package harbor

import (
	"context"
	"iter"
	"net/url"
	"strconv"
)

// User is an account that Harbor knows. People of the directory are known once
// they have logged in, or have been made a member of something.
type User struct {
	ID       int64  `json:"user_id"`
	Name     string `json:"username"`
	RealName string `json:"realname"`
	Email    string `json:"email"`
	Admin    bool   `json:"sysadmin_flag"`
	// AdminByGroup is set for CurrentUser alone: an administrator by a group of
	// the directory.
	AdminByGroup bool `json:"admin_role_in_auth"`
}

// CurrentUser is whose credential the client has. 401 means that it is not
// right (or that Harbor cannot tell just now, see Diagnose), 412 that it is
// right, but a robot's.
func (c *Client) CurrentUser(ctx context.Context) (User, error) {
	var u User
	err := c.get(ctx, apiRoot+"/users/current", nil, &u)
	return u, err
}

// Users are all accounts; for administrators.
func (c *Client) Users(ctx context.Context) iter.Seq2[User, error] {
	return pages[User](ctx, c, apiRoot+"/users", nil, nil)
}

// SearchUsers are the first hundred accounts whose name contains name, with
// id and name only; for everybody. Harbor gives no second page of these.
func (c *Client) SearchUsers(ctx context.Context, name string) ([]User, error) {
	var found []User
	err := c.get(ctx, apiRoot+"/users/search", url.Values{"username": {name}, "page_size": {strconv.Itoa(pageSize)}}, &found)
	return found, err
}
