package fakeengine

import (
	"context"
	"fmt"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
)

// next takes the first of errors that are still to be returned.
func (e *Engine) next(errs *[]error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(*errs) == 0 {
		return nil
	}
	err := (*errs)[0]
	*errs = (*errs)[1:]
	return err
}

// Host implements flow.Registry.
func (e *Engine) Host() string { return host }

// User implements flow.Registry.
func (e *Engine) User(context.Context) (string, error) {
	if err := e.next(&e.LoginErrs); err != nil {
		return "", err
	}
	return e.Kept, e.KeptErr
}

// Login implements flow.Registry.
func (e *Engine) Login(_ context.Context, user, password string) error {
	if err := e.next(&e.LoginErrs); err != nil {
		return err
	}
	if want, there := e.Password[user]; !there || want != password {
		return fmt.Errorf("asking %s: %w", host, flow.ErrWrongLogin)
	}
	return nil
}

// Bases implements flow.Registry.
func (e *Engine) Bases(context.Context) ([]flow.Image, error) {
	if e.CatalogueErr != nil {
		return nil, e.CatalogueErr
	}
	return e.Catalogue, nil
}

// Own implements flow.Registry.
func (e *Engine) Own(context.Context) ([]flow.Image, error) {
	if e.CatalogueErr != nil {
		return nil, e.CatalogueErr
	}
	return e.Mine, nil
}

// Tags implements flow.Registry.
func (e *Engine) Tags(_ context.Context, repository string) ([]flow.Tag, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	tags, there := e.Versions[repository]
	if !there {
		return nil, fmt.Errorf("listing the tags of %s: %w", repository, flow.ErrNotFound)
	}
	return tags, nil
}

// Quota implements flow.Registry.
func (e *Engine) Quota(_ context.Context, project string) (flow.Quota, error) {
	q, there := e.Quotas[project]
	if !there {
		return flow.Quota{}, fmt.Errorf("asking for the quota of %s: %w", project, flow.ErrForbidden)
	}
	return q, nil
}

// Upload implements flow.Uploader: 107 MB, of which 61 are there.
func (e *Engine) Upload(ctx context.Context, name, reference string, report func(flow.Transfer)) (flow.Uploaded, error) {
	const all, there, sent = 107e6, 61e6, 12.5e6
	report(flow.Transfer{Done: there, All: all, There: there})
	e.Clock.Advance(5 * time.Second)
	report(flow.Transfer{Done: there + sent, All: all, There: there})
	if e.Hold != nil {
		select {
		case <-e.Hold:
		case <-ctx.Done():
			return flow.Uploaded{}, ctx.Err()
		}
	}
	if err := e.next(&e.UploadErrs); err != nil {
		return flow.Uploaded{}, fmt.Errorf("uploading %s: %w", name, err)
	}
	report(flow.Transfer{Done: all, All: all, There: there})
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.works {
		if e.works[i].Name == name {
			e.works[i].Uploaded = reference
		}
	}
	return flow.Uploaded{Digest: "sha256:4f1c", Sent: all - there}, nil
}
