package workspace

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	imagecopy "go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker/archive"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/signature"
	istorage "go.podman.io/image/v5/storage"
)

// Archive writes images of the store to a new file as docker save does. Layers that
// several have are in it once.
func (st *Store) Archive(ctx context.Context, file string, names ...string) error {
	bases := make([]Base, len(names))
	for i, name := range names {
		base, err := st.local(name)
		if err != nil {
			return missingImage(name, err)
		}
		bases[i] = base
	}
	if err := st.archive(ctx, file, bases); err != nil {
		if !errors.Is(err, fs.ErrExist) {
			_ = os.Remove(file)
		}
		return interrupted(ctx, message.Fail(message.Of("workspace.archive", file), err))
	}
	return nil
}

func (st *Store) archive(ctx context.Context, file string, bases []Base) error {
	if _, err := os.Lstat(file); err == nil {
		return fs.ErrExist
	}
	system := st.system
	out, err := archive.NewWriter(&system, file)
	if err != nil {
		return err
	}
	for _, base := range bases {
		if err := st.archiveOne(ctx, out, base); err != nil {
			return errors.Join(err, out.Close())
		}
	}
	return out.Close()
}

func (st *Store) archiveOne(ctx context.Context, out *archive.Writer, base Base) error {
	var named reference.NamedTagged // none for an image that is called by its id
	if parsed, err := reference.ParseNormalizedNamed(base.Name); err == nil && !anID.MatchString(base.Name) {
		named, _ = reference.TagNameOnly(parsed).(reference.NamedTagged)
	}
	destination, err := out.NewReference(named)
	if err != nil {
		return err
	}
	source, err := istorage.Transport.ParseStoreReference(st.store, "@"+base.id)
	if err != nil {
		return err
	}
	policy, err := signature.NewPolicyContext(&signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}})
	if err != nil {
		return err
	}
	defer func() { _ = policy.Destroy() }()
	system := st.system
	_, err = imagecopy.Image(ctx, policy, destination, source, &imagecopy.Options{ReportWriter: io.Discard, SourceCtx: &system, DestinationCtx: &system})
	return err
}
