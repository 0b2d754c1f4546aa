package harbor

import (
	"context"
	"iter"
	"time"
)

// Repository is a name below a project that artifacts are pushed to.
type Repository struct {
	ID   int64  `json:"id"`
	Name string `json:"name"` // with the project: team/app
	// Description is what people have written about it, in Markdown.
	Description string    `json:"description"`
	Artifacts   int       `json:"artifact_count"`
	Pulls       int64     `json:"pull_count"`
	Created     time.Time `json:"creation_time"`
	Updated     time.Time `json:"update_time"`
}

// Repository asks for one; name is its name within the project and may have
// slashes.
func (c *Client) Repository(ctx context.Context, project, name string) (Repository, error) {
	var r Repository
	err := c.get(ctx, repositoryPath(project, name), nil, &r)
	return r, err
}

// Repositories are all of a project.
func (c *Client) Repositories(ctx context.Context, project string) iter.Seq2[Repository, error] {
	return pages[Repository](ctx, c, projectPath(project)+"/repositories", nil, nil)
}

// DeleteRepository removes a repository with all that is in it.
func (c *Client) DeleteRepository(ctx context.Context, project, name string) error {
	return c.remove(ctx, repositoryPath(project, name))
}
