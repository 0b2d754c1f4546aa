package fakeharbor

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// retention is a project's policy.
type retention struct {
	id      int64
	project int64
	policy  policyJSON
	runs    []retentionRun
}

// retentionRun is one run. What is to be deleted is deleted at once, but its
// status is behind.
type retentionRun struct {
	id     int64
	start  time.Time
	dryRun bool
}

// retentionLag is how long a run that has ended says that it is running.
const retentionLag = 14 * time.Second

type policyJSON struct {
	ID        int64      `json:"id"`
	Algorithm string     `json:"algorithm"`
	Rules     []ruleJSON `json:"rules"`
	Trigger   object     `json:"trigger"`
	Scope     struct {
		Level string `json:"level"`
		Ref   int64  `json:"ref"`
	} `json:"scope"`
}

type ruleJSON struct {
	ID       int64                     `json:"id"`
	Priority int                       `json:"priority"`
	Disabled bool                      `json:"disabled"`
	Action   string                    `json:"action"`
	Template string                    `json:"template"`
	Params   map[string]int64          `json:"params"`
	Tags     []selectorJSON            `json:"tag_selectors"`
	Scope    map[string][]selectorJSON `json:"scope_selectors"`
}

type selectorJSON struct {
	Kind       string `json:"kind"`
	Decoration string `json:"decoration"`
	Pattern    string `json:"pattern"`
}

func (s *Server) createRetention(c apiCall) {
	var in policyJSON
	if !c.body(&in) {
		return
	}
	p := s.projectByID(in.Scope.Ref)
	switch {
	case p == nil || in.Scope.Level != "project":
		c.badRequest("invalid Project id %d", in.Scope.Ref)
	case !s.may(c.who, p, "tag-retention", "create"):
		c.forbid()
	case p.metadata["retention_id"] != "":
		c.badRequest("project %d already has retention policy %s", p.id, p.metadata["retention_id"])
	default:
		added := &retention{id: s.id(), project: p.id, policy: in}
		added.policy.ID = added.id
		s.retentions = append(s.retentions, added)
		p.metadata["retention_id"] = strconv.FormatInt(added.id, 10)
		c.created(added.id)
	}
}

// ofRetention is for calls about one policy.
func (s *Server) ofRetention(action string, serve func(apiCall, *retention, *project)) func(apiCall) {
	return func(c apiCall) {
		found := find(s.retentions, func(r *retention) bool { return r.id == c.id() })
		if found == nil {
			c.badRequest("no such retention policy %d", c.id())
			return
		}
		p := s.projectByID(found.project)
		if p == nil || !s.may(c.who, p, "tag-retention", action) {
			c.forbid()
			return
		}
		serve(c, found, p)
	}
}

func (s *Server) getRetention(c apiCall, found *retention, _ *project) {
	reply(c.w, http.StatusOK, found.policy)
}

func (s *Server) updateRetention(c apiCall, found *retention, _ *project) {
	var in policyJSON
	if !c.body(&in) {
		return
	}
	in.ID = found.id
	found.policy = in
	c.w.WriteHeader(http.StatusOK)
}

func (s *Server) deleteRetention(c apiCall, found *retention, p *project) {
	s.retentions = slices.DeleteFunc(s.retentions, func(r *retention) bool { return r == found })
	delete(p.metadata, "retention_id")
	c.w.WriteHeader(http.StatusOK)
}

func (s *Server) runRetention(c apiCall, found *retention, p *project) {
	var in struct {
		DryRun bool `json:"dry_run"`
	}
	if !c.body(&in) {
		return
	}
	run := retentionRun{id: s.id(), start: time.Now(), dryRun: in.DryRun}
	found.runs = slices.Insert(found.runs, 0, run)
	for _, repo := range p.repos {
		s.retain(found.policy, repo, in.DryRun)
	}
	c.created(run.id)
	s.tellProject("TAG_RETENTION", c.who.name(), p, object{"retention": object{"total": 0, "status": "SUCCESS"}})
}

// retain removes the tags that no rule keeps, and artifacts with their last tag.
func (s *Server) retain(policy policyJSON, repo *repository, dryRun bool) {
	kept := map[*artifact]bool{}
	for _, rule := range policy.Rules {
		if !rule.Disabled && selected(rule.Scope["repository"], repo.name) {
			maps.Copy(kept, rule.keep(repo))
		}
	}
	for _, a := range slices.Clone(repo.artifacts) {
		if !kept[a] && a.subject == "" && !dryRun {
			repo.remove(a)
		}
	}
}

// keep is what one rule keeps of a repository.
func (rule ruleJSON) keep(repo *repository) map[*artifact]bool {
	var candidates []*artifact
	for _, a := range repo.artifacts {
		if slices.ContainsFunc(repo.tagsOf(a), func(t *tag) bool { return selected(rule.Tags, t.name) }) {
			candidates = append(candidates, a)
		}
	}
	slices.SortFunc(candidates, func(a, b *artifact) int { return b.pushed.Compare(a.pushed) })
	n := rule.Params[rule.Template]
	oldest := time.Now().AddDate(0, 0, -int(n))
	kept := map[*artifact]bool{}
	for i, a := range candidates {
		switch rule.Template {
		case "latestPushedK":
			kept[a] = i < int(n)
		case "nDaysSinceLastPull":
			kept[a] = a.pulled.After(oldest)
		case "nDaysSinceLastPush":
			kept[a] = a.pushed.After(oldest)
		case "always":
			kept[a] = true
		}
		if !kept[a] {
			delete(kept, a)
		}
	}
	return kept
}

func selected(selectors []selectorJSON, name string) bool {
	return !slices.ContainsFunc(selectors, func(sel selectorJSON) bool {
		excludes := sel.Decoration == "excludes" || sel.Decoration == "repoExcludes"
		return matches(sel.Pattern, name) == excludes
	})
}

func (s *Server) listRetentionRuns(c apiCall, found *retention, _ *project) {
	var all []object
	for _, run := range found.runs {
		status := "Running"
		if time.Since(run.start) > retentionLag {
			status = "Succeed"
		}
		all = append(all, object{"id": run.id, "policy_id": found.id, "status": status, "dry_run": run.dryRun, "trigger": "MANUAL", "start_time": when(run.start), "end_time": when(run.start)})
	}
	c.list(all)
}
