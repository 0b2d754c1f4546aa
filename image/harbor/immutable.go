package harbor

import (
	"context"
	"fmt"
	"iter"
)

// ImmutableRule keeps tags from being moved and removed (412). A tag is immutable if
// any rule that is not disabled selects it.
type ImmutableRule struct {
	ID       int64                 `json:"id,omitempty"`
	Disabled bool                  `json:"disabled"`
	Action   string                `json:"action"`   // "immutable" is the only one
	Template string                `json:"template"` // "immutable_template" is the only one
	Tags     []Selector            `json:"tag_selectors"`
	Scope    map[string][]Selector `json:"scope_selectors"`
}

// ImmutableTags is a rule for the tags that fit a pattern, in all repositories.
func ImmutableTags(pattern string) ImmutableRule {
	return ImmutableRule{
		Action: "immutable", Template: "immutable_template",
		Tags:  []Selector{{Kind: "doublestar", Decoration: "matches", Pattern: pattern}},
		Scope: map[string][]Selector{"repository": {{Kind: "doublestar", Decoration: "repoMatches", Pattern: "**"}}},
	}
}

// Pattern is what r was made of by ImmutableTags; ok is false for other rules.
func (r ImmutableRule) Pattern() (pattern string, ok bool) {
	repositories := r.Scope["repository"]
	if len(r.Tags) != 1 || len(repositories) != 1 || r.Tags[0].Decoration != "matches" {
		return "", false
	}
	return r.Tags[0].Pattern, repositories[0].Decoration == "repoMatches" && repositories[0].Pattern == "**"
}

func immutablePath(project string) string { return projectPath(project) + "/immutabletagrules" }

// ImmutableRules are all of a project.
func (c *Client) ImmutableRules(ctx context.Context, project string) iter.Seq2[ImmutableRule, error] {
	return pages[ImmutableRule](ctx, c, immutablePath(project), nil, nil)
}

// CreateImmutableRule adds a rule and returns its id; the same rule a second time is
// 409. There are 15 at most.
func (c *Client) CreateImmutableRule(ctx context.Context, project string, r ImmutableRule) (int64, error) {
	return c.create(ctx, immutablePath(project), r)
}

// UpdateImmutableRule replaces the rule with r.ID.
func (c *Client) UpdateImmutableRule(ctx context.Context, project string, r ImmutableRule) error {
	return c.put(ctx, fmt.Sprintf("%s/%d", immutablePath(project), r.ID), r)
}

// DeleteImmutableRule removes a rule.
func (c *Client) DeleteImmutableRule(ctx context.Context, project string, id int64) error {
	return c.remove(ctx, fmt.Sprintf("%s/%d", immutablePath(project), id))
}
