package image

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker/reference"
)

// Kind is where an image comes from.
type Kind int

// The kinds, and how they are written.
const (
	Registry      Kind = iota + 1 // [docker://]registry/repo[:tag][@sha256:…]
	OCI                           // oci:DIR[:tag]
	OCIArchive                    // oci-archive:FILE[:tag]
	DockerArchive                 // docker-archive:FILE[:ref]
	Squashfs                      // a path
)

// The words before the colon.
const (
	dockerScheme        = "docker://"
	ociPrefix           = "oci:"
	ociArchivePrefix    = "oci-archive:"
	dockerArchivePrefix = "docker-archive:"
	squashfsSuffix      = ".sqfs"
)

// Reference is a parsed name of an image. The zero value names nothing.
type Reference struct {
	kind Kind
	name reference.Named // Registry: with a domain, unless short
	text string          // Registry without a registry: the name as written, with a tag or digest
	path string          // the others: the directory or file
	tag  string          // the others: what stands after the path, may be empty
}

// ErrReference is wrapped by every error of ParseReference.
var ErrReference = errors.New("not an image reference")

// ParseReference reads the name of an image. A path is taken for a squashfs
// file when it begins with /, ./ or ../, or when it contains a slash or ends in
// .sqfs and is an existing file. The file system is asked nothing else. Errors
// are faults that wrap ErrReference.
func ParseReference(s string) (Reference, error) {
	switch {
	case strings.HasPrefix(s, dockerScheme):
		return parseRegistry(s, strings.TrimPrefix(s, dockerScheme))
	case strings.HasPrefix(s, ociPrefix):
		return parseLocal(s, OCI, strings.TrimPrefix(s, ociPrefix))
	case strings.HasPrefix(s, ociArchivePrefix):
		return parseLocal(s, OCIArchive, strings.TrimPrefix(s, ociArchivePrefix))
	case strings.HasPrefix(s, dockerArchivePrefix):
		return parseLocal(s, DockerArchive, strings.TrimPrefix(s, dockerArchivePrefix))
	case isPath(s):
		return parseLocal(s, Squashfs, s)
	}
	if scheme := foreignScheme(s); scheme != "" {
		return Reference{}, referenceFault(s, fault.Because("images cannot be read from %q", scheme))
	}
	return parseRegistry(s, s)
}

// foreignScheme returns the transport of other tools that s names. Read as a
// registry's image it would lead to a puzzling "not found".
func foreignScheme(s string) string {
	if scheme, _, ok := strings.Cut(s, "://"); ok {
		return scheme + "://"
	}
	for _, scheme := range []string{"dir:", "docker-daemon:", "containers-storage:", "sif:", "ostree:", "tarball:"} {
		if strings.HasPrefix(s, scheme) {
			return scheme
		}
	}
	return ""
}

func isPath(s string) bool {
	for _, prefix := range []string{"/", "./", "../"} {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	if !strings.Contains(s, "/") && !strings.HasSuffix(s, squashfsSuffix) {
		return false
	}
	info, err := os.Stat(s)
	return err == nil && info.Mode().IsRegular()
}

func parseLocal(s string, kind Kind, rest string) (Reference, error) {
	if strings.ContainsRune(rest, 0) {
		return Reference{}, referenceFault(s, fault.Because("it contains a NUL byte"))
	}
	if kind == Squashfs {
		return Reference{kind: kind, path: rest}, nil
	}
	path, tag, _ := strings.Cut(rest, ":")
	if path == "" {
		return Reference{}, referenceFault(s, fault.Because("the path is missing after the colon"))
	}
	return Reference{kind: kind, path: path, tag: tag}, nil
}

func parseRegistry(s, rest string) (Reference, error) {
	if hasRegistry(rest) {
		named, err := parseNamed(rest)
		if err != nil {
			return Reference{}, referenceFault(s, err)
		}
		return Reference{kind: Registry, name: named}, nil
	}
	// The registry comes from the configuration later; any will do to check
	// the rest and to fill in the tag.
	const placeholder = "registry.invalid/"
	named, err := parseNamed(placeholder + rest)
	if err != nil {
		return Reference{}, referenceFault(s, err)
	}
	return Reference{kind: Registry, text: strings.TrimPrefix(named.String(), placeholder)}, nil
}

// hasRegistry applies Docker's rule: what stands before the first slash is a
// registry if it looks like a host name or has a port.
func hasRegistry(s string) bool {
	host, _, ok := strings.Cut(s, "/")
	return ok && (strings.ContainsAny(host, ".:") || host == "localhost")
}

func parseNamed(s string) (reference.Named, error) {
	_, repository, _ := strings.Cut(s, "/")
	repository, _, _ = strings.Cut(repository, "@")
	repository, _, _ = strings.Cut(repository, ":")
	if strings.ToLower(repository) != repository {
		return nil, fault.Because("the repository %q must be in lower case", repository)
	}
	named, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		return nil, err
	}
	return reference.TagNameOnly(named), nil
}

func referenceFault(s string, why error) error {
	return fault.Newf(fault.Because("%w: %w", ErrReference, why),
		"write registry/repository:tag, such as harbor.example.ac.jp/lab/python:3\n"+
			"or oci:DIR, oci-archive:FILE, docker-archive:FILE, or the path of a FILE.sqfs",
		"%q is not the name of an image", s)
}

// Kind says where the image comes from.
func (r Reference) Kind() Kind { return r.kind }

// Path is the directory or file of a local image; empty for a registry's.
func (r Reference) Path() string { return r.path }

// String is the canonical form: ParseReference of it gives an equal Reference.
func (r Reference) String() string {
	switch r.kind {
	case Registry:
		s := r.text
		if r.name != nil {
			s = r.name.String()
		}
		if strings.HasSuffix(s, squashfsSuffix) || readsAsOther(s) {
			return dockerScheme + s
		}
		return s
	case OCI:
		return ociPrefix + r.local()
	case OCIArchive:
		return ociArchivePrefix + r.local()
	case DockerArchive:
		return dockerArchivePrefix + r.local()
	case Squashfs:
		if strings.HasPrefix(r.path, "/") || strings.HasPrefix(r.path, "./") || strings.HasPrefix(r.path, "../") {
			return r.path
		}
		return "./" + r.path
	}
	return ""
}

// readsAsOther reports whether a repository is called like a transport: the
// image "oci:latest" needs its docker:// to be read back.
func readsAsOther(s string) bool {
	for _, prefix := range []string{ociPrefix, ociArchivePrefix, dockerArchivePrefix} {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return foreignScheme(s) != ""
}

func (r Reference) local() string {
	if r.tag == "" {
		return r.path
	}
	return r.path + ":" + r.tag
}

// Familiar is a short form for tables and messages: the canonical one without
// a digest that follows a tag, and without the directory of a local file.
func (r Reference) Familiar() string {
	switch {
	case r.kind == Squashfs:
		return filepath.Base(r.path)
	case r.kind != Registry:
		prefix, _, _ := strings.Cut(r.String(), ":")
		return prefix + ":" + filepath.Base(r.path) + strings.TrimPrefix(r.local(), r.path)
	}
	s := r.text
	if r.name != nil {
		s = reference.FamiliarString(r.name)
	}
	name, _, digested := strings.Cut(s, "@")
	if digested && strings.Contains(filepath.Base(name), ":") {
		return name
	}
	return s
}

// Digest is the digest in the name, or empty.
func (r Reference) Digest() digest.Digest {
	if digested, ok := r.name.(reference.Canonical); ok {
		return digested.Digest()
	}
	if _, d, ok := strings.Cut(r.text, "@"); ok {
		return digest.Digest(d)
	}
	return ""
}

// At is the same repository at a digest, whatever its tag stands for now. A
// reference that has a digest, or is not of a registry, is returned as it is.
func (r Reference) At(d digest.Digest) (Reference, error) {
	if r.kind != Registry || r.name == nil || r.Digest() != "" {
		return r, nil
	}
	named, err := reference.WithDigest(r.name, d)
	if err != nil {
		return Reference{}, fmt.Errorf("naming %s by its digest %s: %w", r, d, err)
	}
	return Reference{kind: Registry, name: named}, nil
}

// Host is the registry's host and port; empty for local images and for names
// that leave the registry to the configuration.
func (r Reference) Host() string {
	if r.name == nil {
		return ""
	}
	return reference.Domain(r.name)
}
