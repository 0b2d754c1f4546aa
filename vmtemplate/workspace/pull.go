package workspace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/opencontainers/go-digest"
	imagecopy "go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/signature"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
)

// Progress is told how many bytes have come, and of how many. of is 0 while it is not
// known.
type Progress func(done, of int64)

// Base is an image to begin with.
type Base struct {
	Name   string        // as it is written in a Dockerfile, with registry and tag
	Digest digest.Digest // of its manifest
	id     string        // in the store
}

// Find returns the image that a name stands for: one of this store, as it was kept or
// pulled, or else the registry's.
func (st *Store) Find(ctx context.Context, name string, progress Progress) (Base, error) {
	if base, err := st.local(name); err == nil {
		return base, nil
	}
	return st.Pull(ctx, name, progress)
}

// local finds an image in the store only.
func (st *Store) local(name string) (Base, error) {
	ref, err := image.ParseReference(name)
	if err == nil {
		ref, err = st.client.Qualify(ref)
	}
	for _, candidate := range localNames(name, ref, err) {
		id, err := st.store.Lookup(candidate)
		if err != nil {
			continue
		}
		img, err := st.store.Image(id)
		if err != nil {
			continue
		}
		return Base{Name: candidate, Digest: img.Digest, id: img.ID}, nil
	}
	return Base{}, storage.ErrImageUnknown
}

// Local finds an image of the store only, by a name as people write it or by the
// beginning of its id.
func (st *Store) Local(name string) (Base, error) {
	base, err := st.local(name)
	if err != nil {
		return Base{}, missingImage(name, err)
	}
	return base, nil
}

// anID is what people may write for an image's id, as they see it in lists.
var anID = regexp.MustCompile(`^(sha256:)?[0-9a-f]{4,64}$`)

// localNames are the names under which the store may have an image, in the order of
// podman and buildah: what was made here comes before a registry's.
func localNames(name string, ref image.Reference, failed error) []string {
	var all []string
	if local, err := localName(name); err == nil {
		all = append(all, local)
	}
	if failed == nil {
		all = append(all, strings.TrimPrefix(ref.String(), "docker://"))
	}
	if anID.MatchString(name) {
		all = append(all, strings.TrimPrefix(name, "sha256:"))
	}
	return all
}

// localName is the name of an image that is in no registry: localhost/NAME:TAG, as
// podman and buildah have it.
func localName(name string) (string, error) {
	if !strings.HasPrefix(name, "localhost/") {
		name = "localhost/" + name
	}
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", err
	}
	return reference.TagNameOnly(named).String(), nil
}

// Pull gets an image from its registry, or the layers of it that are not here.
func (st *Store) Pull(ctx context.Context, name string, progress Progress) (Base, error) {
	ref, err := image.ParseReference(name)
	if err == nil {
		ref, err = st.client.Qualify(ref)
	}
	if err != nil {
		return Base{}, message.Fail(message.Of("workspace.base-name", name), err, message.Of("workspace.base-name.next"))
	}
	resolved, err := st.client.Resolve(ctx, nil, ref)
	if err != nil {
		return Base{}, interrupted(ctx, refusedBase(ref, err))
	}
	named, err := reference.ParseNormalizedNamed(strings.TrimPrefix(ref.String(), "docker://"))
	if err != nil {
		return Base{}, message.Fail(message.Of("workspace.base-name", name), err, message.Of("workspace.base-name.next"))
	}
	named = reference.TagNameOnly(named)
	pinned, err := reference.WithDigest(reference.TrimNamed(named), resolved.Digest)
	if err != nil {
		return Base{}, fmt.Errorf("naming %s by its digest: %w", named, err)
	}
	source, err := docker.NewReference(pinned)
	if err != nil {
		return Base{}, fmt.Errorf("naming %s: %w", named, err)
	}
	system, err := st.systemFor(ref)
	if err != nil {
		return Base{}, err
	}
	if err := st.copyIn(ctx, source, named.String(), system, progress); err != nil {
		return Base{}, interrupted(ctx, message.Fail(message.Of("workspace.pull", named.String()), err, message.Of("workspace.pull.next"), message.Of("workspace.pull.room", st.dir)))
	}
	id, err := st.store.Lookup(named.String())
	if err != nil {
		return Base{}, fmt.Errorf("finding %s after it was fetched: %w", named, err)
	}
	return Base{Name: named.String(), Digest: resolved.Digest, id: id}, nil
}

// refusedBase says why a base cannot be had, in the reader's language as far as it goes.
func refusedBase(ref image.Reference, err error) error {
	what := message.Of("workspace.base-refused", ref.String())
	var unreachable *image.UnreachableError
	if errors.As(err, &unreachable) {
		return message.Fail(what, err, message.Of("workspace.unreachable.next"))
	}
	return message.Fail(what, err, message.Of("workspace.base-refused.name"), message.Of("workspace.base-refused.login", registryOf(ref)))
}

func registryOf(ref image.Reference) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(ref.String(), "docker://"), "/")
	return host
}

// systemFor allows plain http where package image does.
func (st *Store) systemFor(ref image.Reference) (*types.SystemContext, error) {
	access, err := st.client.Access(ref)
	if err != nil {
		return nil, err
	}
	system := st.system
	if access.Plain {
		system.DockerInsecureSkipTLSVerify = types.OptionalBoolTrue
	}
	return &system, nil
}

// copyIn copies an image into the store under a name.
func (st *Store) copyIn(ctx context.Context, source types.ImageReference, name string, system *types.SystemContext, progress Progress) error {
	destination, err := istorage.Transport.ParseStoreReference(st.store, name)
	if err != nil {
		return err
	}
	policy, err := signature.NewPolicyContext(&signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}})
	if err != nil {
		return err
	}
	defer func() { _ = policy.Destroy() }()
	options := &imagecopy.Options{
		ReportWriter: io.Discard, SourceCtx: system, DestinationCtx: system,
		ImageListSelection: imagecopy.CopySystemImage,
	}
	done := watch(ctx, options, source, system, progress)
	_, err = imagecopy.Image(ctx, policy, destination, source, options)
	done()
	return err
}

// watch sums up what the library tells about each blob.
func watch(ctx context.Context, options *imagecopy.Options, source types.ImageReference, system *types.SystemContext, progress Progress) (done func()) {
	if progress == nil {
		return func() {}
	}
	const interval = 200 * time.Millisecond
	events := make(chan types.ProgressProperties)
	options.Progress, options.ProgressInterval = events, interval
	finished := make(chan struct{})
	of := totalBytes(ctx, source, system)
	go func() {
		defer close(finished)
		offsets := map[digest.Digest]uint64{}
		for e := range events {
			offsets[e.Artifact.Digest] = e.Offset
			if e.Event == types.ProgressEventSkipped || e.Event == types.ProgressEventDone {
				offsets[e.Artifact.Digest] = uint64(max(e.Artifact.Size, int64(e.Offset)))
			}
			var sum uint64
			for _, n := range offsets {
				sum += n
			}
			progress(int64(sum), max(of, 0))
		}
	}()
	return func() {
		close(events)
		<-finished
	}
}

// totalBytes is the sum of an image's blobs; 0 if it cannot be known beforehand.
func totalBytes(ctx context.Context, source types.ImageReference, system *types.SystemContext) int64 {
	src, err := source.NewImageSource(ctx, system)
	if err != nil {
		return 0
	}
	defer func() { _ = src.Close() }()
	raw, kind, err := src.GetManifest(ctx, nil)
	if err != nil || manifest.MIMETypeIsMultiImage(kind) {
		return 0
	}
	m, err := manifest.FromBlob(raw, kind)
	if err != nil {
		return 0
	}
	sum := m.ConfigInfo().Size
	for _, l := range m.LayerInfos() {
		sum += l.Size
	}
	return sum
}

// parseInRegistry is a name with a registry, with its tag filled in.
func parseInRegistry(name string) (string, error) {
	ref, err := image.ParseReference(name)
	if err != nil {
		return "", err
	}
	if ref.Host() == "" {
		return "", image.ErrNoRegistry
	}
	named, err := reference.ParseNormalizedNamed(strings.TrimPrefix(ref.String(), "docker://"))
	if err != nil {
		return "", err
	}
	return reference.TagNameOnly(named).String(), nil
}
