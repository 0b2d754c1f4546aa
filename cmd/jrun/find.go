package main

import (
	"errors"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// shortestPrefix is how much of a digest's hexadecimal part names an image.
const shortestPrefix = 6

// find returns the object in the store that name stands for: a digest, the
// beginning of one, or a name that was pulled. It asks no registry.
func (s *session) find(name string) (store.Object, error) {
	prefix, isDigest := strings.CutPrefix(name, "sha256:")
	if len(prefix) >= shortestPrefix && isHex(prefix) {
		return s.findDigest(prefix)
	}
	if isDigest {
		return store.Object{}, fault.Newf(fault.Because("a digest has hexadecimal digits, of which at least six are needed"),
			"jrun images lists what is there", "cannot tell which image %s is", name)
	}
	ref, err := image.ParseReference(name)
	if err != nil {
		return store.Object{}, err
	}
	object, err := s.client.Find(s.store, ref)
	if errors.Is(err, store.ErrNotFound) {
		return store.Object{}, fault.Newf(err, fault.Say("jrun images lists what is there; jrun pull %s fetches it", name),
			"the image %s is not in the store %s", name, s.store.Root())
	}
	return object, err
}

func (s *session) findDigest(prefix string) (store.Object, error) {
	if full := digest.NewDigestFromEncoded(digest.SHA256, prefix); full.Validate() == nil {
		object, err := s.store.Get(full)
		if !errors.Is(err, store.ErrNotFound) {
			return object, err
		}
	}
	objects, _ := s.store.List() // one that cannot be read is not meant
	var found []store.Object
	for _, o := range objects {
		if strings.HasPrefix(o.Digest.Encoded(), prefix) {
			found = append(found, o)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return store.Object{}, fault.Newf(store.ErrNotFound, "jrun images lists what is there", "there is no image sha256:%s in the store %s", prefix, s.store.Root())
	}
	return store.Object{}, fault.Newf(fault.Because("more than one digest begins like that"), "give more of it; jrun images --json shows all",
		"cannot tell which image sha256:%s is", prefix)
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

// matchesDigest reports whether name is the digest d or the beginning of it.
func matchesDigest(d, name string) bool {
	hex := strings.TrimPrefix(name, "sha256:")
	return d == name || len(hex) >= shortestPrefix && strings.HasPrefix(strings.TrimPrefix(d, "sha256:"), hex)
}
