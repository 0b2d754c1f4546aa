package bundle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
)

// RestoreRequest says what of a bundle goes where.
type RestoreRequest struct {
	Registry *Registry
	// Project takes the place of the projects that the images came from; empty leaves
	// them as they were. It must be there.
	Project string
	// Images are what Bundle.Find understands; none for all.
	Images []string
	// Overwrite moves tags that stand for something else now. Without it such a tag is
	// an error, before anything is uploaded.
	Overwrite bool
	// DryRun only compares.
	DryRun bool
	// Workers is how many blobs are uploaded at once; 0 means DefaultWorkers.
	Workers int
	// Progress is told how far it is. It may be nil.
	Progress func(Progress)
}

// Restored is what became, or would become, of an image.
type Restored struct {
	Image  string   `json:"image"`  // as the bundle names it
	Target string   `json:"target"` // repository and digest
	Tags   []string `json:"tags"`
	// State is what has been done: pushed, present when all was there already, or in a
	// dry run missing.
	State string `json:"state"`
}

// States of Restored.
const (
	Pushed  = "pushed"
	Present = "present"
	Missing = "missing"
)

// errTagTaken is wrapped by the error about tags that stand for something else.
var errTagTaken = errors.New("they stand for other images")

// restorer uploads one bundle.
type restorer struct {
	r    RestoreRequest
	root *os.Root
	b    Bundle

	lock sync.Mutex
	have map[digest.Digest]string // blobs that are in a repository of the registry, and which
	done Progress
}

// Restore uploads images of a bundle, with digests, tags, and what belongs to them, and
// asks the registry for all of it afterwards. What is there is left alone, so it can be
// run again. Errors that a person can do something about are faults.
func Restore(ctx context.Context, dir string, r RestoreRequest) ([]Restored, error) {
	if r.Workers <= 0 {
		r.Workers = DefaultWorkers
	}
	// The lists must be right before anything is believed; blobs are compared by the
	// registry, which computes their digests.
	if _, err := VerifyWith(ctx, dir, VerifyRequest{Workers: r.Workers, metadataOnly: true}); err != nil {
		return nil, err
	}
	root, err := openBundle(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // it was only read
	re := &restorer{r: r, root: root, have: map[digest.Digest]string{}, done: Progress{Stage: Uploading}}
	if re.b, err = loadFrom(root); err != nil {
		return nil, err
	}
	return re.restore(ctx)
}

func (re *restorer) restore(ctx context.Context) ([]Restored, error) {
	images, err := re.chosen()
	if err != nil {
		return nil, err
	}
	if err := re.distinct(images); err != nil {
		return nil, err
	}
	results, err := re.compare(ctx, images)
	if err != nil || re.r.DryRun {
		return results, err
	}
	for i, image := range images {
		if results[i].State == Present {
			continue
		}
		if err := re.push(ctx, image); err != nil {
			return results[:i], re.pushFault(image, err)
		}
		results[i].State = Pushed
	}
	return results, re.confirm(ctx, images)
}

// chosen are the images that were asked for.
func (re *restorer) chosen() ([]Image, error) {
	if len(re.r.Images) == 0 {
		return re.b.Images, nil
	}
	var images []Image
	for _, words := range re.r.Images {
		image, err := re.b.Find(words)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(images, func(o Image) bool { return o.Repository == image.Repository && o.Digest == image.Digest }) {
			images = append(images, image)
		}
	}
	return images, nil
}

// target is the repository that an image goes to.
func (re *restorer) target(image Image) string {
	if re.r.Project == "" {
		return image.Repository
	}
	_, rest, _ := strings.Cut(image.Repository, "/")
	return re.r.Project + "/" + rest
}

// distinct refuses to mix repositories that differ in nothing but their project.
func (re *restorer) distinct(images []Image) error {
	from := map[string]string{}
	for _, image := range images {
		to := re.target(image)
		if err := checkRepository(to); err != nil {
			return fault.New("cannot restore into that project", err, "write a project's name")
		}
		if other, ok := from[to]; ok && other != image.Repository {
			return fault.Newf(fmt.Errorf("%s and %s would both become %s", other, image.Repository, to),
				"restore one project after the other, choosing images: --image "+other+" …", "cannot restore into one project")
		}
		from[to] = image.Repository
	}
	return nil
}

// names are what must stand for what in the end: by digest, and by tags.
func names(image Image) map[string]digest.Digest {
	all := map[string]digest.Digest{image.Digest.String(): image.Digest}
	for _, tag := range image.Tags {
		all[tag] = image.Digest
	}
	for _, a := range image.Accessories {
		all[a.Digest.String()] = a.Digest
		if a.Tag != "" {
			all[a.Tag] = a.Digest
		}
	}
	return all
}

// compare asks for every name before anything is changed.
func (re *restorer) compare(ctx context.Context, images []Image) ([]Restored, error) {
	results := make([]Restored, len(images))
	for i, image := range images {
		results[i] = Restored{Image: image.String(), Target: re.target(image) + "@" + image.Digest.String(), Tags: image.Tags, State: Present}
	}
	var taken []string
	err := re.ask(ctx, images, func(i int, name string, want, got digest.Digest) {
		if got != want {
			results[i].State = Missing
		}
		if got != "" && got != want && !re.r.Overwrite {
			taken = append(taken, re.target(images[i])+":"+name)
		}
	})
	if err != nil {
		return nil, err
	}
	if len(taken) > 0 {
		slices.Sort(taken)
		return nil, fault.Newf(errTagTaken, "restore into another project: --into PROJECT\nor move the tags, and lose the names of what they stand for now: --overwrite",
			"tags are taken: %s", strings.Join(taken[:min(len(taken), mostListed)], ", "))
	}
	return results, nil
}

// confirm asks the registry for all that should be there now.
func (re *restorer) confirm(ctx context.Context, images []Image) error {
	var lost error
	err := re.ask(ctx, images, func(i int, name string, want, got digest.Digest) {
		if got != want {
			lost = fault.Newf(fmt.Errorf("%s stands for %q", name, got), "run it again; if it stays so, look into Harbor's audit log and its retention rules",
				"%s was uploaded, and %s does not have it", images[i], re.target(images[i]))
		}
	})
	return errors.Join(err, lost)
}

// ask asks for all names of all images, several at once, and tells of each answer, one
// at a time.
func (re *restorer) ask(ctx context.Context, images []Image, tell func(i int, name string, want, got digest.Digest)) error {
	var telling sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(re.r.Workers)
	for i, image := range images {
		for name, want := range names(image) {
			group.Go(func() error {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				got, err := re.r.Registry.Digest(ctx, re.target(image), name)
				if err != nil {
					return re.pushFault(image, err)
				}
				telling.Lock()
				defer telling.Unlock()
				tell(i, name, want, got)
				return nil
			})
		}
	}
	return group.Wait()
}
