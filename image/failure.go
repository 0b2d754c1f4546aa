package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/squash/writer"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	ociarchive "go.podman.io/image/v5/oci/archive"
	"go.podman.io/image/v5/oci/layout"
)

// explain turns what can be wrong with an image, wherever it is from, into a
// fault. Faults and errors that it does not know are returned as they are.
func explain(ref Reference, err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return known
	}
	if f := explainContent(ref, err); f != nil {
		return f
	}
	var platform *PlatformError
	switch {
	case errors.As(err, &platform):
		next := fault.Say("choose an image for %s", platform.Want)
		if len(platform.Have) > 0 {
			next = fault.Say("choose an image for %s, or run it on a machine of one of %s", platform.Want, joinPlatforms(platform))
		}
		return fault.Newf(platform, next, "%s is not for this machine", ref)
	case errors.Is(err, ErrEmpty):
		return fault.Newf(err, "choose another tag, or build the image again", "%s is empty", ref)
	case errors.Is(err, ErrNoImage):
		return fault.Newf(err, "check the name: other things than images are kept in registries, too", "%s is not a container image", ref)
	case errors.Is(err, ErrUnsupported):
		return fault.Newf(err, "build or push the image again with a current tool, without encryption", "%s cannot be used", ref)
	case errors.Is(err, writer.ErrTar):
		return fault.Newf(err, "build the image again; whoever made it should know", "%s holds a layer that is not a valid tar archive", ref)
	case errors.Is(err, writer.ErrTooManyIDs):
		return fault.Newf(err, "build the image again with fewer owners", "%s cannot be converted", ref)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Newf(err, "make room, or keep images elsewhere: jrun --store DIR …", "no space left while reading %s", ref)
	}
	return err
}

// explainContent explains bytes that are not what they should be.
func explainContent(ref Reference, err error) error {
	const again = "try again; if it stays so, push the image again or tell the registry's administrator"
	var layer *LayerError
	var wrongDigest *DigestError
	var wrongDiff *DiffIDError
	var size *SizeError
	var compression *CompressionError
	if errors.As(err, &layer) {
		err = layer // what stands around it is of no use to a person
	}
	switch {
	case errors.As(err, &size):
		return fault.Newf(err, again, "a layer of %s arrived with the wrong size", ref)
	case errors.As(err, &wrongDigest) && layer != nil:
		return fault.Newf(err, again, "a layer of %s is not the one that its manifest names", ref)
	case wrongDigest != nil:
		return fault.Newf(err, again, "%s is not what its digest says", ref)
	case errors.As(err, &wrongDiff):
		return fault.Newf(err, "build and push the image again: its config does not belong to its layers",
			"a layer of %s is not the one that its config names", ref)
	case errors.As(err, &compression):
		return fault.Newf(err, "build and push the image again, with gzip or zstd layers", "a layer of %s does not decompress", ref)
	}
	return nil
}

func joinPlatforms(e *PlatformError) string {
	have := make([]string, len(e.Have))
	for i, p := range e.Have {
		have[i] = p.String()
	}
	return strings.Join(have, ", ")
}

// cancelled returns the error of a context that has ended, and nil otherwise.
func cancelled(ctx context.Context, ref Reference) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("getting %s: %w", ref, context.Cause(ctx))
}

// localFault explains why a layout or an archive cannot be used.
func localFault(ctx context.Context, ref Reference, err error) error {
	if err := cancelled(ctx, ref); err != nil {
		return err
	}
	if explained := explain(ref, err); isFault(explained) {
		return explained
	}
	var noTag layout.ImageNotFoundError
	var noArchiveTag ociarchive.ImageNotFoundError
	var noArchive ociarchive.ArchiveFileNotFoundError
	switch {
	case errors.As(err, &noTag), errors.As(err, &noArchiveTag), errors.Is(err, errNoTag):
		return fault.Newf(err, fault.Say("see which tags there are: %s", listTags(ref)), "there is no image %q in %s", ref.tag, ref.path)
	case errors.Is(err, layout.ErrMoreThanOneImage):
		return fault.Newf(err, fault.Say("name one of them: %s%s:TAG", ref.kindPrefix(), ref.path), "%s holds several images", ref.path)
	case errors.Is(err, fs.ErrNotExist) && isThere(ref.path):
		return fault.Newf(err, fault.Say("check that it is what the name says (%s), or copy or make it again", ref.kindPrefix()), "a part of %s is missing", ref.path)
	case errors.As(err, &noArchive), errors.Is(err, fs.ErrNotExist):
		return fault.Newf(err, fault.Say("check the path: ls -l %s", ref.path), "%s is not there, or a part of it is missing", ref.path)
	case errors.Is(err, fs.ErrPermission):
		return fault.Newf(err, fault.Say("ask its owner for the right to read it: ls -l %s", ref.path), "you may not read %s", ref.path)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fault.Newf(err, "copy or make it again", "%s was cut short", ref.path)
	}
	next := fault.Say("check that it is what the name says: %s", ref.kindPrefix())
	if ref.kind == DockerArchive && ref.tag != "" { // image/v5 has no error of its own for a missing tag
		next = next.And("and that it has such a tag: %s", listTags(ref))
	}
	return fault.Newf(err, next, "%s cannot be read", ref.path)
}

// listTags is a command that shows what is in a layout or an archive.
func listTags(ref Reference) string {
	switch ref.kind {
	case OCI:
		return "cat " + filepath.Join(ref.path, imgspec.ImageIndexFile)
	case OCIArchive:
		return "tar -xO --wildcards -f " + ref.path + " '*" + imgspec.ImageIndexFile + "'"
	default:
		return "tar -xO -f " + ref.path + " manifest.json"
	}
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (r Reference) kindPrefix() string {
	prefix, _, _ := strings.Cut(r.String(), ":")
	return prefix + ":"
}

func isFault(err error) bool {
	var f *fault.Error
	return errors.As(err, &f)
}
