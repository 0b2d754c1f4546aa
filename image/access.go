package image

import (
	"fmt"
	"net/http"

	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/types"
)

// Access is how a registry is reached, and as whom, for programs that speak to it
// themselves: with the logins, certificates and proxies that all of jrun uses.
type Access struct {
	Host string // and port, if it has one

	User, Password string // empty for nobody
	Token          string // an identity token in place of a password

	// Transport verifies certificates as podman and skopeo do. It keeps no cookies
	// and puts no bound on a request's duration.
	Transport http.RoundTripper

	// Plain says that http may be spoken where TLS is not: a registry on loopback, or
	// one that registries.conf or Options.SkipTLSVerify allow it for.
	Plain bool
}

// Access tells how the registry of a name is reached. No request is made.
func (c *Client) Access(ref Reference) (Access, error) {
	if ref.name == nil {
		return Access{}, fmt.Errorf("finding the registry of %s: it is no name in a registry", ref)
	}
	host := reference.Domain(ref.name)
	auth, err := config.GetCredentialsForRef(&c.base, ref.name)
	if err != nil {
		return Access{}, fmt.Errorf("reading the login for %s: %w", host, err)
	}
	return c.access(host, auth.Username, auth.Password, auth.IdentityToken)
}

// AccessTo is Access for a registry, or a project of one, in place of an image.
func (c *Client) AccessTo(target LoginTarget) (Access, error) {
	auth, err := config.GetCredentials(&c.base, target.String())
	if err != nil {
		return Access{}, fmt.Errorf("reading the login for %s: %w", target, err)
	}
	return c.access(target.Host(), auth.Username, auth.Password, auth.IdentityToken)
}

func (c *Client) access(host, user, password, token string) (Access, error) {
	sys := c.base
	if c.opts.SkipTLSVerify || isLoopback(host) {
		sys.DockerInsecureSkipTLSVerify = types.OptionalBoolTrue
	}
	e, err := c.endpointFor(apiHost(host), &sys)
	if err != nil {
		return Access{}, err
	}
	return Access{Host: host, User: user, Password: password, Token: token, Transport: e.client.Transport, Plain: e.plain}, nil
}
