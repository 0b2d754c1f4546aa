package fakeharbor

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Robot is an account for a program, in one project.
type Robot struct {
	Project, Name string
	Expires       time.Time // never if zero
	Disabled      bool
	// Access is what it may do, as resource:action; repository:pull if empty.
	Access []string
}

type robot struct {
	id          int64
	project     int64  // 0 for the system's
	full        string // robot$project+name, or robot$name
	description string
	secret      string
	days        int64
	expires     int64 // seconds since 1970; -1 never
	disabled    bool
	access      map[int64][]string // by the id of a project
	created     time.Time
}

// name is what the robot was called when it was made.
func (r *robot) name() string {
	if r.project == 0 {
		return strings.TrimPrefix(r.full, "robot$")
	}
	return r.full[strings.Index(r.full, "+")+1:]
}

// AddRobot makes a robot and returns its full name and its secret.
func (s *Server) AddRobot(r Robot) (name, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mustProject(r.Project)
	if len(r.Access) == 0 {
		r.Access = []string{"repository:pull"}
	}
	added := s.newRobot(p.id, "robot$"+p.name+"+"+r.Name, -1, map[int64][]string{p.id: r.Access})
	added.disabled = r.Disabled
	if !r.Expires.IsZero() {
		added.expires = r.Expires.Unix()
	}
	return added.full, added.secret
}

// DeleteRobot removes a robot, by its full name.
func (s *Server) DeleteRobot(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.robots = slices.DeleteFunc(s.robots, func(r *robot) bool { return r.full == name })
}

// ExpireRobot ends a robot's time, by its full name.
func (s *Server) ExpireRobot(name string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := find(s.robots, func(r *robot) bool { return r.full == name })
	if r == nil {
		misuse("there is no robot %s", name)
	}
	r.expires = at.Unix()
}

func (s *Server) newRobot(project int64, full string, days int64, access map[int64][]string) *robot {
	r := &robot{id: s.id(), project: project, full: full, secret: rand.Text(), days: days, expires: -1, access: access, created: time.Now()}
	if days > 0 {
		r.expires = r.created.AddDate(0, 0, int(days)).Unix()
	}
	s.robots = append(s.robots, r)
	return r
}

// robotLogin is nil when it is not a robot's credential, or not a good one.
// Robots are neither delayed nor locked here; a wrong secret is then looked for
// in the directory, and is delayed there, as is every robot without the database.
func (s *Server) robotLogin(name, secret string) *robot {
	r := find(s.robots, func(r *robot) bool { return r.full == name })
	if s.switches.databaseDown.on || r == nil || r.secret != secret || r.disabled || r.expires != -1 && r.expires <= time.Now().Unix() {
		return nil
	}
	return r
}

// robotJSON is what the API says and hears of a robot.
type robotJSON struct {
	ID          int64             `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Secret      string            `json:"secret,omitempty"` // heard, and ignored
	Level       string            `json:"level"`
	Duration    int64             `json:"duration"`
	Expires     int64             `json:"expires_at"`
	Disable     bool              `json:"disable"`
	Editable    bool              `json:"editable"`
	Created     string            `json:"creation_time,omitempty"`
	Permissions []permissionsJSON `json:"permissions"`
}

type permissionsJSON struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Access    []struct {
		Resource string `json:"resource"`
		Action   string `json:"action"`
	} `json:"access"`
}

func (p permissionsJSON) list() []string {
	var all []string
	for _, a := range p.Access {
		all = append(all, a.Resource+":"+a.Action)
	}
	return all
}

func (s *Server) projectByID(id int64) *project {
	return find(s.projects, func(p *project) bool { return p.id == id })
}

func (r *robot) level() string {
	if r.project == 0 {
		return "system"
	}
	return "project"
}

func (s *Server) robotJSON(r *robot) object {
	permissions := []object{}
	for _, p := range s.projects { // those that were deleted are forgotten
		if r.access[p.id] == nil {
			continue
		}
		access := []object{}
		for _, right := range r.access[p.id] {
			resource, action, _ := strings.Cut(right, ":")
			access = append(access, object{"resource": resource, "action": action})
		}
		permissions = append(permissions, object{"kind": "project", "namespace": p.name, "access": access})
	}
	return object{
		"id": r.id, "name": r.full, "description": r.description, "level": r.level(), "duration": r.days, "expires_at": r.expires, "disable": r.disabled,
		"editable": true, "creation_time": when(r.created), "permissions": permissions,
	}
}

// listRobots lists those of one project, by its id; or the system's, perhaps one of
// them, by the name that it was made with.
func (s *Server) listRobots(c apiCall) {
	query := c.r.URL.Query().Get("q")
	var id int64
	if _, err := fmt.Sscanf(query, "Level=project,ProjectID=%d", &id); err != nil && !c.admin() {
		c.forbid()
		return
	}
	if p := s.projectByID(id); id != 0 && (p == nil || !s.may(c.who, p, "robot", "list")) {
		if c.admin() {
			c.list(nil)
		} else {
			c.forbid()
		}
		return
	}
	_, name, named := strings.Cut(query, ",name=")
	var all []object
	for _, r := range s.robots {
		if r.project == id && (!named || r.name() == name) {
			all = append(all, s.robotJSON(r))
		}
	}
	c.list(all)
}

// createRobot invents the secret, whatever it is told.
func (s *Server) createRobot(c apiCall) {
	var in robotJSON
	if !c.body(&in) {
		return
	}
	if in.Duration == 0 || in.Duration < -1 {
		c.badRequest("bad request error duration input: %d, duration must be either -1(Never) or a positive integer", in.Duration)
		return
	}
	if len(in.Permissions) == 0 || in.Level != "system" && (in.Level != "project" || len(in.Permissions) != 1) {
		c.badRequest("bad request permission")
		return
	}
	if !projectName.MatchString(in.Name) {
		c.badRequest("robot name is not in lower case or contains illegal characters")
		return
	}
	access := s.accessOf(c, in)
	if access == nil {
		return
	}
	owner, full, key := int64(0), "robot$"+in.Name, "0:"+in.Name
	if in.Level == "project" {
		p := s.project(in.Permissions[0].Namespace)
		owner, full = p.id, "robot$"+p.name+"+"+in.Name
		key = full
	}
	if find(s.robots, func(r *robot) bool { return r.full == full }) != nil {
		refuse(c.w, http.StatusConflict, "CONFLICT", "robot account "+key+" already exists")
		return
	}
	r := s.newRobot(owner, full, in.Duration, access)
	r.description = in.Description
	c.w.Header().Set("Location", fmt.Sprintf("/api/v2.0/robots/%d", r.id))
	reply(c.w, http.StatusCreated, object{"id": r.id, "name": r.full, "secret": r.secret, "creation_time": when(r.created), "expires_at": r.expires})
}

// accessOf is what a robot to be may do; nil when it has answered why not.
func (s *Server) accessOf(c apiCall, in robotJSON) map[int64][]string {
	access := map[int64][]string{}
	for _, permission := range in.Permissions {
		p := s.project(permission.Namespace)
		switch {
		case p == nil && c.admin():
			c.notFound("project %s not found", permission.Namespace)
			return nil
		case p == nil, !s.may(c.who, p, "robot", "create"), in.Level == "system" && !c.admin():
			c.forbid()
			return nil
		case len(permission.Access) == 0:
			c.badRequest("bad request permission")
			return nil
		}
		access[p.id] = permission.list()
	}
	return access
}

// ofRobot is for calls about one robot.
func (s *Server) ofRobot(action string, serve func(apiCall, *robot)) func(apiCall) {
	return func(c apiCall) {
		r := find(s.robots, func(r *robot) bool { return r.id == c.id() })
		switch {
		case r == nil:
			c.notFound("robot %d not found", c.id())
		case !c.admin() && (r.project == 0 || !s.may(c.who, s.projectByID(r.project), "robot", action)):
			c.forbid()
		default:
			serve(c, r)
		}
	}
}

func (s *Server) getRobot(c apiCall, r *robot) { reply(c.w, http.StatusOK, s.robotJSON(r)) }

func (s *Server) updateRobot(c apiCall, r *robot) {
	var in robotJSON
	switch {
	case !c.body(&in):
		return
	case in.Name != r.full || in.Level != r.level():
		c.badRequest("cannot update the level or name of robot")
		return
	case in.Duration == 0 || len(in.Permissions) == 0 || in.Level == "project" && len(in.Permissions) != 1:
		c.badRequest("bad request")
		return
	}
	access := s.accessOf(c, in)
	if access == nil {
		return
	}
	if in.Duration != r.days {
		r.days, r.expires = in.Duration, -1
		if in.Duration > 0 {
			r.expires = r.created.AddDate(0, 0, int(in.Duration)).Unix()
		}
	}
	r.disabled, r.access, r.description = in.Disable, access, in.Description
	c.w.WriteHeader(http.StatusOK)
}

func (s *Server) refreshRobot(c apiCall, r *robot) {
	r.secret = rand.Text()
	reply(c.w, http.StatusOK, object{"secret": r.secret})
}

func (s *Server) deleteRobot(c apiCall, r *robot) {
	s.robots = slices.DeleteFunc(s.robots, func(o *robot) bool { return o == r })
	c.w.WriteHeader(http.StatusOK)
}
