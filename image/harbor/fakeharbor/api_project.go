package fakeharbor

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) listProjects(c apiCall) {
	var all []object
	for _, p := range s.projects {
		visible := p.metadata["public"] == "true" || c.admin() || s.role(c.who, p) != 0
		if visible && strings.Contains(p.name, c.r.URL.Query().Get("name")) {
			all = append(all, p.json())
		}
	}
	c.list(all)
}

// headProject tells everybody whose credential is right whether a project
// exists; to robots, too, and whatever they may do in it.
func (s *Server) headProject(c apiCall) {
	switch name := c.r.URL.Query().Get("project_name"); {
	case name == "":
		refuse(c.w, http.StatusUnprocessableEntity, "UNPROCESSABLE_ENTITY", "project_name in query is required")
	case !c.who.known():
		c.forbid()
	case s.project(name) == nil:
		c.notFound("project %s not found", name)
	default:
		c.w.WriteHeader(http.StatusOK)
	}
}

func (p *project) json() object {
	return object{"project_id": p.id, "name": p.name, "owner_name": p.owner, "creation_time": when(p.created), "repo_count": len(p.repos), "metadata": p.metadata, "cve_allowlist": object{"items": []object{}}}
}

func (s *Server) createProject(c apiCall) {
	if !c.admin() {
		c.forbid()
		return
	}
	var in struct {
		Name     string            `json:"project_name"`
		Metadata map[string]string `json:"metadata"`
		Limit    int64             `json:"storage_limit"`
	}
	if !c.body(&in) {
		return
	}
	switch {
	case !projectName.MatchString(in.Name):
		c.badRequest("project name %s is not valid", in.Name)
		return
	case s.project(in.Name) != nil:
		refuse(c.w, http.StatusConflict, "CONFLICT", "The project named "+in.Name+" already exists")
		return
	}
	if in.Limit == 0 {
		in.Limit = -1
	}
	p := s.newProject(in.Name, c.who.name(), in.Limit)
	maps.Copy(p.metadata, in.Metadata)
	c.created(p.id)
}

func (s *Server) newProject(name, owner string, hard int64) *project {
	p := &project{
		id: s.id(), name: name, owner: owner, created: s.now(), metadata: map[string]string{"public": "false"},
		scanner: true, quotaID: s.id(), hard: hard, blobs: map[string]int64{},
	}
	if u := s.user(owner); u != nil {
		p.members = []*member{{id: s.id(), user: u, role: ProjectAdmin}}
	}
	s.projects = append(s.projects, p)
	return p
}

func (s *Server) getProject(c apiCall, p *project) { reply(c.w, http.StatusOK, p.json()) }

// updateProject ignores a new name.
func (s *Server) updateProject(c apiCall, p *project) {
	var in struct {
		Metadata map[string]string `json:"metadata"`
	}
	if !c.body(&in) {
		return
	}
	if id, ok := in.Metadata["retention_id"]; ok && id != p.metadata["retention_id"] {
		c.badRequest("the retention_id in the request's payload when updating a project should be omitted")
		return
	}
	maps.Copy(p.metadata, in.Metadata)
	c.w.WriteHeader(http.StatusOK)
}

func (s *Server) deleteProject(c apiCall, p *project) {
	if len(p.repos) > 0 {
		refuse(c.w, http.StatusPreconditionFailed, "PRECONDITION", "the project contains repositories, can not be deleted")
		return
	}
	s.projects = slices.DeleteFunc(s.projects, func(other *project) bool { return other == p })
	s.robots = slices.DeleteFunc(s.robots, func(r *robot) bool { return r.project == p.id })
	c.w.WriteHeader(http.StatusOK)
}

func (p *project) usage() object {
	return object{"hard": object{"storage": p.hard}, "used": object{"storage": p.used()}}
}

func (s *Server) getSummary(c apiCall, p *project) {
	if !c.admin() && s.role(c.who, p) == 0 && c.who.robot == nil {
		c.forbid()
		return
	}
	reply(c.w, http.StatusOK, object{"repo_count": len(p.repos), "quota": p.usage()})
}

func (s *Server) listQuotas(c apiCall) {
	if !c.admin() {
		c.forbid()
		return
	}
	var all []object
	for _, p := range s.projects {
		if want := c.r.URL.Query().Get("reference_id"); want == "" || want == strconv.FormatInt(p.id, 10) {
			q := p.usage()
			q["id"], q["ref"] = p.quotaID, object{"id": p.id, "name": p.name, "owner_name": p.owner}
			all = append(all, q)
		}
	}
	c.list(all)
}

func (s *Server) updateQuota(c apiCall) {
	p := find(s.projects, func(p *project) bool { return p.quotaID == c.id() })
	var in struct {
		Hard map[string]json.Number `json:"hard"`
	}
	switch {
	case !c.admin():
		c.forbid()
		return
	case p == nil:
		c.notFound("quota %d not found", c.id())
		return
	case !c.body(&in):
		return
	}
	hard, err := in.Hard["storage"].Int64()
	if err != nil || hard == 0 || hard < -1 {
		c.badRequest("invalid hard limit")
		return
	}
	p.hard = hard
	c.w.WriteHeader(http.StatusOK)
}
