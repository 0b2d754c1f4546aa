package harbor

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Health is what Harbor thinks of its own parts. It asks them every ten
// seconds, so it is behind by as much: ill parts look well, and well ones ill. The directory (LDAP) is not among them:
// Harbor is "healthy" while nobody can log in.
type Health struct {
	Status     string      `json:"status"` // "healthy" when all components are
	Components []Component `json:"components"`
}

// Component is a part of Harbor: core, database, redis, registry, registryctl,
// jobservice, portal, trivy.
type Component struct {
	Name   string `json:"name"`
	Status string `json:"status"` // "healthy" or "unhealthy"
	Error  string `json:"error"`  // why it is not
}

// Unhealthy reports whether the component called name is known to be ill.
func (h Health) Unhealthy(name string) bool {
	for _, c := range h.Components {
		if c.Name == name {
			return c.Status != "healthy"
		}
	}
	return false
}

// Health asks without a credential.
func (c *Client) Health(ctx context.Context) (Health, error) {
	var h Health
	_, err := c.do(ctx, call{method: http.MethodGet, path: apiRoot + "/health", nobody: true}, &h)
	return h, err
}

// SystemInfo is what Harbor says about itself. Nobody in particular learns
// AuthMode only.
type SystemInfo struct {
	AuthMode string `json:"auth_mode"`      // ldap_auth, db_auth, oidc_auth, …
	Version  string `json:"harbor_version"` // such as v2.15.2-1a2b3c4d
	ReadOnly bool   `json:"read_only"`      // no push, no deletion, for nobody
}

// SystemInfo asks with the credential.
func (c *Client) SystemInfo(ctx context.Context) (SystemInfo, error) {
	var s SystemInfo
	err := c.get(ctx, apiRoot+"/systeminfo", nil, &s)
	return s, err
}

// Clock is what Harbor's machine, or the proxy before it, says that the time is, in whole
// seconds. It asks without a credential.
func (c *Client) Clock(ctx context.Context) (time.Time, error) {
	got, err := c.do(ctx, call{method: http.MethodGet, path: apiRoot + "/systeminfo", nobody: true}, nil)
	if err != nil {
		return time.Time{}, err
	}
	at, err := http.ParseTime(got.header.Get("Date"))
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the time in the answer of %s: %w", c.base.Host, err)
	}
	return at, nil
}
