package harbor

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Robot is an account for a program.
type Robot struct {
	ID          int64        `json:"id"`
	Name        string       `json:"name"` // in full: robot$project+name, or robot$name of the system's
	Description string       `json:"description"`
	Level       string       `json:"level"`      // project or system
	Days        int64        `json:"duration"`   // of its life, from its creation; -1 for ever
	Expires     int64        `json:"expires_at"` // seconds since 1970; -1 never
	Created     time.Time    `json:"creation_time,omitzero"`
	Disabled    bool         `json:"disable"`
	Permissions []Permission `json:"permissions"`
}

// Expired reports whether the robot's time was over at now.
func (r Robot) Expired(now time.Time) bool {
	return r.Expires != Forever && r.Expires <= now.Unix()
}

// Levels of robots.
const (
	projectLevel = "project"
	systemLevel  = "system"
)

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

// PullFrom are the permissions to pull from some projects, and nothing else.
func PullFrom(projects ...string) []Permission {
	var all []Permission
	for _, p := range projects {
		all = append(all, Permission{Kind: "project", Project: p, Access: PullOnly})
	}
	return all
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
	return c.createRobot(ctx, Robot{
		Name: name, Level: projectLevel, Days: days,
		Permissions: []Permission{{Kind: "project", Project: project, Access: access}},
	})
}

// SystemRobot asks for the robot of no project in particular that was made with this
// name, which is not the full one: a site may have its own prefix for all robots.
// The error is a 404 when there is none.
func (c *Client) SystemRobot(ctx context.Context, name string) (Robot, error) {
	query := url.Values{"q": {"Level=system,name=" + name}}
	for r, err := range pages[Robot](ctx, c, robotsPath, query, nil) {
		if err != nil || r.Level == systemLevel && strings.HasSuffix(r.Name, name) {
			return r, err
		}
	}
	return Robot{}, &Error{Status: http.StatusNotFound, Message: "there is no robot " + oneLine(name), Method: http.MethodGet, Path: robotsPath}
}

// SystemRobots are all that belong to no project.
func (c *Client) SystemRobots(ctx context.Context) iter.Seq2[Robot, error] {
	return pages[Robot](ctx, c, robotsPath, url.Values{"q": {"Level=system"}}, nil)
}

// CreateSystemRobot makes a robot that may do something in several projects; for
// administrators. Of r it takes Name, which gets a prefix, Description, Days and
// Permissions. A name that is taken is 409, a project that is not there 404.
func (c *Client) CreateSystemRobot(ctx context.Context, r Robot) (RobotSecret, error) {
	r.Level = systemLevel
	return c.createRobot(ctx, r)
}

func (c *Client) createRobot(ctx context.Context, r Robot) (RobotSecret, error) {
	body := map[string]any{"name": r.Name, "description": r.Description, "level": r.Level, "duration": r.Days, "permissions": r.Permissions}
	var s RobotSecret
	_, err := c.do(ctx, call{method: http.MethodPost, path: robotsPath, body: body}, &s)
	return s, err
}

// UpdateRobot sets the Description, Days, Disabled and Permissions of the robot with
// r.ID, all of them; its Name and Level cannot change, and must be sent. When Days
// changes, it counts from the robot's creation. Its secret stays.
func (c *Client) UpdateRobot(ctx context.Context, r Robot) error {
	return c.put(ctx, robotPath(r.ID), r)
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

// DisableRobot keeps a robot from logging in. Its tokens remain valid for half
// an hour.
func (c *Client) DisableRobot(ctx context.Context, id int64) error {
	var r Robot
	if err := c.get(ctx, robotPath(id), nil, &r); err != nil {
		return err
	}
	r.Disabled = true
	return c.UpdateRobot(ctx, r)
}

// DeleteRobot removes a robot.
func (c *Client) DeleteRobot(ctx context.Context, id int64) error {
	return c.remove(ctx, robotPath(id))
}
