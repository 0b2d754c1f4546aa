package harbor

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Robot is an account for a program.
type Robot struct {
	ID          int64        `json:"id"`
	Name        string       `json:"name"` // in full: robot$project+name
	Description string       `json:"description"`
	Level       string       `json:"level"`      // project or system
	Days        int64        `json:"duration"`   // of its life, from its creation; -1 for ever
	Expires     int64        `json:"expires_at"` // seconds since 1970; -1 never
	Created     time.Time    `json:"creation_time"`
	Disabled    bool         `json:"disable"`
	Permissions []Permission `json:"permissions"`
}

// Expired reports whether the robot's time was over at now.
func (r Robot) Expired(now time.Time) bool {
	return r.Expires != Forever && r.Expires <= now.Unix()
}

// Permission is what a robot may do in one project.
type Permission struct {
	Kind    string   `json:"kind"`      // project
	Project string   `json:"namespace"` // its name
	Access  []Access `json:"access"`
}

// Access is one right, such as repository and pull.
type Access struct {
	Resource string `json:"resource"`
	Action   string `json:"action"`
}

// PullOnly is what a compute node needs. Such a robot may not use the API (403).
var PullOnly = []Access{{Resource: "repository", Action: "pull"}}

// Forever is a life without end, in days or seconds.
const Forever = -1

// RobotSecret is given once, when the robot is made.
type RobotSecret struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"` // in full; log in with it
	Secret  string `json:"secret"`
	Expires int64  `json:"expires_at"` // seconds since 1970; -1 never
}

const robotsPath = apiRoot + "/robots"

func robotPath(id int64) string { return fmt.Sprintf("%s/%d", robotsPath, id) }

// Robots are those of a project, by its id (Project.ID).
func (c *Client) Robots(ctx context.Context, projectID int64) iter.Seq2[Robot, error] {
	query := url.Values{"q": {fmt.Sprintf("Level=project,ProjectID=%d", projectID)}}
	return pages[Robot](ctx, c, robotsPath, query, nil)
}

// CreateRobot makes a robot of one project. days is its life, positive or
// Forever; 0 is 400. A name that is taken is 409. Harbor invents the secret.
func (c *Client) CreateRobot(ctx context.Context, project, name string, days int64, access []Access) (RobotSecret, error) {
	body := map[string]any{
		"name": name, "level": "project", "duration": days,
		"permissions": []Permission{{Kind: "project", Project: project, Access: access}},
	}
	var s RobotSecret
	_, err := c.do(ctx, call{method: http.MethodPost, path: robotsPath, body: body}, &s)
	return s, err
}

// RefreshSecret replaces a robot's secret by one that Harbor invents; the old
// one is refused from then on.
func (c *Client) RefreshSecret(ctx context.Context, id int64) (string, error) {
	var s struct {
		Secret string `json:"secret"`
	}
	_, err := c.do(ctx, call{method: http.MethodPatch, path: robotPath(id), body: map[string]any{}}, &s)
	return s.Secret, err
}

// UpdateRobot gives the robot with r.ID other permissions, another description, or
// another life. Its end is then r.Days after its creation, not after now, so that a
// longer life needs the days that are over, too. Name and level must be as they were.
func (c *Client) UpdateRobot(ctx context.Context, r Robot) error {
	return c.put(ctx, robotPath(r.ID), r)
}

// DisableRobot keeps a robot from logging in. Its tokens remain valid for half
// an hour.
func (c *Client) DisableRobot(ctx context.Context, id int64) error {
	var r Robot
	if err := c.get(ctx, robotPath(id), nil, &r); err != nil {
		return err
	}
	r.Disabled = true
	return c.put(ctx, robotPath(id), r)
}

// DeleteRobot removes a robot.
func (c *Client) DeleteRobot(ctx context.Context, id int64) error {
	return c.remove(ctx, robotPath(id))
}
