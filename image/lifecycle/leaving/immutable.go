package leaving

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// loosen switches off the rules that keep tags of the leaver's project from being
// removed: the project is about to go, with its rules. They are remembered before.
func (o *Office) loosen(ctx context.Context, d *Departure) error {
	rules, err := o.immutable(ctx, d)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if r.Disabled {
			continue
		}
		if !slices.ContainsFunc(d.Before.Immutable, func(b harbor.ImmutableRule) bool { return b.ID == r.ID }) {
			d.Before.Immutable = append(d.Before.Immutable, r)
			if err := o.save(d); err != nil {
				return err
			}
		}
		r.Disabled = true
		err := o.act(d, "immutable.disable", d.Project, func() error { return o.Registry.UpdateImmutableRule(ctx, d.Project, r) })
		if err != nil && harbor.Status(err) != http.StatusNotFound {
			return fmt.Errorf("switching off a rule of immutable tags of %s: %w", d.Project, err)
		}
	}
	return nil
}

// tighten gives the project the rules back that loosen has switched off, or that went
// with it.
func (o *Office) tighten(ctx context.Context, d *Departure) error {
	if len(d.Before.Immutable) == 0 {
		return nil
	}
	rules, err := o.immutable(ctx, d)
	if err != nil {
		return err
	}
	for _, was := range d.Before.Immutable {
		at := slices.IndexFunc(rules, func(r harbor.ImmutableRule) bool {
			return reflect.DeepEqual(r.Tags, was.Tags) && reflect.DeepEqual(r.Scope, was.Scope)
		})
		if at >= 0 && !rules[at].Disabled {
			continue
		}
		err := o.act(d, "immutable.restore", d.Project, func() error {
			if at >= 0 {
				was.ID = rules[at].ID
				return o.Registry.UpdateImmutableRule(ctx, d.Project, was)
			}
			was.ID = 0
			_, err := o.Registry.CreateImmutableRule(ctx, d.Project, was)
			return err
		})
		if err != nil {
			return fmt.Errorf("giving %s its rule of immutable tags back: %w", d.Project, err)
		}
	}
	return nil
}

// immutable are the rules of the leaver's project; none if there is no such project.
func (o *Office) immutable(ctx context.Context, d *Departure) ([]harbor.ImmutableRule, error) {
	rules, err := harbor.All(o.Registry.ImmutableRules(ctx, d.Project))
	if harbor.Status(err) == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking for the immutable tags of %s: %w", d.Project, err)
	}
	return rules, nil
}
