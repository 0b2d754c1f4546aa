package harbor

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"strconv"
)

// Quota is the limit of one project, as administrators see it.
type Quota struct {
	ID  int64 `json:"id"`
	Ref struct {
		ProjectID int64  `json:"id"`
		Project   string `json:"name"`
	} `json:"ref"`
	Usage
}

const quotasPath = apiRoot + "/quotas"

// Quotas are those of all projects; for administrators. Members ask for a
// Summary.
func (c *Client) Quotas(ctx context.Context) iter.Seq2[Quota, error] {
	return pages[Quota](ctx, c, quotasPath, url.Values{"reference": {"project"}}, nil)
}

// ProjectQuotas are those of one project, by its id; at most one.
func (c *Client) ProjectQuotas(ctx context.Context, projectID int64) iter.Seq2[Quota, error] {
	query := url.Values{"reference": {"project"}, "reference_id": {strconv.FormatInt(projectID, 10)}}
	return pages[Quota](ctx, c, quotasPath, query, nil)
}

// UpdateQuota sets a quota's limit; -1 for none.
func (c *Client) UpdateQuota(ctx context.Context, id, storageBytes int64) error {
	body := map[string]any{"hard": Resources{StorageBytes: storageBytes}}
	return c.put(ctx, fmt.Sprintf("%s/%d", quotasPath, id), body)
}
