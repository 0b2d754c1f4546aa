package workshop

import (
	"context"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/vmtemplate/bases"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/registry"
)

// Access is how the site's registry is reached, and as whom.
func (s *Workshop) Access() (image.Access, error) {
	to, err := image.ParseLoginTarget(s.Config.Registry)
	if err != nil {
		return image.Access{}, err
	}
	return s.Store.Client().AccessTo(to)
}

// Registry asks a registry for somebody who waits for the answer.
func (s *Workshop) Registry(a image.Access) *registry.Registry {
	return registry.New(registry.Options{Access: a, Patience: registry.Attended, UserAgent: "jbuild/" + s.Version})
}

// Catalogue lists the images of the site's registry: those of the shared projects, and
// the user's own.
func (s *Workshop) Catalogue() (*bases.Catalogue, error) {
	if s.Config.Registry == "" {
		return nil, message.Fail(message.Of("workshop.which-registry"), nil, message.Of("workshop.no-registry.config"))
	}
	access, err := s.Access()
	if err != nil {
		return nil, err
	}
	o := bases.Options{Registry: s.Registry(access), Shared: s.Config.BaseProjects}
	if access.User != "" {
		o.Own = s.Config.ProjectOf(access.User)
	}
	return bases.New(o), nil
}

// mostBases bounds how many images are looked at for one that fits.
const mostBases = 200

// BaseNames are names to begin with, PROJECT/NAME:TAG, each with its newest tag; for
// choosing one by its name. Where no registry is settled there are none.
func (s *Workshop) BaseNames(ctx context.Context) ([]string, error) {
	if s.Config.Registry == "" {
		return nil, nil
	}
	c, err := s.Catalogue()
	if err != nil {
		return nil, err
	}
	var all []string
	var failed error
	for r, err := range c.Repositories(ctx) {
		if err != nil {
			failed = err
			continue
		}
		if r.Own {
			continue
		}
		tags, err := c.Tags(ctx, r.Name)
		if err != nil {
			failed = err
			continue
		}
		for _, t := range tags {
			all = append(all, s.Config.Registry+"/"+r.Name+":"+t.Name)
		}
		if len(all) >= mostBases {
			break
		}
	}
	if len(all) > 0 {
		failed = nil
	}
	return all, failed
}
