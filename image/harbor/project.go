package harbor

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Project is what rights, rules and quotas belong to.
type Project struct {
	ID           int64     `json:"project_id"`
	Name         string    `json:"name"`
	Owner        string    `json:"owner_name"`
	Created      time.Time `json:"creation_time"`
	Repositories int       `json:"repo_count"`
	Metadata     Metadata  `json:"metadata"`
}

// Metadata are a project's rules. Harbor writes them as strings: "true" and
// "false"; empty leaves a rule as it is.
type Metadata struct {
	Public string `json:"public,omitempty"` // everybody may pull
	// ContentTrustCosign lets nobody pull what has no cosign signature, and
	// ContentTrust what has no notation signature.
	ContentTrustCosign string `json:"enable_content_trust_cosign,omitempty"`
	ContentTrust       string `json:"enable_content_trust,omitempty"`
	// PreventVulnerable lets nobody pull what has a vulnerability of Severity or
	// above: none, low, medium, high, critical.
	PreventVulnerable string `json:"prevent_vul,omitempty"`
	Severity          string `json:"severity,omitempty"`
	AutoScan          string `json:"auto_scan,omitempty"` // scan what is pushed
	// RetentionID is the id of the project's retention policy. Harbor sets it,
	// and refuses any other.
	RetentionID string `json:"retention_id,omitempty"`
}

// NewProject is a project to be.
type NewProject struct {
	Name     string   `json:"project_name"`
	Metadata Metadata `json:"metadata"`
	// StorageLimitBytes is the quota: -1 for none, 0 for Harbor's default.
	StorageLimitBytes int64 `json:"storage_limit,omitempty"`
}

// Project asks for one. Who is not a member is told 403, whether the project
// exists or not; only an administrator is told 404.
func (c *Client) Project(ctx context.Context, name string) (Project, error) {
	var p Project
	err := c.get(ctx, projectPath(name), nil, &p)
	return p, err
}

// Projects are those that the user may see and whose name contains part; all
// of them for "".
func (c *Client) Projects(ctx context.Context, part string) iter.Seq2[Project, error] {
	query := url.Values{}
	if part != "" {
		query.Set("name", part)
	}
	return pages[Project](ctx, c, apiRoot+"/projects", query, nil)
}

// CreateProject makes a project. The id in the answer's Location is not the
// name, so nothing is returned: ask for it by its name.
func (c *Client) CreateProject(ctx context.Context, p NewProject) error {
	_, err := c.do(ctx, call{method: http.MethodPost, path: apiRoot + "/projects", body: p}, nil)
	return err
}

// UpdateMetadata changes those rules of a project that are not empty. (A
// project cannot be renamed: Harbor answers 200 and does nothing.)
func (c *Client) UpdateMetadata(ctx context.Context, project string, m Metadata) error {
	return c.put(ctx, projectPath(project), struct {
		Metadata Metadata `json:"metadata"`
	}{m})
}

// DeleteProject removes an empty project; 412 when it has repositories.
func (c *Client) DeleteProject(ctx context.Context, name string) error {
	return c.remove(ctx, projectPath(name))
}

// Summary is what members see of a project.
type Summary struct {
	Repositories int `json:"repo_count"`
	// Quota is nil when Harbor keeps none.
	Quota *Usage `json:"quota"`
}

// Usage is a quota and what of it is used.
type Usage struct {
	Hard Resources `json:"hard"`
	Used Resources `json:"used"`
}

// Resources is what a quota counts.
type Resources struct {
	StorageBytes int64 `json:"storage"` // -1 as a limit: none
}

// Left is how many bytes may still be pushed; -1 for any number.
func (u Usage) Left() int64 {
	if u.Hard.StorageBytes < 0 {
		return -1
	}
	return max(0, u.Hard.StorageBytes-u.Used.StorageBytes)
}

// Summary counts a project. Ask before a push: Harbor refuses for want of
// quota only when all bytes of a layer have been sent.
func (c *Client) Summary(ctx context.Context, project string) (Summary, error) {
	var s Summary
	err := c.get(ctx, projectPath(project)+"/summary", nil, &s)
	return s, err
}
