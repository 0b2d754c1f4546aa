package harbor_test

import (
	"net/http"
	"testing"

	"github.com/jrun-hpc/jrun/image/harbor"
)

func TestImmutableRules(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	p := tgt.newProject(harbor.NewProject{})
	rule := harbor.ImmutableTags("v*")
	var err error
	rule.ID, err = tgt.admin.CreateImmutableRule(ctx, p, rule)
	tgt.check(err)
	_, err = tgt.admin.CreateImmutableRule(ctx, p, harbor.ImmutableTags("v*"))
	tgt.wantStatus("the same rule twice", err, http.StatusConflict)
	tgt.push(p+"/app", "v1")
	tgt.push(p+"/app", "test")
	tgt.wantStatus("deleting what is immutable", tgt.admin.DeleteArtifact(ctx, p, "app", "v1"), http.StatusPreconditionFailed)
	tgt.check(tgt.admin.DeleteArtifact(ctx, p, "app", "test"))
	all, err := harbor.All(tgt.admin.ImmutableRules(ctx, p))
	tgt.check(err)
	if len(all) != 1 || all[0].ID != rule.ID || all[0].Disabled {
		t.Fatalf("rules are %+v", all)
	}
	if pattern, ok := all[0].Pattern(); pattern != "v*" || !ok {
		t.Errorf("the pattern is %q, %v", pattern, ok)
	}
	rule.Disabled = true
	tgt.check(tgt.admin.UpdateImmutableRule(ctx, p, rule))
	tgt.check(tgt.admin.DeleteArtifact(ctx, p, "app", "v1"))
	tgt.check(tgt.admin.DeleteImmutableRule(ctx, p, rule.ID))
	tgt.wantStatus("deleting it again", tgt.admin.DeleteImmutableRule(ctx, p, rule.ID), http.StatusNotFound)
	user, password := tgt.newMember(p, harbor.Developer)
	_, err = tgt.client(user, password).CreateImmutableRule(ctx, p, rule)
	tgt.wantStatus("making a rule as a developer", err, http.StatusForbidden)
}

func TestPatternsOfRules(t *testing.T) {
	of := func(change func(*harbor.ImmutableRule)) harbor.ImmutableRule {
		r := harbor.ImmutableTags("v*")
		change(&r)
		return r
	}
	for name, r := range map[string]harbor.ImmutableRule{
		"nothing":          {},
		"excludes":         of(func(r *harbor.ImmutableRule) { r.Tags[0].Decoration = "excludes" }),
		"two patterns":     of(func(r *harbor.ImmutableRule) { r.Tags = append(r.Tags, r.Tags[0]) }),
		"some repository":  of(func(r *harbor.ImmutableRule) { r.Scope["repository"][0].Pattern = "app" }),
		"all repositories": of(func(r *harbor.ImmutableRule) { r.Scope["repository"][0].Decoration = "repoExcludes" }),
	} {
		if pattern, ok := r.Pattern(); ok {
			t.Errorf("%s: the pattern is %q", name, pattern)
		}
	}
}
