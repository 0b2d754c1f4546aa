package harbor

import (
	"context"
	"errors"
	"iter"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// ProjectArtifacts are those of all repositories of a project, in the order in which they
// were made, as Artifacts has them: one request for each hundred, where asking each
// repository takes one for each of these. Harbor has it from 2.12 on; an older one is
// asked for each repository. A missing project is a 404.
//
// The list is of one moment, as far as Harbor can be held to that: when its length changes
// between two pages it is read again.
func (c *Client) ProjectArtifacts(ctx context.Context, project string) iter.Seq2[Artifact, error] {
	return func(yield func(Artifact, error) bool) {
		all, err := c.steadily(ctx, project)
		if isOlder(err) {
			c.ofEachRepository(ctx, project, yield)
			return
		}
		if err != nil {
			yield(Artifact{}, err)
			return
		}
		for _, a := range all {
			if !yield(a, nil) {
				return
			}
		}
	}
}

// steadyTries is how often a list that changes while it is read is read.
const steadyTries = 4

// steadily reads the list until it has not changed meanwhile, or often enough: then a
// deletion may have hidden something that is there, until the next time.
func (c *Client) steadily(ctx context.Context, project string) (all []Artifact, err error) {
	for range steadyTries {
		var steady bool
		if all, steady, err = c.artifactsOnce(ctx, project); err != nil || steady {
			break
		}
	}
	return all, err
}

// artifactsOnce reads the list; steady is false when its length has changed meanwhile.
func (c *Client) artifactsOnce(ctx context.Context, project string) (all []Artifact, steady bool, err error) {
	query := maps.Clone(withAll)
	query.Set("page_size", strconv.Itoa(pageSize))
	query.Set("sort", "id") // what is pushed meanwhile comes last
	seen := map[int64]bool{}
	first := ""
	for page := 1; ; page++ {
		query.Set("page", strconv.Itoa(page))
		var some []Artifact
		got, err := c.do(ctx, call{method: http.MethodGet, path: projectPath(project) + "/artifacts", query: query, header: acceptReports()}, &some)
		if err != nil {
			return nil, false, err
		}
		total := got.header.Get("X-Total-Count")
		if page == 1 {
			first = total
		}
		for _, a := range some {
			if !seen[a.ID] {
				seen[a.ID] = true
				all = append(all, a)
			}
		}
		if total != first {
			return all, false, nil
		}
		if last(got.header, len(some), len(all)) {
			return all, true, nil
		}
	}
}

// isOlder reports whether Harbor does not know the path: its router says so without one
// of Harbor's codes.
func isOlder(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Status == http.StatusNotFound && refused.Code == ""
}

// ofEachRepository is ProjectArtifacts for a Harbor that has no such list.
func (c *Client) ofEachRepository(ctx context.Context, project string, yield func(Artifact, error) bool) {
	for r, err := range c.Repositories(ctx, project) {
		if err != nil {
			yield(Artifact{}, err)
			return
		}
		name := strings.TrimPrefix(r.Name, project+"/")
		for a, err := range c.Artifacts(ctx, project, name) {
			a.Repository = r.Name
			if !yield(a, err) || err != nil {
				return
			}
		}
	}
}
