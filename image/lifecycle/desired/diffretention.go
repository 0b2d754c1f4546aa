package desired

import (
	"context"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// retention compares Harbor's own policy. A project has one at most.
func (d *differ) retention() {
	var is *harbor.Retention
	if d.actual != nil {
		is = d.actual.Retention
	}
	want, ours := d.target.rules.HarborRetention, d.owned.Retention != nil
	c := Change{Subject: "Harbor's retention of " + d.target.name, rank: rankRetention}
	switch {
	case want == nil && (is == nil || !ours):
		return
	case want == nil:
		c.Kind, c.Before, c.act = "retention.delete", describeRetention(*is), deleteRetention{is.ID}
	case is == nil:
		c.Kind, c.After, c.act = "retention.create", describeRetention(want.policy(0)), createRetention{want}
	default:
		c.Kind, c.Before, c.After = "retention.update", describeRetention(*is), describeRetention(want.policy(0))
		c.act = updateRetention{is.ID, is.Scope.ProjectID, want}
		if c.Before == c.After {
			return
		}
		if !ours {
			c.Needs, c.Reason = NeedsPrune, "jadm did not make it, and another one may keep less"
		}
	}
	d.add(c)
}

// createRetention gives a project a policy.
type createRetention struct{ want *HarborRetention }

func (r createRetention) do(ctx context.Context, j *job) error {
	j.owned.Retention = new(int64)
	if err := j.save(); err != nil {
		return err
	}
	id, err := j.Client.CreateRetention(ctx, r.want.policy(j.owned.ID))
	if err != nil {
		if definite(err) {
			j.owned.Retention = nil
		}
		return j.failed(err)
	}
	j.owned.Retention = &id
	return j.save()
}

// updateRetention replaces a policy, and makes it jadm's.
type updateRetention struct {
	id, project int64
	want        *HarborRetention
}

func (r updateRetention) do(ctx context.Context, j *job) error {
	policy := r.want.policy(r.project)
	policy.ID = r.id
	if err := j.Client.UpdateRetention(ctx, policy); err != nil {
		return err
	}
	j.owned.Retention = &r.id
	return j.save()
}

// deleteRetention takes the policy from a project: all tags stay.
type deleteRetention struct{ id int64 }

func (r deleteRetention) do(ctx context.Context, j *job) error {
	if err := gone(j.Client.DeleteRetention(ctx, r.id)); err != nil {
		return err
	}
	j.owned.Retention = nil
	return j.save()
}
