package fakeharbor

import (
	"net/http"
	"reflect"
	"slices"
)

// immutableRule keeps tags where they are, as the API says it.
type immutableRule struct {
	ID       int64                     `json:"id"`
	Disabled bool                      `json:"disabled,omitempty"`
	Action   string                    `json:"action"`
	Template string                    `json:"template"`
	Tags     []selectorJSON            `json:"tag_selectors"`
	Scope    map[string][]selectorJSON `json:"scope_selectors"`
}

// immutableRules are rules for all repositories; the fake regards no other scope.
func (s *Server) immutableRules(patterns []string) []*immutableRule {
	var all []*immutableRule
	for _, pattern := range patterns {
		all = append(all, &immutableRule{
			ID: s.id(), Action: "immutable", Template: "immutable_template",
			Tags:  []selectorJSON{{Kind: "doublestar", Decoration: "matches", Pattern: pattern}},
			Scope: map[string][]selectorJSON{"repository": {{Kind: "doublestar", Decoration: "repoMatches", Pattern: "**"}}},
		})
	}
	return all
}

func (s *Server) listImmutable(c apiCall, p *project) {
	var all []object
	for _, r := range p.immutable {
		o := object{"id": r.ID, "action": r.Action, "template": r.Template, "tag_selectors": r.Tags, "scope_selectors": r.Scope}
		if r.Disabled {
			o["disabled"] = true
		}
		all = append(all, o)
	}
	c.list(all)
}

func (s *Server) createImmutable(c apiCall, p *project) {
	var in immutableRule
	if !c.body(&in) {
		return
	}
	in.ID = s.id()
	same := func(r *immutableRule) bool {
		return reflect.DeepEqual(r.Tags, in.Tags) && reflect.DeepEqual(r.Scope, in.Scope)
	}
	if find(p.immutable, same) != nil {
		refuse(c.w, http.StatusConflict, "CONFLICT", "immutable rule already exists")
		return
	}
	p.immutable = append(p.immutable, &in)
	c.created(in.ID)
}

func (s *Server) updateImmutable(c apiCall, p *project) {
	r := find(p.immutable, func(r *immutableRule) bool { return r.ID == c.id() })
	var in immutableRule
	switch {
	case r == nil:
		c.notFound("immutable rule %d not found", c.id())
	case c.body(&in):
		in.ID = r.ID
		*r = in
		c.w.WriteHeader(http.StatusOK)
	}
}

func (s *Server) deleteImmutable(c apiCall, p *project) {
	n := len(p.immutable)
	p.immutable = slices.DeleteFunc(p.immutable, func(r *immutableRule) bool { return r.ID == c.id() })
	if len(p.immutable) == n {
		c.notFound("immutable rule %d not found", c.id())
		return
	}
	c.w.WriteHeader(http.StatusOK)
}
