package harbor

import (
	"context"
	"net/http"
	"net/url"

	"github.com/opencontainers/go-digest"
)

// Source is an artifact that is to be copied within Harbor.
type Source struct {
	Project    string
	Repository string // within the project; may have slashes
	Digest     digest.Digest
}

// CopyArtifact copies an artifact into another repository, on the server: with its
// tags, what an index holds, and what belongs to it. Copied again, it gets the tags
// that it lacks, and is no error. A source that is not there is 400 (not 404); a
// quota that it does not fit into is 403, before anything is written. A tag that stands
// for something else there is moved.
func (c *Client) CopyArtifact(ctx context.Context, from Source, project, repository string) error {
	query := url.Values{"from": {from.Project + "/" + from.Repository + "@" + from.Digest.String()}}
	_, err := c.do(ctx, call{method: http.MethodPost, path: repositoryPath(project, repository) + "/artifacts", query: query}, nil)
	return err
}
