package harbor_test

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor"
)

// what a repository holds: each artifact by its tags, - for none.
func (tgt *target) tagsIn(project, repository string) []string {
	tgt.Helper()
	var all []string
	for a, err := range tgt.admin.Artifacts(tgt.ctx(), project, repository) {
		tgt.check(err)
		var names []string
		for _, tag := range a.Tags {
			names = append(names, tag.Name)
		}
		if names == nil {
			names = []string{"-"}
		}
		slices.Sort(names)
		all = append(all, strings.Join(names, "+"))
	}
	slices.Sort(all)
	return all
}

// retain runs a project's policy, which it makes or replaces, and waits for its
// end.
func (tgt *target) retain(policy *harbor.Retention, dryRun bool, rules ...harbor.RetentionRule) []harbor.RetentionTask {
	tgt.Helper()
	ctx := tgt.ctx()
	policy.Rules = rules
	var err error
	if policy.ID == 0 {
		policy.ID, err = tgt.admin.CreateRetention(ctx, *policy)
	} else {
		err = tgt.admin.UpdateRetention(ctx, *policy)
	}
	tgt.check(err)
	run, err := tgt.admin.TriggerRetention(ctx, policy.ID, dryRun)
	tgt.check(err)
	var tasks []harbor.RetentionTask
	tgt.eventually("the run ends", func() bool {
		tasks, err = harbor.All(tgt.admin.RetentionTasks(ctx, policy.ID, run))
		tgt.check(err)
		if len(tasks) == 0 { // then the run says that it is over
			for r, err := range tgt.admin.RetentionRuns(ctx, policy.ID) {
				tgt.check(err)
				return r.Status == harbor.RunSucceeded
			}
		}
		return !slices.ContainsFunc(tasks, func(t harbor.RetentionTask) bool {
			return t.Status != harbor.RunSucceeded && t.Status != harbor.RunFailed
		})
	})
	return tasks
}

// selecting narrows a rule to tags.
func selecting(r harbor.RetentionRule, pattern, extras string) harbor.RetentionRule {
	r.Tags = []harbor.Selector{{Kind: "doublestar", Decoration: "matches", Pattern: pattern, Extras: extras}}
	return r
}

// What a rule deletes is the sort of thing that one must not guess.
func TestRetentionRules(t *testing.T) {
	always := harbor.KeepTags(harbor.KeepAlways, 0)
	nothing := harbor.KeepTags(harbor.KeepLatest, 0)
	elsewhere, off := nothing, nothing
	elsewhere.Scope = map[string][]harbor.Selector{"repository": {{Kind: "doublestar", Decoration: "repoMatches", Pattern: "other"}}}
	off.Disabled = true
	unknown, numberless := nothing, nothing
	unknown.Template = "nonsense"
	numberless.Params = map[string]int64{}
	all := []string{"-", "new", "x+y"}
	for name, tc := range map[string]struct {
		rules []harbor.RetentionRule
		left  []string
		tasks []harbor.RetentionTask // without ids
	}{
		"one tag keeps the artifact":    {[]harbor.RetentionRule{selecting(always, "x", harbor.TaggedOnly)}, []string{"x+y"}, []harbor.RetentionTask{{Repository: "app", Status: "Success", Total: 3, Retained: 1}}},
		"and what has no tag":           {[]harbor.RetentionRule{selecting(always, "x", "")}, []string{"-", "x+y"}, []harbor.RetentionTask{{Repository: "app", Status: "Success", Total: 3, Retained: 2}}},
		"the last, which has no tag":    {[]harbor.RetentionRule{selecting(harbor.KeepTags(harbor.KeepLatest, 1), "nobody's", "")}, []string{"-"}, []harbor.RetentionTask{{Repository: "app", Status: "Success", Total: 3, Retained: 1}}},
		"two rules":                     {[]harbor.RetentionRule{selecting(always, "x", harbor.TaggedOnly), selecting(always, "n*", harbor.TaggedOnly)}, []string{"new", "x+y"}, []harbor.RetentionTask{{Repository: "app", Status: "Success", Total: 3, Retained: 2}}},
		"nothing was pulled":            {[]harbor.RetentionRule{harbor.KeepTags(harbor.KeepPulled, 30)}, nil, []harbor.RetentionTask{{Repository: "app", Status: "Success", Total: 3}}},
		"pushed lately":                 {[]harbor.RetentionRule{harbor.KeepTags(harbor.KeepPushed, 30)}, all, []harbor.RetentionTask{{Repository: "app", Status: "Success", Total: 3, Retained: 3}}},
		"the last none":                 {[]harbor.RetentionRule{nothing}, nil, []harbor.RetentionTask{{Repository: "app", Status: "Success", Total: 3}}},
		"no rules":                      {nil, all, nil},
		"disabled rules":                {[]harbor.RetentionRule{off}, all, nil},
		"rules for other repositories":  {[]harbor.RetentionRule{elsewhere}, all, nil},
		"a template that nobody knows":  {[]harbor.RetentionRule{unknown}, all, []harbor.RetentionTask{{Repository: "app", Status: "Error"}}},
		"a template without its number": {[]harbor.RetentionRule{numberless}, all, []harbor.RetentionTask{{Repository: "app", Status: "Error"}}},
		"days below zero, which are 30": {[]harbor.RetentionRule{harbor.KeepTags(harbor.KeepPushed, -1)}, all, []harbor.RetentionTask{{Repository: "app", Status: "Success", Total: 3, Retained: 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tgt := newTarget(t)
			ctx := t.Context()
			p := tgt.newProject(harbor.NewProject{})
			info, err := tgt.admin.Project(ctx, p)
			tgt.check(err)
			tgt.push(p+"/app", "x")
			tgt.check(tgt.admin.AddTag(ctx, p, "app", "x", "y"))
			tgt.push(p+"/app", "new")
			untagged := tgt.push(p+"/app", "old")
			tgt.check(tgt.admin.DeleteTag(ctx, p, "app", untagged.String(), "old"))
			policy := harbor.NewRetention(info.ID)
			dry := tgt.retain(&policy, true, tc.rules...)
			if diff := cmp.Diff(all, tgt.tagsIn(p, "app")); diff != "" {
				t.Errorf("after a dry run (-want +got):\n%s", diff)
			}
			tasks := tgt.retain(&policy, false, tc.rules...)
			for _, list := range [][]harbor.RetentionTask{dry, tasks} {
				for i := range list {
					list[i].ID = 0
				}
				if diff := cmp.Diff(tc.tasks, list); diff != "" {
					t.Errorf("tasks (-want +got):\n%s", diff)
				}
			}
			if diff := cmp.Diff(tc.left, tgt.tagsIn(p, "app")); diff != "" {
				t.Errorf("what is left (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRetentionRefused(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	info, err := tgt.admin.Project(ctx, tgt.newProject(harbor.NewProject{}))
	tgt.check(err)
	rule := harbor.KeepTags(harbor.KeepLatest, 1)
	at := func(cron string) harbor.Retention {
		policy := harbor.NewRetention(info.ID, rule)
		policy.Trigger.Settings.Cron = cron
		return policy
	}
	many := harbor.NewRetention(info.ID)
	for n := range int64(16) {
		many.Rules = append(many.Rules, harbor.KeepTags(harbor.KeepLatest, n))
	}
	for name, tc := range map[string]struct {
		policy harbor.Retention
		status int
	}{
		"five fields":    {at("0 3 * * *"), http.StatusBadRequest},
		"a word":         {at("@daily"), http.StatusBadRequest},
		"every second":   {at("* * * * * *"), http.StatusBadRequest},
		"too many rules": {many, http.StatusBadRequest},
		"a rule twice":   {harbor.NewRetention(info.ID, rule, rule), http.StatusConflict},
	} {
		_, err := tgt.admin.CreateRetention(ctx, tc.policy)
		tgt.wantStatus(name, err, tc.status)
	}
	const none = 999_999_999
	_, err = tgt.admin.Retention(ctx, none)
	tgt.wantStatus("asking for none", err, http.StatusInternalServerError)
	_, err = tgt.admin.TriggerRetention(ctx, none, true)
	tgt.wantStatus("running none", err, http.StatusBadRequest)
	policy := at("0 0 3 * * *")
	policy.ID, err = tgt.admin.CreateRetention(ctx, policy)
	tgt.check(err)
	got, err := tgt.admin.Retention(ctx, policy.ID)
	tgt.check(err)
	if got.Trigger.Settings.Cron != "0 0 3 * * *" {
		t.Errorf("the schedule is %q", got.Trigger.Settings.Cron)
	}
}

// A dry run and one that deletes nothing are not told.
func TestRetentionWebhooks(t *testing.T) {
	tgt := newTarget(t)
	if !net.ParseIP(tgt.base.Hostname()).IsLoopback() {
		tgt.needsFake("it reaches a receiver on loopback")
	}
	ctx := t.Context()
	h := listen(t)
	p := tgt.newProject(harbor.NewProject{})
	info, err := tgt.admin.Project(ctx, p)
	tgt.check(err)
	_, err = tgt.admin.CreateWebhook(ctx, p, harbor.Webhook{
		Name: "jadm", Enabled: true, Events: []string{harbor.EventRetention, harbor.EventDelete},
		Targets: []harbor.WebhookTarget{{Type: "http", Address: h.URL, AuthHeader: "key"}},
	})
	tgt.check(err)
	tgt.push(p+"/app", "old")
	tgt.push(p+"/app", "new")
	policy := harbor.NewRetention(info.ID)
	tgt.retain(&policy, false, harbor.KeepTags(harbor.KeepAlways, 0))
	tgt.retain(&policy, true, harbor.KeepTags(harbor.KeepLatest, 1))
	tgt.retain(&policy, false, harbor.KeepTags(harbor.KeepLatest, 1))
	tgt.eventually("the deletion and the run are heard of", func() bool {
		return h.heard("DELETE_ARTIFACT "+p+"/app:old") && h.heard(harbor.EventRetention)
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.events) != 2 {
		t.Errorf("heard %q", h.events)
	}
}
