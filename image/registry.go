package image

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
)

// ErrNoRegistry is wrapped by the error about a name without a registry when
// the configuration does not say which one is meant.
var ErrNoRegistry = errors.New("no registry in the name, and none is configured")

// errLeavesLoopback is wrapped when a loopback registry, which is spoken to
// without verification, refers to another host.
var errLeavesLoopback = errors.New("a registry on loopback sent the request to another host, where it could not be verified")

// qualify fills in the registry of a name that has none: Options.DefaultRegistry,
// or the one unqualified-search-registry of registries.conf. Several are a
// guess that is not made: an image of the same name elsewhere may be hostile.
func (c *Client) qualify(ref Reference) (Reference, error) {
	if ref.kind != Registry {
		return absolute(ref)
	}
	if ref.name != nil {
		return ref, nil
	}
	registry := strings.TrimSuffix(c.opts.DefaultRegistry, "/")
	if registry == "" {
		found, err := sysregistriesv2.UnqualifiedSearchRegistries(&c.base)
		if err != nil {
			return ref, fault.New("the registries' configuration cannot be read", err,
				fault.Say("mend it, in one of %s", sysregistriesv2.ConfigurationSourceDescription(&c.base)))
		}
		if len(found) != 1 {
			return ref, unqualifiedFault(ref, found)
		}
		registry = found[0]
	}
	full := registry + "/" + ref.text
	if !hasRegistry(full) {
		return ref, fault.Newf(nil, "write a host name, with a port if need be, in jrun's configuration",
			"the default registry %q does not look like one", registry)
	}
	named, err := parseNamed(full)
	if err != nil {
		return ref, referenceFault(full, err)
	}
	return Reference{kind: Registry, name: named}, nil
}

// absolute makes the name of a layout or an archive mean the same in every
// directory, as the store remembers it. image/v5 cannot have a colon in a path;
// in a directory with one the name is left alone.
func absolute(ref Reference) (Reference, error) {
	if ref.kind == Squashfs {
		return ref, nil
	}
	path, err := filepath.Abs(ref.path)
	if err != nil {
		return ref, fmt.Errorf("finding %s: %w", ref.path, err)
	}
	if !strings.Contains(path, ":") {
		ref.path = path
	}
	return ref, nil
}

func unqualifiedFault(ref Reference, found []string) error {
	if name, ok := strings.CutSuffix(ref.text, squashfsSuffix+":latest"); ok {
		name += squashfsSuffix
		return fault.Newf(ErrNoRegistry, fault.Say("if it is a file, check the path: ls -l %s", name).And("if it is not, write the registry too"),
			"there is no file %s, and no registry in that name", name)
	}
	why := ErrNoRegistry
	example := "harbor.example.ac.jp"
	if len(found) > 1 {
		why = fault.Because("%w: registries.conf lists %s", ErrNoRegistry, strings.Join(found, ", "))
		example = found[0]
	}
	return fault.Newf(why, fault.Say("write the registry too, such as %s/%s", example, ref.text),
		"it is not clear which registry %q is in", ref.text)
}

// systemFor is the configuration for requests about named. Registries on
// loopback may be spoken to without TLS, but nothing that they refer to.
func (c *Client) systemFor(named reference.Named) (*types.SystemContext, error) {
	sys := c.base
	if c.opts.SkipTLSVerify {
		sys.DockerInsecureSkipTLSVerify = types.OptionalBoolTrue
		return &sys, nil
	}
	local, err := onlyLoopback(&sys, named)
	if err != nil || !local {
		return &sys, err
	}
	sys.DockerInsecureSkipTLSVerify = types.OptionalBoolTrue
	sys.DockerProxy = func(to *url.URL) (*url.URL, error) {
		if !isLoopback(to.Host) {
			return nil, fault.Because("%w: %s", errLeavesLoopback, to.Redacted())
		}
		return http.ProxyFromEnvironment(&http.Request{URL: to})
	}
	return &sys, nil
}

// onlyLoopback reports whether every place named may be read from, mirrors
// included, is on this host.
func onlyLoopback(sys *types.SystemContext, named reference.Named) (bool, error) {
	configured, err := sysregistriesv2.FindRegistry(sys, named.Name())
	if err != nil {
		return false, fmt.Errorf("reading the registries' configuration: %w", err)
	}
	if configured == nil {
		return isLoopback(reference.Domain(named)), nil
	}
	sources, err := configured.PullSourcesFromReference(named)
	if err != nil {
		return false, fmt.Errorf("finding mirrors: %w", err)
	}
	for _, s := range sources {
		if !isLoopback(reference.Domain(s.Reference)) {
			return false, nil
		}
	}
	return true, nil
}

// servedElsewhere reports whether registries.conf has mirrors for named or
// another location.
func servedElsewhere(sys *types.SystemContext, named reference.Named) (bool, error) {
	configured, err := sysregistriesv2.FindRegistry(sys, named.Name())
	if err != nil || configured == nil {
		return false, err
	}
	return len(configured.Mirrors) > 0 || configured.Location != configured.Prefix, nil
}

// isLoopback reports whether host, with or without a port, is this machine:
// 127.0.0.0/8, ::1 or the name localhost.
func isLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}
