package fakeharbor

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

var roleNames = map[int]string{ProjectAdmin: "projectAdmin", Developer: "developer", Guest: "guest", Maintainer: "maintainer", LimitedGuest: "limitedGuest"}

// listMembers has Harbor's faults: the filter is for whole names, and with it the
// count is of all.
func (s *Server) listMembers(c apiCall, p *project) {
	filter := c.r.URL.Query().Get("entityname")
	var all []object
	for _, m := range p.members {
		o := object{"id": m.id, "project_id": p.id, "role_id": m.role, "role_name": roleNames[m.role]}
		if m.user != nil {
			o["entity_name"], o["entity_type"], o["entity_id"] = m.user.Name, "u", m.user.id
		} else {
			o["entity_name"], o["entity_type"], o["entity_id"] = m.group.name(), "g", m.group.id
		}
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b object) int { return strings.Compare(a["entity_name"].(string), b["entity_name"].(string)) })
	if filter != "" {
		c.w.Header().Set("X-Total-Count", strconv.Itoa(len(all)))
		filtered := []object{}
		for _, o := range all {
			if o["entity_name"] == filter {
				filtered = append(filtered, o)
			}
		}
		reply(c.w, http.StatusOK, filtered)
		return
	}
	c.list(all)
}

// name is the first part of the DN.
func (g *group) name() string {
	name, _, _ := strings.Cut(strings.TrimPrefix(g.dn, "cn="), ",")
	return name
}

func (s *Server) createMember(c apiCall, p *project) {
	var in struct {
		Role int `json:"role_id"`
		User *struct {
			Name string `json:"username"`
		} `json:"member_user"`
		Group *struct {
			ID int64  `json:"id"`
			DN string `json:"ldap_group_dn"`
		} `json:"member_group"`
	}
	if !c.body(&in) {
		return
	}
	m := &member{role: in.Role}
	switch {
	case in.User != nil:
		m.user = s.memberUser(c, in.User.Name)
	case in.Group != nil && in.Group.ID != 0:
		if m.group = find(s.groups, func(g *group) bool { return g.id == in.Group.ID }); m.group == nil {
			c.badRequest("the group %d was not found", in.Group.ID)
			return
		}
	case in.Group != nil:
		if m.group = s.group(in.Group.DN); m.group == nil || m.group.id != 0 && m.group.dn != in.Group.DN {
			refuse(c.w, http.StatusInternalServerError, "UNKNOWN", "internal server error") // measured
			return
		}
	default:
		c.badRequest("at least one of member_user or member_group must be provided")
		return
	}
	switch {
	case m.user == nil && m.group == nil:
		return // memberUser has answered
	case find(p.members, func(o *member) bool { return o.user == m.user && o.group == m.group }) != nil:
		refuse(c.w, http.StatusConflict, "CONFLICT", "The project member specified already exist")
		return
	case roleNames[in.Role] == "":
		c.badRequest("Failed to update project member, role is not in 1,2,3")
		return
	}
	if m.group != nil && m.group.id == 0 {
		m.group.id = s.id()
	}
	m.id = s.id()
	p.members = append(p.members, m)
	c.created(m.id)
}

// memberUser looks somebody up in Harbor and in the directory, and takes them
// in. Nil when it has answered why not.
func (s *Server) memberUser(c apiCall, name string) *user {
	u := s.user(name)
	known := u != nil && u.id != 0
	switch {
	case !known && s.switches.directory != DirectoryUp:
		refuse(c.w, http.StatusInternalServerError, "UNKNOWN", "internal server error")
		return nil
	case u == nil:
		c.notFound("no user found: %s", name)
		return nil
	}
	if err := s.takeIn(u); err != nil {
		refuse(c.w, http.StatusConflict, "CONFLICT", err.Error())
		return nil
	}
	return u
}

func (c apiCall) member(p *project) *member {
	return find(p.members, func(m *member) bool { return m.id == c.id() })
}

// updateMember looks at nothing: an id of nobody is fine, and so is a role that
// there is not, with which a member is one no longer.
func (s *Server) updateMember(c apiCall, p *project) {
	var in struct {
		Role int `json:"role_id"`
	}
	if !c.body(&in) {
		return
	}
	m := c.member(p)
	switch {
	case m == nil:
	case roleNames[in.Role] == "":
		p.members = slices.DeleteFunc(p.members, func(o *member) bool { return o == m })
	default:
		m.role = in.Role
	}
	c.w.WriteHeader(http.StatusOK)
}

// deleteMember does not mind when there is none.
func (s *Server) deleteMember(c apiCall, p *project) {
	m := c.member(p)
	p.members = slices.DeleteFunc(p.members, func(o *member) bool { return o == m })
	c.w.WriteHeader(http.StatusOK)
}
