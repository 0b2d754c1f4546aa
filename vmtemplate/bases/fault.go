package bases

import (
	"context"
	"errors"
	"net/http"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/registry"
)

// harborFault explains why Harbor's API gives no list. To members and strangers it
// says 403 of a project that is not theirs and of one that does not exist.
func (c *Catalogue) harborFault(ctx context.Context, project string, err error) error {
	var refused *harbor.Error
	if !errors.As(err, &refused) {
		return c.r.Explain(ctx, registry.Subject{}, err)
	}
	if refused.Status == http.StatusForbidden || refused.Status == http.StatusNotFound {
		return message.Fail(message.Of("bases.hidden", project, c.r.Host()), nil, message.Of("bases.hidden.next"))
	}
	// A repository's name is needed to ask why; any will do.
	subject := registry.Subject{Repository: project + "/x", Method: http.MethodHead}
	if refused.Status == http.StatusUnauthorized && c.r.User() == "" {
		return message.Fail(message.Of("registry.login-needed", c.r.Host()), nil, message.Of("registry.login", c.r.Host()))
	}
	return c.r.Explain(ctx, subject, &registry.RefusalError{Method: refused.Method, Path: refused.Path, Status: refused.Status, Code: refused.Code, Message: refused.Message, RetryAfter: refused.RetryAfter})
}

// noCatalog explains why there is no list of a registry's repositories: many let only
// administrators see it.
func (c *Catalogue) noCatalog(ctx context.Context, err error) error {
	switch registry.Status(err) {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return message.Fail(message.Of("bases.no-list", c.r.Host()), err, message.Of("bases.no-list.next"))
	}
	return c.r.Explain(ctx, registry.Subject{Method: http.MethodGet}, err)
}
