package fakeharbor

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// What became of a task.
const (
	taskDone   = "Success"
	taskFailed = "Error"
)

func (s *Server) runRetention(c apiCall, found *retention, p *project) {
	var in struct {
		DryRun bool `json:"dry_run"`
	}
	if !c.body(&in) {
		return
	}
	run := retentionRun{id: s.id(), start: time.Now(), dryRun: in.DryRun}
	for _, repo := range slices.Clone(p.repos) {
		if rules := found.policy.rulesFor(repo); len(rules) > 0 {
			run.tasks = append(run.tasks, s.retain(found, rules, repo, in.DryRun, c.who.name()))
		}
	}
	found.runs = slices.Insert(found.runs, 0, run)
	c.created(run.id)
}

// rulesFor are the rules that select a repository. One that no rule selects is
// left alone; so is everything under a policy without rules.
func (policy policyJSON) rulesFor(repo *repository) []ruleJSON {
	var rules []ruleJSON
	for _, rule := range policy.Rules {
		if !rule.Disabled && selected(rule.Scope["repository"], repo.name) {
			rules = append(rules, rule)
		}
	}
	return rules
}

// retain removes the artifacts that no rule keeps, with all their tags. An
// artifact is kept whole for any of its tags; and for an immutable one.
func (s *Server) retain(found *retention, rules []ruleJSON, repo *repository, dryRun bool, operator string) retentionTask {
	task := retentionTask{id: s.id(), repository: repo.name, status: taskDone}
	kept := map[*artifact]bool{}
	for _, rule := range rules {
		if !rule.known() {
			task.status = taskFailed // and nothing is deleted
			return task
		}
		maps.Copy(kept, rule.keep(repo))
	}
	var deleted []object
	for _, a := range slices.Clone(repo.artifacts) {
		if a.subject != "" {
			continue
		}
		task.total++
		if kept[a] {
			task.retained++
			continue
		}
		immutable := slices.ContainsFunc(repo.tagsOf(a), func(t *tag) bool { return repo.project.locked(t.name) })
		if dryRun || immutable {
			continue
		}
		name, tagName := repo.name+"@"+a.digest, repo.firstTag(a)
		if tagName != "" {
			name = repo.name + ":" + tagName
		}
		deleted = append(deleted, object{"type": "image", "status": "SUCCESS", "name_tag": name, "references": nil})
		repo.remove(a)
		s.tell("DELETE_ARTIFACT", "harbor-jobservice", repo, a, tagName)
	}
	if len(deleted) > 0 {
		s.tellProject("TAG_RETENTION", operator, repo.project, object{"retention": object{
			"total": task.total, "retained": task.retained, "harbor_hostname": "127.0.0.1", "project_name": repo.project.name,
			"retention_policy_id": found.id, "retention_rule": rules, "result": "SUCCESS", "deleted_artifact": deleted,
		}})
	}
	return task
}

// known reports whether Harbor can evaluate a rule.
func (rule ruleJSON) known() bool {
	switch rule.Template {
	case "always":
		return true
	case "latestPushedK", "latestPulledN", "nDaysSinceLastPull", "nDaysSinceLastPush":
		_, given := rule.Params[rule.Template]
		return given
	default:
		return false
	}
}

// keep is what one rule keeps of a repository.
func (rule ruleJSON) keep(repo *repository) map[*artifact]bool {
	var candidates []*artifact
	for _, a := range repo.artifacts {
		if a.subject == "" && rule.selects(repo.tagsOf(a)) {
			candidates = append(candidates, a)
		}
	}
	latest := func(a, b *artifact) int { return b.pushed.Compare(a.pushed) }
	if rule.Template == "latestPulledN" {
		latest = func(a, b *artifact) int { return b.pulled.Compare(a.pulled) }
	}
	slices.SortStableFunc(candidates, latest)
	n := rule.Params[rule.Template]
	if n < 0 { // Harbor takes its own number instead
		n = 10
		if strings.HasPrefix(rule.Template, "nDays") {
			n = 30
		}
	}
	oldest := time.Now().AddDate(0, 0, -int(n))
	kept := map[*artifact]bool{}
	for i, a := range candidates {
		var keep bool
		switch rule.Template {
		case "latestPushedK", "latestPulledN":
			keep = i < int(n)
		case "nDaysSinceLastPull":
			keep = a.pulled.After(oldest) // never pulled is not kept
		case "nDaysSinceLastPush":
			keep = a.pushed.After(oldest)
		case "always":
			keep = true
		}
		if keep {
			kept[a] = true
		}
	}
	return kept
}

// selects reports whether a rule is about an artifact with these tags. One
// without tags is selected by any pattern that matches, unless the extras say
// no; and by one that excludes, in the same way.
func (rule ruleJSON) selects(tags []*tag) bool {
	return !slices.ContainsFunc(rule.Tags, func(sel selectorJSON) bool {
		excludes := sel.Decoration == "excludes"
		if len(tags) == 0 {
			return sel.untagged() == excludes
		}
		return !slices.ContainsFunc(tags, func(t *tag) bool { return matches(sel.Pattern, t.name) != excludes })
	})
}

func (sel selectorJSON) untagged() bool {
	extras := struct {
		Untagged bool `json:"untagged"`
	}{sel.Decoration != "excludes"}
	if sel.Extras != "" {
		extras.Untagged = false
		if json.Unmarshal([]byte(sel.Extras), &extras) != nil {
			return sel.Decoration != "excludes"
		}
	}
	return extras.Untagged
}

func selected(selectors []selectorJSON, name string) bool {
	return !slices.ContainsFunc(selectors, func(sel selectorJSON) bool {
		excludes := sel.Decoration == "excludes" || sel.Decoration == "repoExcludes"
		return matches(sel.Pattern, name) == excludes
	})
}
