package fakeharbor

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
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
// status is behind: Harbor looks every 30 seconds which runs have ended. Its
// tasks know at once.
type retentionRun struct {
	id     int64
	start  time.Time
	dryRun bool
	tasks  []retentionTask
}

// retentionTask is what a run did in one repository.
type retentionTask struct {
	id              int64
	repository      string // within the project
	status          string // Success or Error
	total, retained int
}

// retentionLag is how long a run that has ended says that it is running; up to
// 30 s in Harbor.
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
	Disabled bool                      `json:"disabled,omitempty"`
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
	Extras     string `json:"extras,omitempty"` // JSON in JSON: {"untagged": true}
}

func (s *Server) createRetention(c apiCall) {
	var in policyJSON
	if !c.body(&in) {
		return
	}
	p := s.projectByID(in.Scope.Ref)
	if !in.sound(c) {
		return
	}
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

// sound answers when a policy is not. Harbor looks at little more: a template
// that it does not know and senseless numbers are accepted.
func (in policyJSON) sound(c apiCall) bool {
	settings, _ := in.Trigger["settings"].(map[string]any)
	cron, _ := settings["cron"].(string)
	if fields := strings.Fields(cron); cron != "" && len(fields) != 6 {
		c.badRequest("invalid cron string for scheduled tag retention: %s, error: expected exactly 6 fields, found %d: %v", cron, len(fields), fields)
		return false
	} else if cron != "" && fields[0] != "0" {
		c.badRequest("invalid cron string for scheduled tag retention: %s, error: the 1st field (indicating Seconds of time) of the cron setting must be 0", cron)
		return false
	}
	if len(in.Rules) > 15 {
		c.badRequest("bad request: only 15 rules are allowed at most")
		return false
	}
	for i, rule := range in.Rules {
		for j, earlier := range in.Rules[:i] {
			if rule.ID, earlier.ID = 0, 0; reflect.DeepEqual(rule, earlier) {
				refuse(c.w, http.StatusConflict, "CONFLICT", fmt.Sprintf("resource conflict: rule %d is conflict with rule %d", i, j))
				return false
			}
		}
	}
	return true
}

// ofRetention is for calls about one policy. What Harbor says to the id of none
// depends on the call.
func (s *Server) ofRetention(action string, serve func(apiCall, *retention, *project)) func(apiCall) {
	return func(c apiCall) {
		found := find(s.retentions, func(r *retention) bool { return r.id == c.id() })
		if found == nil {
			switch c.r.Method {
			case http.MethodGet:
				refuse(c.w, http.StatusInternalServerError, "UNKNOWN", "internal server error")
			case http.MethodPut:
				c.notFound("resource not found: the retention policy id %d does not match", c.id())
			default:
				c.badRequest("bad request: no such Retention policy with id %d", c.id())
			}
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
	if !c.body(&in) || !in.sound(c) {
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

func (s *Server) listRetentionRuns(c apiCall, found *retention, _ *project) {
	var all []object
	for _, run := range found.runs {
		o := object{"id": run.id, "policy_id": found.id, "status": "Running", "trigger": "MANUAL", "start_time": when(run.start), "end_time": "0001-01-01T00:00:00Z"}
		if run.dryRun {
			o["dry_run"] = true
		}
		if len(run.tasks) == 0 || time.Since(run.start) > retentionLag {
			o["status"], o["end_time"] = run.status(), when(run.start)
		}
		all = append(all, o)
	}
	c.list(all)
}

func (run retentionRun) status() string {
	if slices.ContainsFunc(run.tasks, func(t retentionTask) bool { return t.status != taskDone }) {
		return taskFailed
	}
	return taskDone
}

func (s *Server) listRetentionTasks(c apiCall, found *retention, _ *project) {
	var all []object
	for _, run := range found.runs {
		if c.r.PathValue("execution") != strconv.FormatInt(run.id, 10) {
			continue
		}
		for _, t := range run.tasks {
			all = append(all, object{"id": t.id, "execution_id": run.id, "repository": t.repository, "status": t.status, "total": t.total, "retained": t.retained, "start_time": when(run.start), "end_time": when(run.start)})
		}
	}
	c.list(all)
}
