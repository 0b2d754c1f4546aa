package bundle

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Grammars of the OCI distribution specification. What does not fit comes neither from
// a registry nor from a bundle, and must not become a part of a path or an address.
var (
	repositoryGrammar = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)+$`)
	tagGrammar        = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

// refNameGrammar is of org.opencontainers.image.ref.name, in the OCI image
// specification (annotations.md). go.podman.io/image/v5 takes no other name.
var refNameGrammar = regexp.MustCompile(`^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$`)

// longestName bounds a repository's name, in bytes, as registries do.
const longestName = 255

func checkRepository(name string) error {
	if len(name) > longestName || !repositoryGrammar.MatchString(name) {
		return fmt.Errorf("%q is no name of a repository in a project", name)
	}
	return nil
}

func checkTag(tag string) error {
	if !tagGrammar.MatchString(tag) {
		return fmt.Errorf("%q is no tag", tag)
	}
	return nil
}

func checkDigest(d digest.Digest) error {
	if err := d.Validate(); err != nil {
		return fmt.Errorf("%q is no digest: %w", string(d), err)
	}
	return nil
}

// tagName is an image's name in a layout; false where the two make none.
func tagName(repository, tag string) (string, bool) {
	name := repository + ":" + tag
	return name, refNameGrammar.MatchString(name)
}

// digestName is the name that every artifact can have in a layout.
func digestName(repository string, d digest.Digest) string {
	if name := repository + "@" + d.String(); refNameGrammar.MatchString(name) {
		return name
	}
	return d.String()
}

// namesOf are all names of an artifact in a layout, sorted.
func namesOf(repository string, d digest.Digest, tags []string) []string {
	names := []string{digestName(repository, d)}
	for _, tag := range tags {
		if name, ok := tagName(repository, tag); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// RunName is what one types after oci:DIR/data/images: to run the image; by a tag if
// it has one that a layout can name.
func (i Image) RunName() string {
	for _, tag := range i.Tags {
		if name, ok := tagName(i.Repository, tag); ok {
			return name
		}
	}
	return digestName(i.Repository, i.Digest)
}

// PinnedName is the name that stands for the image's digest.
func (i Image) PinnedName() string { return digestName(i.Repository, i.Digest) }

// signatureTag is the tag by which cosign finds the signature of a digest.
func signatureTag(subject digest.Digest) string {
	return strings.Replace(subject.String(), ":", "-", 1) + ".sig"
}
