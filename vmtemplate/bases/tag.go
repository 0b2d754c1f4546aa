package bases

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/opencontainers/go-digest"
)

// Tag is one image of a repository.
type Tag struct {
	Name        string
	Digest      digest.Digest // empty: not known
	Description string        // of the image itself; one line
	// Size is in bytes, compressed; Date is when it was pushed, or made where the
	// registry does not tell. Both may be unknown: zero.
	Size int64
	Date time.Time
	// Scan is nil when there is none.
	Scan *Scan
}

// Scan is what a scanner has found.
type Scan struct {
	Severity       string // the worst, in Harbor's words: None, Low, … Critical
	Total, Fixable int
}

// mostArtifacts bounds how much of a repository is looked at: a builder that pushes
// every night has filled it in three years.
const mostArtifacts = 1000

// Tags are a repository's, the newest first; those of one day in the order of their
// versions. Where the registry tells no dates, by version alone.
func (c *Catalogue) Tags(ctx context.Context, repository string) ([]Tag, error) {
	var tags []Tag
	var err error
	if api, ok := c.r.Harbor(ctx); ok {
		tags, err = c.harborTags(ctx, api, repository)
	} else {
		tags, err = c.listTags(ctx, repository)
	}
	tags = slices.DeleteFunc(tags, func(t Tag) bool { return !tagGrammar.MatchString(t.Name) })
	slices.SortStableFunc(tags, newestFirst)
	return tags, err
}

// newestFirst orders tags.
func newestFirst(a, b Tag) int {
	const day = 24 * time.Hour
	if order := b.Date.UTC().Truncate(day).Compare(a.Date.UTC().Truncate(day)); order != 0 {
		return order
	}
	return versions(b.Name, a.Name)
}

func (c *Catalogue) harborTags(ctx context.Context, api *harbor.Client, repository string) ([]Tag, error) {
	project, name, _ := strings.Cut(repository, "/")
	var tags []Tag
	seen := 0
	for a, err := range api.Artifacts(ctx, project, name) {
		if err != nil {
			return tags, c.harborFault(ctx, project, err)
		}
		if a.Type == "IMAGE" {
			for _, t := range a.Tags {
				tags = append(tags, Tag{Name: t.Name, Digest: a.Digest, Size: a.SizeBytes, Date: latest(a.Pushed, t.Pushed), Scan: scanOf(a)})
			}
		}
		if seen++; seen == mostArtifacts {
			break
		}
	}
	return tags, nil
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func scanOf(a harbor.Artifact) *Scan {
	s := a.Scan()
	if s == nil || s.Status != harbor.ScanStatusSuccess {
		return nil
	}
	return &Scan{Severity: line(s.Severity), Total: s.Counts.Total, Fixable: s.Counts.Fixable}
}
