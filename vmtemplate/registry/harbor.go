package registry

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// harborPatience is for questions that only make something better known.
const harborPatience = 3 * time.Second

// Harbor is a client of the registry's API, with the login of now. ok is false for
// other registries, and while it cannot be told.
func (r *Registry) Harbor(ctx context.Context) (c *harbor.Client, ok bool) {
	_, _ = r.reach(ctx) // an ill one can be asked what ails it
	r.mu.Lock()
	base, login, known := r.base, r.login, r.harbor
	r.mu.Unlock()
	if base == nil {
		return nil, false
	}
	c = harbor.New(harbor.Options{
		Base: base, User: login.User, Password: login.Password, UserAgent: r.o.UserAgent, RetryTotal: harborPatience,
		HTTP: &http.Client{Transport: r.http.Transport},
	})
	if known != nil {
		return c, *known
	}
	health, err := c.Health(ctx)
	if err != nil && !says(err) {
		return c, false
	}
	is := err == nil && len(health.Components) > 0
	r.mu.Lock()
	r.harbor = &is
	r.mu.Unlock()
	return c, is
}

// says reports whether a registry has answered that it has no such API: what is
// 404 is no Harbor, what is 502 may be one.
func says(err error) bool {
	status := harbor.Status(err)
	return status != 0 && !passingStatus(status) || status == 0 && !Passing(err)
}

// Diagnose finds out why a Harbor refused; NotHarbor for another registry. See
// harbor.Diagnose for the requests it makes.
func (r *Registry) Diagnose(ctx context.Context, s Subject, refused *RefusalError) harbor.Diagnosis {
	if refused.cause != nil {
		return *refused.cause
	}
	d := r.diagnose(ctx, s, refused)
	if d.Err == nil {
		refused.cause = &d
	}
	return d
}

func (r *Registry) diagnose(ctx context.Context, s Subject, refused *RefusalError) harbor.Diagnosis {
	if refused.Path == tokenPath {
		// Harbor's token service refuses nobody who names a repository.
		return harbor.Diagnosis{Cause: harbor.NotHarbor}
	}
	c, is := r.Harbor(ctx)
	if c == nil || !is && refused.Status < http.StatusInternalServerError {
		return harbor.Diagnosis{Cause: harbor.NotHarbor, Code: refused.Code, Message: refused.Message}
	}
	q := s.question(refused)
	q.Client, q.Timing = c, r.o.HarborTiming
	if r.User() != "" {
		q.Took = refused.checked
	}
	return harbor.Diagnose(ctx, q)
}

// Cause is why a request was refused, for callers that decide by it; Unknown for what
// is no refusal.
func (r *Registry) Cause(ctx context.Context, s Subject, err error) harbor.Cause {
	var refused *RefusalError
	if !errors.As(err, &refused) {
		return harbor.Unknown
	}
	return r.Diagnose(ctx, s, refused).Cause
}
