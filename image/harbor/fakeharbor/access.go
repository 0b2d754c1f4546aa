package fakeharbor

import (
	"slices"
	"strings"
)

// role is the highest role of who in p; 0 for none.
func (s *Server) role(who *identity, p *project) int {
	if who.user == nil {
		return 0
	}
	rank := []int{ProjectAdmin, Maintainer, Developer, Guest, LimitedGuest}
	best := len(rank)
	for _, m := range p.members {
		in := m.user == who.user || m.group != nil && slices.ContainsFunc(who.user.Groups, func(dn string) bool { return strings.EqualFold(dn, m.group.dn) })
		if i := slices.Index(rank, m.role); in && i < best {
			best = i
		}
	}
	if best == len(rank) {
		return 0
	}
	return rank[best]
}

// rights are what each role may do, as resource:action. The actions of /v2 are
// those on the resource repository. A project admin may do everything.
var rights = map[int][]string{
	LimitedGuest: {"repository:pull", "repository:read", "repository:list", "artifact:read", "artifact:list", "artifact-addition:read", "accessory:list", "tag:list", "quota:read", "project:read"},
	Guest:        {"member:list", "robot:list"},
	Developer:    {"repository:push", "tag:create"},
	Maintainer: {"repository:delete", "artifact:delete", "tag:delete", "scan:create", "tag-retention:read", "tag-retention:list", "tag-retention:create",
		"tag-retention:update", "notification-policy:list", "notification-policy:read"},
}

// includes are the roles whose rights a role has as well.
var includes = map[int][]int{
	LimitedGuest: {LimitedGuest},
	Guest:        {LimitedGuest, Guest},
	Developer:    {LimitedGuest, Guest, Developer},
	Maintainer:   {LimitedGuest, Guest, Developer, Maintainer},
}

// publicRights are everybody's in a public project.
var publicRights = []string{"repository:pull", "repository:read", "repository:list", "artifact:read", "artifact:list", "artifact-addition:read", "accessory:list", "tag:list", "project:read"}

// may reports whether who may do action on resource in p.
func (s *Server) may(who *identity, p *project, resource, action string) bool {
	right := resource + ":" + action
	if p.metadata["public"] == "true" && slices.Contains(publicRights, right) {
		return true
	}
	switch {
	case who.token != nil:
		return resource == "repository" && slices.Contains(who.token[p.name], action)
	case who.robot != nil:
		return slices.Contains(who.robot.access[p.id], right)
	case who.user == nil:
		return false
	case who.user.Admin:
		return true
	}
	role := s.role(who, p)
	if role == ProjectAdmin {
		return true
	}
	return slices.ContainsFunc(includes[role], func(r int) bool { return slices.Contains(rights[r], right) })
}
