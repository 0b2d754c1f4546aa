package image

import (
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"go.podman.io/image/v5/docker/reference"
)

// LoginTarget is what a login is for: a registry, or a part of one.
type LoginTarget struct {
	key   string          // as auth.json has it: HOST or HOST/PROJECT
	named reference.Named // some repository in it
}

// String is HOST or HOST/PROJECT.
func (t LoginTarget) String() string { return t.key }

// Host is the registry's host, and port if it has one.
func (t LoginTarget) Host() string {
	host, _, _ := strings.Cut(t.key, "/")
	return host
}

// ParseLoginTarget reads what a person writes for a registry: HOST, HOST/PROJECT,
// or its address in a browser.
func ParseLoginTarget(s string) (LoginTarget, error) {
	key := strings.TrimPrefix(s, dockerScheme)
	key = strings.TrimRight(strings.TrimPrefix(key, "https://"), "/")
	if host, ok := strings.CutPrefix(key, "http://"); ok {
		return LoginTarget{}, fault.Newf(fault.Because("a password is not sent without TLS unless you say so"),
			fault.Say("write the host alone: jrun login %s", strings.TrimRight(host, "/")).And("and, on a network that you trust, --tls-verify=false"),
			"%q is an address without TLS", s)
	}
	if key == "index.docker.io" || key == "index.docker.io/v1" || key == "registry-1.docker.io" {
		key = dockerHub
	}
	named, err := reference.ParseNormalizedNamed(key + "/x")
	host, _, _ := strings.Cut(key, "/")
	switch {
	case key == "":
		err = fault.Because("it is empty")
	case foreignScheme(key) != "":
		err = fault.Because("%s is not how registries are spoken to", foreignScheme(key))
	case err == nil && (!hasRegistry(key+"/x") || reference.Domain(named) != host):
		err = fault.Because("it has no dot and no port")
	}
	if err != nil {
		return LoginTarget{}, fault.Newf(err, "write its host name, such as harbor.example.ac.jp\nor a project of it, such as harbor.example.ac.jp/lab, for a login that only that project takes",
			"%q is not the name of a registry", s)
	}
	return LoginTarget{key: key, named: named}, nil
}
