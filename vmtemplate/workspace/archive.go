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

// Archive writes an image of the store to a new file as docker save does.
func (st *Store) Archive(ctx context.Context, name, file string) error {
	base, err := st.local(name)
	if err != nil {
		return missingImage(name, err)
	}
	if err := st.archive(ctx, base, file); err != nil {
		if !errors.Is(err, fs.ErrExist) {
			_ = os.Remove(file)
		}
		return interrupted(ctx, message.Fail(message.Of("workspace.archive", name, file), err))
	}
	return nil
}

func (st *Store) archive(ctx context.Context, base Base, file string) error {
	if _, err := os.Lstat(file); err == nil {
		return fs.ErrExist
	}
	var named reference.NamedTagged // none for an image that is called by its id
	if parsed, err := reference.ParseNormalizedNamed(base.Name); err == nil {
		named, _ = reference.TagNameOnly(parsed).(reference.NamedTagged)
	}
	destination, err := archive.NewReference(file, named)
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
