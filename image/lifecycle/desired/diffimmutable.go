package desired

import (
	"context"
	"fmt"
	"slices"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// immutable compares the patterns of tags that nobody may move. Rules of other kinds,
// for some repositories only, are somebody else's.
func (d *differ) immutable() {
	actual := map[string]harbor.ImmutableRule{}
	if d.actual != nil {
		for _, r := range d.actual.Immutable {
			if pattern, ok := r.Pattern(); ok {
				actual[pattern] = r
			}
		}
	}
	for _, pattern := range sorted(d.target.rules.ImmutableTags) {
		is, there := actual[pattern]
		switch {
		case !there:
			d.addImmutable(pattern, Change{Kind: "immutable.create", After: "nobody moves or removes them", act: createImmutable{pattern}})
		case is.Disabled:
			is.Disabled = false
			d.addImmutable(pattern, Change{Kind: "immutable.enable", Before: "off", After: "on", act: enableImmutable{is}})
		}
	}
	for _, pattern := range sortedKeys(actual) {
		if slices.Contains(d.target.rules.ImmutableTags, pattern) {
			continue
		}
		c := Change{Kind: "immutable.delete", Before: "nobody moves or removes them", act: deleteImmutable{pattern, actual[pattern].ID}}
		if _, ours := d.owned.Immutable[pattern]; !ours {
			if !d.target.exclusive {
				continue
			}
			c.Needs, c.Reason = NeedsPrune, "the project is exclusive, and jadm did not make it"
		}
		d.addImmutable(pattern, c)
	}
}

func (d *differ) addImmutable(pattern string, c Change) {
	c.Subject, c.rank = fmt.Sprintf("immutable tags %s of %s", pattern, d.target.name), rankImmutable
	d.add(c)
}

// createImmutable makes a rule.
type createImmutable struct{ pattern string }

func (r createImmutable) do(ctx context.Context, j *job) error {
	if err := j.intend(&j.owned.Immutable, r.pattern); err != nil {
		return err
	}
	id, err := j.Client.CreateImmutableRule(ctx, j.owned.Project, harbor.ImmutableTags(r.pattern))
	if err != nil {
		if definite(err) {
			delete(j.owned.Immutable, r.pattern)
		}
		return j.failed(err)
	}
	j.owned.Immutable[r.pattern] = id
	return j.save()
}

// enableImmutable switches a rule on.
type enableImmutable struct{ rule harbor.ImmutableRule }

func (r enableImmutable) do(ctx context.Context, j *job) error {
	return j.Client.UpdateImmutableRule(ctx, j.owned.Project, r.rule)
}

// deleteImmutable removes a rule.
type deleteImmutable struct {
	pattern string
	id      int64
}

func (r deleteImmutable) do(ctx context.Context, j *job) error {
	if err := gone(j.Client.DeleteImmutableRule(ctx, j.owned.Project, r.id)); err != nil {
		return err
	}
	delete(j.owned.Immutable, r.pattern)
	return j.save()
}
