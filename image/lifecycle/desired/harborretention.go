package desired

import (
	"fmt"
	"strings"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// HarborRetention is a policy that Harbor carries out. It keeps what any of its rules
// keeps. Harbor knows of pulls, but not of jobs that run an image out of the store.
type HarborRetention struct {
	Latest     int64    `toml:"keep_latest"`      // tags pushed last, of each repository
	PulledDays int64    `toml:"keep_pulled_days"` // pulled in so many days
	PushedDays int64    `toml:"keep_pushed_days"` // pushed in so many days
	Tags       []string `toml:"keep_tags"`        // patterns of tags that always stay
	Cron       string   `toml:"cron"`             // six fields, seconds first; by hand only if empty
}

// mostHarborRules is Harbor's bound.
const mostHarborRules = 15

// policy is for the project of an id.
func (r *HarborRetention) policy(projectID int64) harbor.Retention {
	var rules []harbor.RetentionRule
	for _, t := range []struct {
		template string
		n        int64
	}{{harbor.KeepLatest, r.Latest}, {harbor.KeepPulled, r.PulledDays}, {harbor.KeepPushed, r.PushedDays}} {
		if t.n > 0 {
			rules = append(rules, harbor.KeepTags(t.template, t.n))
		}
	}
	for _, pattern := range sorted(r.Tags) {
		rule := harbor.KeepTags(harbor.KeepAlways, 0)
		rule.Tags[0].Pattern = pattern
		rules = append(rules, rule)
	}
	p := harbor.NewRetention(projectID, rules...)
	p.Trigger.Settings.Cron = r.Cron
	return p
}

// describeRetention is a policy on one line. Two that do the same are written alike,
// so it serves to compare them, too.
func describeRetention(p harbor.Retention) string {
	var words []string
	for _, rule := range p.Rules {
		words = append(words, describeRule(rule))
	}
	text := "keep " + strings.Join(words, ", ")
	if len(words) == 0 {
		text = "keep nothing"
	}
	if cron := p.Trigger.Settings.Cron; cron != "" {
		text += " (" + cron + ")"
	}
	return text
}

func describeRule(rule harbor.RetentionRule) string {
	n := rule.Params[rule.Template]
	words := map[string]string{
		harbor.KeepLatest: fmt.Sprintf("the last %d", n), harbor.KeepPulled: fmt.Sprintf("pulled in %d days", n),
		harbor.KeepPushed: fmt.Sprintf("pushed in %d days", n), harbor.KeepAlways: "always",
	}[rule.Template]
	if words == "" {
		words = fmt.Sprintf("%s %d", rule.Template, n)
	}
	if tags := selectors(rule.Tags); tags != "matches **" {
		words += " of tags: " + tags
	}
	if repositories := selectors(rule.Scope["repository"]); repositories != "repoMatches **" {
		words += " of repositories: " + repositories
	}
	if rule.Disabled {
		words += " (disabled)"
	}
	return words
}

func selectors(all []harbor.Selector) string {
	var words []string
	for _, s := range all {
		words = append(words, s.Decoration+" "+s.Pattern)
	}
	return strings.Join(words, " and ")
}
