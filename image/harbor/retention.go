package harbor

import (
	"context"
	"fmt"
	"iter"
)

// Retention is which artifacts a project keeps: those that any rule keeps, and
// those with an immutable tag. Harbor deletes the others when the policy runs, in
// the repositories that some rule selects; it leaves alone what no rule selects.
type Retention struct {
	ID        int64           `json:"id,omitempty"`
	Algorithm string          `json:"algorithm"` // "or" is the only one
	Rules     []RetentionRule `json:"rules"`     // 15 at most
	Trigger   struct {
		Kind     string `json:"kind"` // "Schedule"
		Settings struct {
			Cron string `json:"cron"` // six fields, seconds first; empty for by hand only
		} `json:"settings"`
	} `json:"trigger"`
	Scope RetentionScope `json:"scope"`
}

// RetentionScope is whose policy it is.
type RetentionScope struct {
	Level     string `json:"level"` // "project"
	ProjectID int64  `json:"ref"`
}

// RetentionRule keeps some tags of some repositories.
type RetentionRule struct {
	ID       int64  `json:"id,omitempty"`
	Disabled bool   `json:"disabled"`
	Action   string `json:"action"` // "retain" is the only one
	// Template is KeepLatest, KeepPulled, KeepPushed or KeepAlways, and Params
	// its number under the template's own name; empty for KeepAlways.
	//
	// Harbor takes anything. With a template that it does not know, or without a
	// number, it deletes nothing; with 0 everything; and for a number below zero
	// it puts its own.
	Template string           `json:"template"`
	Params   map[string]int64 `json:"params"`
	// Tags select within the repositories of Scope["repository"].
	Tags  []Selector            `json:"tag_selectors"`
	Scope map[string][]Selector `json:"scope_selectors"`
}

// Templates of rules.
const (
	KeepLatest = "latestPushedK"      // the K tags that were pushed last
	KeepPulled = "nDaysSinceLastPull" // tags that were pulled in the last N days; HEAD is no pull
	KeepPushed = "nDaysSinceLastPush" // tags that were pushed in the last N days
	KeepAlways = "always"
)

// Selector matches names by a pattern with * and **. An artifact is selected for
// any one of its tags, and kept or deleted with all of them. One without tags is
// selected too, whatever the pattern is, so that "always" keeps what has lost its
// tag: TaggedOnly says otherwise.
type Selector struct {
	Kind       string `json:"kind"`       // "doublestar"
	Decoration string `json:"decoration"` // matches, excludes; repoMatches, repoExcludes
	Pattern    string `json:"pattern"`
	Extras     string `json:"extras,omitempty"`
}

// TaggedOnly is the Extras of a selector that matches: it leaves what has no tag
// to other rules. If there are none it is deleted.
const TaggedOnly = `{"untagged":false}`

// KeepTags is a rule for all tags of all repositories.
func KeepTags(template string, n int64) RetentionRule {
	r := RetentionRule{
		Action: "retain", Template: template, Params: map[string]int64{},
		Tags:  []Selector{{Kind: "doublestar", Decoration: "matches", Pattern: "**"}},
		Scope: map[string][]Selector{"repository": {{Kind: "doublestar", Decoration: "repoMatches", Pattern: "**"}}},
	}
	if template != KeepAlways {
		r.Params[template] = n
	}
	return r
}

// NewRetention is a policy of a project, by its id, that runs by hand only.
func NewRetention(projectID int64, rules ...RetentionRule) Retention {
	r := Retention{Algorithm: "or", Rules: rules, Scope: RetentionScope{Level: "project", ProjectID: projectID}}
	r.Trigger.Kind = "Schedule"
	return r
}

const retentionsPath = apiRoot + "/retentions"

func retentionPath(id int64) string { return fmt.Sprintf("%s/%d", retentionsPath, id) }

// Retention asks for a policy; a project names its own in its metadata.
func (c *Client) Retention(ctx context.Context, id int64) (Retention, error) {
	var r Retention
	err := c.get(ctx, retentionPath(id), nil, &r)
	return r, err
}

// CreateRetention gives a project a policy and returns its id; a second one for
// the same project is 400.
func (c *Client) CreateRetention(ctx context.Context, r Retention) (int64, error) {
	return c.create(ctx, retentionsPath, r)
}

// UpdateRetention replaces the policy with r.ID.
func (c *Client) UpdateRetention(ctx context.Context, r Retention) error {
	return c.put(ctx, retentionPath(r.ID), r)
}

// DeleteRetention takes a project's policy from it: all tags stay.
func (c *Client) DeleteRetention(ctx context.Context, id int64) error {
	return c.remove(ctx, retentionPath(id))
}

// TriggerRetention runs a policy and returns the run's id. A dry run deletes
// nothing.
func (c *Client) TriggerRetention(ctx context.Context, id int64, dryRun bool) (int64, error) {
	return c.create(ctx, retentionPath(id)+"/executions", map[string]any{"dry_run": dryRun})
}

// RetentionRun is one run of a policy.
type RetentionRun struct {
	ID      int64  `json:"id"`
	Status  string `json:"status"` // Running, for up to half a minute after the end; RunSucceeded, RunFailed
	DryRun  bool   `json:"dry_run"`
	Trigger string `json:"trigger"`    // MANUAL or Schedule
	Started string `json:"start_time"` // as Harbor writes it
	Ended   string `json:"end_time"`   // in the year 1 while it is running
}

// What becomes of a run, or of its part in one repository.
const (
	RunSucceeded = "Success"
	RunFailed    = "Error"
)

// RetentionRuns are the runs of a policy, the last one first.
func (c *Client) RetentionRuns(ctx context.Context, id int64) iter.Seq2[RetentionRun, error] {
	return pages[RetentionRun](ctx, c, retentionPath(id)+"/executions", nil, nil)
}

// RetentionTask is the part of a run in one repository. Its status is true at
// once, unlike that of the run.
type RetentionTask struct {
	ID         int64  `json:"id"`
	Repository string `json:"repository"` // within the project
	Status     string `json:"status"`
	Total      int    `json:"total"`    // artifacts that were there
	Retained   int    `json:"retained"` // those that a rule keeps, without the immutable ones
}

// RetentionTasks are the parts of a run: none, if no rule selects anything.
func (c *Client) RetentionTasks(ctx context.Context, id, run int64) iter.Seq2[RetentionTask, error] {
	return pages[RetentionTask](ctx, c, fmt.Sprintf("%s/executions/%d/tasks", retentionPath(id), run), nil, nil)
}
