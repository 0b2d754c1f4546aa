package harbor

import (
	"context"
	"fmt"
	"iter"
)

// Webhook is a policy that makes Harbor tell somebody of what happens in a
// project. Deliveries come within seconds, and not in order.
type Webhook struct {
	ID      int64           `json:"id,omitempty"`
	Name    string          `json:"name"`
	Enabled bool            `json:"enabled"`
	Events  []string        `json:"event_types"`
	Targets []WebhookTarget `json:"targets"`
}

// WebhookTarget is who is told.
type WebhookTarget struct {
	Type    string `json:"type"` // "http"
	Address string `json:"address"`
	// AuthHeader is sent as Authorization, so that the receiver can tell Harbor
	// from somebody else.
	AuthHeader     string `json:"auth_header,omitempty"`
	SkipCertVerify bool   `json:"skip_cert_verify"`
}

// Events that we care for.
const (
	EventPush      = "PUSH_ARTIFACT"
	EventDelete    = "DELETE_ARTIFACT"
	EventScanned   = "SCANNING_COMPLETED"
	EventRetention = "TAG_RETENTION"
	EventQuotaFull = "QUOTA_EXCEED"
	EventQuotaNear = "QUOTA_WARNING"
)

func webhooksPath(project string) string { return projectPath(project) + "/webhook/policies" }

// Webhooks are all of a project.
func (c *Client) Webhooks(ctx context.Context, project string) iter.Seq2[Webhook, error] {
	return pages[Webhook](ctx, c, webhooksPath(project), nil, nil)
}

// CreateWebhook makes a policy and returns its id.
func (c *Client) CreateWebhook(ctx context.Context, project string, w Webhook) (int64, error) {
	return c.create(ctx, webhooksPath(project), w)
}

// UpdateWebhook replaces the policy with w.ID.
func (c *Client) UpdateWebhook(ctx context.Context, project string, w Webhook) error {
	return c.put(ctx, fmt.Sprintf("%s/%d", webhooksPath(project), w.ID), w)
}

// DeleteWebhook removes a policy; 412 while deliveries are under way, and some
// seconds longer.
func (c *Client) DeleteWebhook(ctx context.Context, project string, id int64) error {
	return c.remove(ctx, fmt.Sprintf("%s/%d", webhooksPath(project), id))
}
