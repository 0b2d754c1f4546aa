package guide

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/vmtemplate/bases"
	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/registry"
	"github.com/jrun-hpc/jrun/vmtemplate/workshop"
)

// Host implements flow.Registry.
func (e *Engine) Host() string { return e.Shop.Config.Registry }

// User implements flow.Registry.
func (e *Engine) User(ctx context.Context) (string, error) {
	access, err := e.Shop.Access()
	if err != nil {
		return "", err
	}
	if access.User == "" {
		return "", flow.ErrNoLogin
	}
	r := e.Shop.Registry(access)
	_, err = r.Do(ctx, registry.Request{Method: http.MethodGet, Path: "/v2/", Wanted: []int{http.StatusOK}})
	if err == nil {
		return access.User, nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return "", errors.Join(e.kind(ctx, r, registry.Subject{Method: http.MethodGet}, err), r.Explain(ctx, registry.Subject{Method: http.MethodGet}, err))
}

// kind is what the session decides by.
func (e *Engine) kind(ctx context.Context, r *registry.Registry, s registry.Subject, err error) error {
	switch r.Cause(ctx, s, err) {
	case harbor.WrongPassword, harbor.RobotRefused, harbor.LoginNeeded:
		return flow.ErrWrongLogin
	case harbor.LoginLocked:
		return flow.ErrLocked
	case harbor.NotMember:
		return flow.ErrForbidden
	case harbor.NoProject, harbor.NoRepository, harbor.NoTag:
		return flow.ErrNotFound
	case harbor.DirectoryDown, harbor.BackendDown, harbor.CoreDown, harbor.DatabaseDown, harbor.RedisDown, harbor.TooMany:
		return flow.ErrUnreachable
	case harbor.QuotaExceeded:
		return flow.ErrNoSpace
	case harbor.ImmutableTag:
		return flow.ErrImmutable
	}
	switch registry.Status(err) {
	case http.StatusUnauthorized:
		return flow.ErrWrongLogin
	case http.StatusForbidden:
		return flow.ErrForbidden
	case http.StatusNotFound:
		return flow.ErrNotFound
	}
	return flow.ErrUnreachable
}

// Login implements flow.Registry.
func (e *Engine) Login(ctx context.Context, user, password string) error {
	to, err := image.ParseLoginTarget(e.Host())
	if err != nil {
		return err
	}
	_, err = e.Shop.Store.Client().Login(ctx, nil, to, user, password)
	if err == nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	told := workshop.LoginFault(to, user, err)
	switch workshop.LoginTrouble(err) {
	case workshop.WrongPassword:
		return errors.Join(flow.ErrWrongLogin, told)
	case workshop.Locked:
		return errors.Join(flow.ErrLocked, told)
	case workshop.Unreachable:
		return errors.Join(flow.ErrUnreachable, told)
	}
	return told
}

func (e *Engine) catalogue(shared []string, own string) (*bases.Catalogue, error) {
	access, err := e.Shop.Access()
	if err != nil {
		return nil, err
	}
	return bases.New(bases.Options{Registry: e.Shop.Registry(access), Shared: shared, Own: own}), nil
}

// mostImages bounds a list that is shown at once.
const mostImages = 1000

// Bases implements flow.Registry.
func (e *Engine) Bases(ctx context.Context) ([]flow.Image, error) {
	c, err := e.catalogue(e.Shop.Config.BaseProjects, "")
	if err != nil {
		return nil, err
	}
	return e.images(ctx, c)
}

// Own implements flow.Registry.
func (e *Engine) Own(ctx context.Context) ([]flow.Image, error) {
	access, err := e.Shop.Access()
	if err != nil {
		return nil, err
	}
	if access.User == "" {
		return nil, flow.ErrNoLogin
	}
	c, err := e.catalogue(nil, e.Shop.Config.ProjectOf(access.User))
	if err != nil {
		return nil, err
	}
	return e.images(ctx, c)
}

// images lists all; one project that cannot be read does not hide the others.
func (e *Engine) images(ctx context.Context, c *bases.Catalogue) ([]flow.Image, error) {
	var all []flow.Image
	var failed error
	for r, err := range c.Repositories(ctx) {
		if err != nil {
			failed = err
			continue
		}
		all = append(all, flow.Image{Repository: e.Host() + "/" + r.Name, Description: r.Description, Updated: r.Updated})
		if len(all) == mostImages {
			break
		}
	}
	if len(all) > 0 {
		failed = nil
	}
	newest(ctx, c, all)
	return all, failed
}

// Sizes and dates are asked for one by one: of so many images, so many at a time. For
// the others the list of their tags tells.
const (
	mostSizes   = 60
	sizesAtOnce = 8
)

// newest fills in what the newest image of each repository weighs and when it was
// uploaded. What cannot be found out stays empty.
func newest(ctx context.Context, c *bases.Catalogue, all []flow.Image) {
	var work sync.WaitGroup
	turns := make(chan struct{}, sizesAtOnce)
	for i := range min(len(all), mostSizes) {
		turns <- struct{}{}
		work.Go(func() {
			defer func() { <-turns }()
			_, name, _ := strings.Cut(all[i].Repository, "/")
			tags, err := c.Tags(ctx, name)
			if err != nil || len(tags) == 0 {
				return
			}
			if tags[0].Size == 0 && c.Details(ctx, name, &tags[0]) != nil {
				return
			}
			all[i].Bytes, all[i].Scan = tags[0].Size, scan(tags[0].Scan)
			if !tags[0].Date.IsZero() {
				all[i].Updated = tags[0].Date
			}
			if all[i].Description == "" {
				all[i].Description = tags[0].Description
			}
		})
	}
	work.Wait()
}

func scan(s *bases.Scan) *flow.Scan {
	if s == nil {
		return nil
	}
	return &flow.Scan{Severity: s.Severity, Total: s.Total, Fixable: s.Fixable}
}

// Tags implements flow.Registry.
func (e *Engine) Tags(ctx context.Context, repository string) ([]flow.Tag, error) {
	c, err := e.catalogue(nil, "")
	if err != nil {
		return nil, err
	}
	name := strings.TrimPrefix(repository, e.Host()+"/")
	tags, err := c.Tags(ctx, name)
	if err != nil {
		return nil, err
	}
	all := make([]flow.Tag, len(tags))
	for i := range tags {
		if t := &tags[i]; i < mostSizes && t.Size == 0 {
			_ = c.Details(ctx, name, t) // without them the name alone is shown
		}
		t := tags[i]
		all[i] = flow.Tag{Name: t.Name, Bytes: t.Size, Pushed: t.Date, Scan: scan(t.Scan)}
	}
	return all, nil
}

// Quota implements flow.Registry. A registry without quotas has room.
func (e *Engine) Quota(ctx context.Context, project string) (flow.Quota, error) {
	access, err := e.Shop.Access()
	if err != nil {
		return flow.Quota{}, err
	}
	api, ok := e.Shop.Registry(access).Harbor(ctx)
	if !ok {
		return flow.Quota{}, nil
	}
	summary, err := api.Summary(ctx, project)
	switch status := harbor.Status(err); {
	case err == nil && summary.Quota != nil:
		return flow.Quota{Used: summary.Quota.Used.StorageBytes, Limit: max(summary.Quota.Hard.StorageBytes, 0)}, nil
	case err == nil:
		return flow.Quota{}, nil
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return flow.Quota{}, errors.Join(flow.ErrForbidden, err)
	case status == http.StatusNotFound:
		return flow.Quota{}, errors.Join(flow.ErrNotFound, err)
	}
	return flow.Quota{}, err
}
