package desired

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// webhooks compares the webhooks of a project.
func (d *differ) webhooks() {
	actual := map[string]harbor.Webhook{}
	if d.actual != nil {
		for _, w := range d.actual.Webhooks {
			actual[w.Name] = w
		}
	}
	for _, name := range sortedKeys(d.target.webhooks) {
		want := d.target.webhooks[name].policy(name)
		is, there := actual[name]
		_, ours := d.owned.Webhooks[name]
		c := Change{After: describeWebhook(want)}
		switch {
		case !there:
			c.Kind, c.act = "webhook.create", createWebhook{want}
		case sameWebhook(is, want):
			continue
		default:
			want.ID = is.ID
			c.Kind, c.Before, c.act = "webhook.update", describeWebhook(is), updateWebhook{want}
			if c.Before == c.After {
				c.After += ", another secret or certificate check"
			}
			if !ours {
				c.Needs, c.Reason = NeedsAdopt, "it was there before"
			}
		}
		d.addWebhook(name, c)
	}
	for _, name := range sortedKeys(actual) {
		if d.target.webhooks[name] != nil {
			continue
		}
		c := Change{Kind: "webhook.delete", Before: describeWebhook(actual[name]), act: deleteWebhook{name, actual[name].ID}}
		if _, ours := d.owned.Webhooks[name]; !ours {
			if !d.target.exclusive {
				continue
			}
			c.Needs, c.Reason = NeedsPrune, "the project is exclusive, and jadm did not make it"
		}
		d.addWebhook(name, c)
	}
}

func (d *differ) addWebhook(name string, c Change) {
	c.Subject, c.rank = fmt.Sprintf("webhook %s of %s", name, d.target.name), rankWebhook
	d.add(c)
}

func sameWebhook(a, b harbor.Webhook) bool {
	return a.Enabled == b.Enabled && slices.Equal(sorted(a.Events), sorted(b.Events)) && slices.Equal(a.Targets, b.Targets)
}

// describeWebhook does not tell the secret, nor a password in an address.
func describeWebhook(w harbor.Webhook) string {
	var words []string
	for _, t := range w.Targets {
		address, _, _ := strings.Cut(t.Address, "?")
		if before, after, ok := strings.Cut(address, "@"); ok && strings.Contains(before, "//") {
			address = "…@" + after
		}
		words = append(words, address)
	}
	text := strings.Join(words, " ") + " of " + strings.ToLower(strings.Join(sorted(w.Events), ", "))
	if !w.Enabled {
		text += " (disabled)"
	}
	return text
}

// createWebhook makes a webhook.
type createWebhook struct{ want harbor.Webhook }

func (w createWebhook) do(ctx context.Context, j *job) error {
	if err := j.intend(&j.owned.Webhooks, w.want.Name); err != nil {
		return err
	}
	id, err := j.Client.CreateWebhook(ctx, j.owned.Project, w.want)
	if err != nil {
		if definite(err) {
			delete(j.owned.Webhooks, w.want.Name)
		}
		return j.failed(err)
	}
	j.owned.Webhooks[w.want.Name] = id
	return j.save()
}

// updateWebhook makes a webhook what it should be, and jadm's.
type updateWebhook struct{ want harbor.Webhook }

func (w updateWebhook) do(ctx context.Context, j *job) error {
	if err := j.Client.UpdateWebhook(ctx, j.owned.Project, w.want); err != nil {
		return err
	}
	own(&j.owned.Webhooks, w.want.Name, w.want.ID)
	return j.save()
}

// deleteWebhook removes a webhook.
type deleteWebhook struct {
	name string
	id   int64
}

func (w deleteWebhook) do(ctx context.Context, j *job) error {
	if err := gone(j.Client.DeleteWebhook(ctx, j.owned.Project, w.id)); err != nil {
		return err
	}
	delete(j.owned.Webhooks, w.name)
	return j.save()
}
