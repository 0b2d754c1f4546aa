package leaving

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/opencontainers/go-digest"
)

// inventory is what a project has; nothing, if there is no such project. What indexes
// hold is with them.
func (o *Office) inventory(ctx context.Context, project string) ([]Image, error) {
	repositories, err := harbor.All(o.Registry.Repositories(ctx, project))
	if harbor.Status(err) == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the repositories of %s: %w", project, err)
	}
	var all []Image
	for _, r := range repositories {
		name := strings.TrimPrefix(r.Name, project+"/")
		images, err := o.imagesOf(ctx, project, name)
		if err != nil {
			return nil, err
		}
		all = append(all, images...)
	}
	slices.SortFunc(all, func(a, b Image) int { return strings.Compare(a.key(), b.key()) })
	return all, nil
}

func (o *Office) imagesOf(ctx context.Context, project, repository string) ([]Image, error) {
	var all []Image
	for a, err := range o.Registry.Artifacts(ctx, project, repository) {
		if harbor.Status(err) == http.StatusNotFound {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("listing the images of %s/%s: %w", project, repository, err)
		}
		i := Image{Repository: repository, Digest: a.Digest, Tags: []string{}, SizeBytes: a.SizeBytes, MediaType: a.MediaType, Pushed: a.Pushed}
		for _, t := range a.Tags {
			i.Tags = append(i.Tags, t.Name)
		}
		slices.Sort(i.Tags)
		for _, c := range a.Children {
			i.Children = append(i.Children, c.Digest)
		}
		all = append(all, i)
	}
	return all, nil
}

// digests are those of images and of what indexes hold.
func digests(images []Image) map[digest.Digest]bool {
	all := map[digest.Digest]bool{}
	for _, i := range images {
		all[i.Digest] = true
		for _, c := range i.Children {
			all[c] = true
		}
	}
	return all
}

func sortedKeys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
