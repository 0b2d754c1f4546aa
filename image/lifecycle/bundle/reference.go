package bundle

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
)

// errColon is for a directory that cannot be a part of a reference.
var errColon = errors.New("there is a colon in its path, which ends the path in oci:DIR:NAME")

// Reference is what jrun, podman and skopeo take for an image of the bundle dir: pinned
// to its digest, absolute.
func Reference(dir string, image Image) (string, error) {
	layout, err := filepath.Abs(filepath.Join(dir, filepath.FromSlash(imagesDir)))
	if err != nil {
		return "", fault.New("cannot find the current directory", err, "change to a directory that exists ('cd') and try again")
	}
	if strings.Contains(layout, ":") {
		return "", fault.Newf(errColon, "give it another name, or a link without a colon: ln -s '"+dir+"' ~/bundle", "cannot name images in %s", dir)
	}
	return "oci:" + layout + ":" + image.PinnedName(), nil
}
