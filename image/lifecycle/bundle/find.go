package bundle

import (
	"errors"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
)

// errAmbiguous is for words that mean more than one image.
var errAmbiguous = errors.New("several images are meant")

// shortestDigest is how much of a digest one must give, in hexadecimal digits.
const shortestDigest = 6

// Find returns the image that a person means: by its name in the layout, by a part of
// the name that begins after a slash, with or without the tag, or by the beginning of
// its digest. Without a tag it is latest, or else the only one. Errors are faults.
func (b Bundle) Find(words string) (Image, error) {
	words = strings.TrimPrefix(strings.TrimPrefix(words, "docker://"), b.Registry+"/")
	for _, meant := range []func(Image, string) bool{called, tagged, digested, latest, withTags, untagged} {
		var found []Image
		for _, image := range b.Images {
			if meant(image, words) {
				found = append(found, image)
			}
		}
		if len(found) == 1 {
			return found[0], nil
		}
		if len(found) > 1 && sameBytes(found) && strings.Contains(words, found[0].Digest.Encoded()[:shortestDigest]) {
			return found[0], nil
		}
		if len(found) > 1 {
			return Image{}, fault.Newf(errAmbiguous, "give more of the name:\n"+list(found), "cannot tell which image %q is", words)
		}
	}
	next := "there are none in it"
	if len(b.Images) > 0 {
		next = "these are in it:\n" + list(b.Images)
	}
	return Image{}, fault.Newf(nil, next, "there is no image %q in the bundle", words)
}

// sameBytes reports whether images are one image in several repositories.
func sameBytes(images []Image) bool {
	return !slices.ContainsFunc(images, func(i Image) bool { return i.Digest != images[0].Digest })
}

// mostListed bounds what an error lists.
const mostListed = 20

func list(images []Image) string {
	var names []string
	for _, image := range images[:min(len(images), mostListed)] {
		names = append(names, image.RunName())
	}
	if len(images) > mostListed {
		names = append(names, "…")
	}
	return strings.Join(names, "\n")
}

func called(i Image, words string) bool {
	for _, name := range i.Names {
		if name == words {
			return true
		}
	}
	return false
}

// ends reports whether a repository is called so, or its last parts are.
func ends(i Image, name string) bool {
	return i.Repository == name || name != "" && strings.HasSuffix(i.Repository, "/"+name)
}

func tagged(i Image, words string) bool {
	for _, tag := range i.Tags {
		if name, ok := strings.CutSuffix(words, ":"+tag); ok && ends(i, name) {
			return true
		}
	}
	return false
}

func digested(i Image, words string) bool {
	name, d, ok := strings.Cut(words, "@")
	if !ok {
		name, d = "", words
	}
	if name, _, _ = strings.Cut(name, ":"); name != "" && !ends(i, name) {
		return false
	}
	encoded := strings.TrimPrefix(d, i.Digest.Algorithm().String()+":")
	return len(encoded) >= shortestDigest && strings.HasPrefix(i.Digest.Encoded(), encoded)
}

func latest(i Image, words string) bool {
	return !strings.Contains(words, ":") && tagged(i, words+":latest")
}

func withTags(i Image, words string) bool { return len(i.Tags) > 0 && untagged(i, words) }

func untagged(i Image, words string) bool { return !strings.Contains(words, ":") && ends(i, words) }
