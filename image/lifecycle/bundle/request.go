package bundle

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/opencontainers/go-digest"
)

// Source knows what there is in a registry.
type Source interface {
	// Repositories are all of a project.
	Repositories(ctx context.Context, project string) iter.Seq2[harbor.Repository, error]
	// Repository is one; a *harbor.Error of status 404 when it is not there.
	Repository(ctx context.Context, project, name string) (harbor.Repository, error)
	// Artifacts are all of a repository but accessories, with those of each.
	Artifacts(ctx context.Context, project, repository string) iter.Seq2[harbor.Artifact, error]
	// Accessories are what belongs to an artifact, one of an index, or an accessory.
	Accessories(ctx context.Context, project, repository, reference string) iter.Seq2[harbor.Accessory, error]
}

var _ Source = (*harbor.Client)(nil)

// Request says what goes into a bundle.
type Request struct {
	Owner    Owner
	Source   Source
	Registry *Registry
	// Projects are taken with all their repositories; Repositories are those named
	// beside, with their project.
	Projects     []string
	Repositories []string
	// Records are what the owner has run. Artifacts without a tag go into the bundle
	// if a record or a pin names them, and are counted otherwise.
	Records []provenance.Record
	Pins    []Pin
	// Reason is a sentence about why the bundle was made, for whoever opens it.
	Reason string
	// Recipe reads how an image was made out of its labels: files by their path, with
	// slashes. ok is false if the labels have no recipe. Nil for no recipes.
	Recipe func(labels map[string]string) (files map[string][]byte, ok bool, err error)
	// Program is written into the bundle as what made it: jadm 1.2.3.
	Program string
	// Now is when the snapshot is taken, if it is not read back.
	Now time.Time
	// Refresh takes a new snapshot where an interrupted one is there. What was
	// downloaded for the old one and is still wanted is used.
	Refresh bool
	// Workers is how many blobs are transferred at once; 0 means DefaultWorkers.
	Workers int
	// Progress is told what is being done, by several goroutines one at a time. It may
	// be nil.
	Progress func(Progress)

	before func(op string) error // of tests, for disk
}

// DefaultWorkers keeps a network busy without keeping everybody else off Harbor.
const DefaultWorkers = 4

// Pin is an artifact that must be kept, because somebody has cited it.
type Pin struct {
	Repository string // with the project
	Digest     digest.Digest
	Reason     string
}

// Progress is how far a bundle is.
type Progress struct {
	Stage      Stage
	DoneBytes  int64 // of the blobs, in Download and Verify
	TotalBytes int64
}

// Stage is a part of the work.
type Stage string

// The stages, in their order.
const (
	Listing     Stage = "listing"
	Downloading Stage = "downloading"
	Describing  Stage = "describing"
	Verifying   Stage = "verifying"
	Uploading   Stage = "uploading" // of Restore
)

func (r *Request) check() error {
	switch {
	case r.Owner.ID == "":
		return errors.New("the request names no owner")
	case r.Source == nil || r.Registry == nil:
		return errors.New("the request names no registry")
	case len(r.Projects)+len(r.Repositories) == 0:
		return errors.New("the request names no projects and no repositories")
	case r.Now.IsZero():
		return errors.New("the request has no time")
	}
	for _, project := range r.Projects {
		if err := checkRepository(project + "/x"); err != nil || strings.Contains(project, "/") {
			return fmt.Errorf("%q is no name of a project", project)
		}
	}
	for _, repository := range r.Repositories {
		if err := checkRepository(repository); err != nil {
			return err
		}
	}
	for _, pin := range r.Pins {
		if err := checkDigest(pin.Digest); err != nil {
			return fmt.Errorf("pin of %s: %w", pin.Repository, err)
		}
	}
	if r.Workers <= 0 {
		r.Workers = DefaultWorkers
	}
	return nil
}

// wanted are the digests that go into the bundle with or without a tag, sorted.
func (r *Request) wanted() []digest.Digest {
	all := []digest.Digest{}
	for _, pin := range r.Pins {
		all = append(all, pin.Digest)
	}
	for _, record := range r.Records {
		for _, d := range []digest.Digest{record.Image.Digest, record.Image.Resolved} {
			if d != "" {
				all = append(all, d)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
