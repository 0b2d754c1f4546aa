package usage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/opencontainers/go-digest"
)

// Toucher lets Harbor know that a manifest is in use: harbor.Client.
type Toucher interface {
	TouchManifest(ctx context.Context, project, repository string, d digest.Digest) error
}

var _ Toucher = (*harbor.Client)(nil)

// KeptAlive is what KeepAlive has done.
type KeptAlive struct {
	Touched []Image `json:"touched"`
	Gone    []Image `json:"gone"`    // used, and not in Harbor any more
	Blocked []Image `json:"blocked"` // a rule of the project forbids to pull them
}

// Image is one of Harbor's.
type Image struct {
	Project    string        `json:"project"`
	Repository string        `json:"repository"`
	Digest     digest.Digest `json:"digest"`
}

func (i Image) String() string {
	return i.Project + "/" + i.Repository + "@" + i.Digest.String()
}

// touchAgain is after how long Harbor is told again of what is still in use: a day, less
// what rounds may be late.
const touchAgain = 23 * time.Hour

// KeepAlive gets the manifest of all that was named by a job since it was got last, so
// that Harbor's pull times are true. Run again it goes on. With dryRun nothing is asked
// for. Errors about one project do not keep it from the others.
func (b Book) KeepAlive(ctx context.Context, harbor Toucher, now time.Time, dryRun bool) (KeptAlive, error) {
	k := KeptAlive{Touched: []Image{}, Gone: []Image{}, Blocked: []Image{}}
	projects, err := b.Projects()
	if err != nil {
		return k, err
	}
	var failed error
	for _, project := range projects {
		if err := b.keepProjectAlive(ctx, harbor, project, now, dryRun, &k); err != nil {
			failed = errors.Join(failed, fmt.Errorf("keeping the images of %s alive: %w", project, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return k, failed
}

func (b Book) keepProjectAlive(ctx context.Context, client Toucher, project string, now time.Time, dryRun bool, k *KeptAlive) error {
	due, err := b.due(project, now)
	if err != nil {
		return err
	}
	told := map[Image]string{} // Harbor's words, where it refused
	var failed error
	for _, image := range due {
		if dryRun {
			k.Touched = append(k.Touched, image)
			continue
		}
		err := client.TouchManifest(ctx, project, image.Repository, image.Digest)
		switch status := harbor.Status(err); {
		case err == nil:
			k.Touched = append(k.Touched, image)
			told[image] = ""
		case status == http.StatusNotFound:
			k.Gone = append(k.Gone, image)
			told[image] = "it is not there any more"
		case status == http.StatusPreconditionFailed:
			k.Blocked = append(k.Blocked, image)
			told[image] = err.Error()
		default:
			failed = err // Harbor itself; what was told so far is kept
		}
		if failed != nil {
			break
		}
	}
	if len(told) == 0 {
		return failed
	}
	unlock, err := b.lock()
	if err != nil {
		return errors.Join(failed, err)
	}
	defer unlock()
	return errors.Join(failed, b.update(project, func(u *uses) bool {
		for image, words := range told {
			if use, known := u.Repositories[image.Repository][image.Digest]; known {
				use.Touched, use.Blocked = now, words
				u.Repositories[image.Repository][image.Digest] = use
			}
		}
		return true
	}))
}

// due are the images of a project of which Harbor should hear, sorted.
func (b Book) due(project string, now time.Time) ([]Image, error) {
	u, err := b.load(project)
	var due []Image
	for repository, digests := range u.Repositories {
		for d, use := range digests {
			if use.Touched.After(now) { // a clock was wrong
				use.Touched = time.Time{}
			}
			if use.Named.After(use.Touched) && now.Sub(use.Touched) >= touchAgain {
				due = append(due, Image{project, repository, d})
			}
		}
	}
	slices.SortFunc(due, func(a, b Image) int {
		return cmp.Or(cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.Digest, b.Digest))
	})
	return due, err
}
