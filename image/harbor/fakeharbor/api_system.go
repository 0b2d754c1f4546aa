package fakeharbor

import (
	"context"
	"net/http"
	"strings"
)

func withCaller(ctx context.Context, who *identity) context.Context {
	return context.WithValue(ctx, apiKey{}, who)
}

func caller(ctx context.Context) *identity {
	who, ok := ctx.Value(apiKey{}).(*identity)
	if !ok {
		misuse("a call without a caller")
	}
	return who
}

// getHealth knows nothing of the directory, and is behind with the rest.
func (s *Server) getHealth(c apiCall) {
	lag := s.o.HealthLag
	ill := map[string]bool{"database": s.switches.databaseDown.seen(lag), "registry": s.switches.backendDown.seen(lag), "redis": s.switches.redisDown.seen(lag)}
	overall := "healthy"
	var parts []object
	for _, name := range []string{"core", "database", "jobservice", "portal", "redis", "registry", "registryctl"} {
		part := object{"name": name, "status": "healthy"}
		if ill[name] {
			part["status"], part["error"], overall = "unhealthy", "failed to check health", "unhealthy"
		}
		parts = append(parts, part)
	}
	reply(c.w, http.StatusOK, object{"status": overall, "components": parts})
}

func (s *Server) getSystemInfo(c apiCall) {
	info := object{"auth_mode": s.o.AuthMode, "primary_auth_mode": false, "self_registration": false, "banner_message": ""}
	if c.who.known() {
		info["harbor_version"], info["read_only"] = "v2.15.2-fake", s.switches.readOnly
		info["external_url"], info["registry_url"] = s.URL, s.Host
	}
	reply(c.w, http.StatusOK, info)
}

// getCurrentUser is not for robots, but checks their secret first.
func (s *Server) getCurrentUser(c apiCall) {
	switch {
	case c.who.robot != nil:
		refuse(c.w, http.StatusPreconditionFailed, "PRECONDITION", "get current user not available for security context: robot")
	case c.who.user == nil:
		c.forbid()
	default:
		reply(c.w, http.StatusOK, c.who.user.json())
	}
}

func (u *user) json() object {
	return object{"user_id": u.id, "username": u.Name, "realname": u.RealName, "email": u.Email, "sysadmin_flag": u.Admin, "admin_role_in_auth": false, "creation_time": when(u.created)}
}

func (s *Server) listUsers(c apiCall) {
	if !c.admin() {
		c.forbid()
		return
	}
	var all []object
	for _, u := range s.users {
		if u.id != 0 && u.Name != AdminUser { // Harbor does not list its first administrator
			all = append(all, u.json())
		}
	}
	c.list(all)
}

// listGroups lists those that have been made a member of something.
func (s *Server) listGroups(c apiCall) {
	if !c.admin() {
		c.forbid()
		return
	}
	var all []object
	for _, g := range s.groups {
		if g.id != 0 {
			all = append(all, object{"id": g.id, "group_name": g.name(), "group_type": 1, "ldap_group_dn": g.dn})
		}
	}
	c.list(all)
}

// searchUsers has no second page.
func (s *Server) searchUsers(c apiCall) {
	if !c.who.known() {
		c.forbid()
		return
	}
	found := []object{}
	for _, u := range s.users {
		if u.id != 0 && strings.Contains(u.Name, c.r.URL.Query().Get("username")) && len(found) < 100 {
			found = append(found, object{"user_id": u.id, "username": u.Name})
		}
	}
	reply(c.w, http.StatusOK, found)
}

// setSecret is for OIDC only.
func (s *Server) setSecret(c apiCall) {
	if !c.who.known() {
		c.forbid()
		return
	}
	refuse(c.w, http.StatusPreconditionFailed, "PRECONDITION", "the user is not onboarded via OIDC AuthN")
}
