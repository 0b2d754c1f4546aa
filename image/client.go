package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/types"
)

// Options of a Client. The zero value is right for most.
type Options struct {
	// SkipTLSVerify allows registries whose certificate cannot be verified, and
	// plain http, for registries inside a network that is trusted.
	SkipTLSVerify bool

	// AuthFile is the auth.json to use instead of the places where podman,
	// skopeo and docker look: $REGISTRY_AUTH_FILE,
	// $XDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json,
	// ~/.docker/config.json.
	AuthFile string

	// DefaultRegistry (and a path in it, if wanted) completes names without a
	// registry, before registries.conf is asked.
	DefaultRegistry string

	// UserAgent tells the registry's administrator who is asking.
	UserAgent string

	// StallTimeout is how long a registry may be silent in the middle of a
	// layer before it is given up. 0 means DefaultStallTimeout.
	StallTimeout time.Duration

	// RetryDelay is the pause before a layer is asked for again whose registry
	// was overloaded or broke off; it doubles with every attempt in vain. 0
	// means DefaultRetryDelay.
	RetryDelay time.Duration

	// OS, Architecture and Variant replace those of the running machine, in
	// Go's words, for fetching an image that another machine will run.
	OS, Architecture, Variant string

	// Converter is recorded as the version of the program that converted.
	Converter string

	// Log receives the lines that image/v5 logs, when one wants to see its
	// requests. Without it they are dropped: every failure is returned.
	Log io.Writer
}

// DefaultStallTimeout is longer than a registry behind a busy object store was
// seen to pause, and short enough for a job that is being charged for.
const DefaultStallTimeout = 2 * time.Minute

// DefaultRetryDelay leads to four more attempts within 15 seconds.
const DefaultRetryDelay = time.Second

// answerTimeout bounds the question for a digest, with its retries after 429:
// image/v5 repeats it four times, a minute apart at most.
const answerTimeout = 5 * time.Minute

// ErrStalled is wrapped by errors about a registry that stopped sending.
var ErrStalled = errors.New("nothing has come for too long")

// Client reaches registries and local images. It is safe for concurrent use.
type Client struct {
	opts Options
	base types.SystemContext
}

// NewClient returns a client. It reads no file and makes no request yet. The
// log of image/v5 is one for the whole process; the last Client sets it.
func NewClient(opts Options) *Client {
	logrus.SetOutput(io.Discard)
	if opts.Log != nil {
		logrus.SetOutput(opts.Log)
		logrus.SetLevel(logrus.DebugLevel)
	}
	if opts.OS == "" {
		opts.OS = "linux"
	}
	if opts.Architecture == "" {
		opts.Architecture = runtime.GOARCH
	}
	if opts.AuthFile == "" {
		// The library leaves this variable to its callers.
		opts.AuthFile = os.Getenv("REGISTRY_AUTH_FILE")
	}
	if opts.UserAgent == "" {
		opts.UserAgent = "jrun"
	}
	if opts.StallTimeout == 0 {
		opts.StallTimeout = DefaultStallTimeout
	}
	if opts.RetryDelay == 0 {
		opts.RetryDelay = DefaultRetryDelay
	}
	if opts.Converter == "" {
		opts.Converter = "unknown"
	}
	return &Client{opts: opts, base: types.SystemContext{
		AuthFilePath:            opts.AuthFile,
		OSChoice:                opts.OS,
		ArchitectureChoice:      opts.Architecture,
		VariantChoice:           opts.Variant,
		DockerRegistryUserAgent: opts.UserAgent,
	}}
}

// platform is what images are chosen for.
func (c *Client) platform() store.Platform {
	return store.Platform{OS: c.opts.OS, Architecture: c.opts.Architecture, Variant: c.opts.Variant}
}

// Resolved is what a name stands for now.
type Resolved struct {
	Reference Reference     // with its registry filled in
	Digest    digest.Digest // of the index or manifest; empty for a squashfs file
}

// Resolve asks what ref stands for. A registry is asked with one HEAD request,
// which also tells whether this user may have the image; a local image is read.
func (c *Client) Resolve(ctx context.Context, ref Reference) (Resolved, error) {
	ref, err := c.qualify(ref)
	if err != nil {
		return Resolved{}, err
	}
	switch ref.kind {
	case Registry:
		d, err := c.resolveRegistry(ctx, ref)
		return Resolved{Reference: ref, Digest: d}, err
	case Squashfs:
		object, err := openSquashfs(ref)
		return Resolved{Reference: ref, Digest: object.Digest}, err
	}
	d, err := c.resolveLocal(ctx, ref)
	return Resolved{Reference: ref, Digest: d}, err
}

// resolveRegistry asks with HEAD, or with GET where HEAD cannot tell: image/v5
// does not look at mirrors for HEAD, and some registries send no digest.
func (c *Client) resolveRegistry(outer context.Context, ref Reference) (digest.Digest, error) {
	ctx, cancel := context.WithTimeoutCause(outer, answerTimeout, ErrStalled)
	defer cancel()
	sys, err := c.systemFor(ref.name)
	if err != nil {
		return "", c.registryFault(outer, ref, err)
	}
	dockerRef, err := transportReference(ref.name)
	if err != nil {
		return "", err
	}
	var d digest.Digest
	elsewhere, err := servedElsewhere(sys, ref.name)
	if err == nil && !elsewhere {
		d, err = docker.GetDigest(ctx, sys, dockerRef)
	}
	if elsewhere || errors.Is(err, digest.ErrDigestInvalidFormat) {
		d, err = digestByGet(ctx, sys, dockerRef)
	}
	if err != nil {
		return "", c.registryFault(outer, ref, err)
	}
	if want := ref.Digest(); want != "" && d != want {
		return "", c.registryFault(outer, ref, fmt.Errorf("reading the manifest: %w", &DigestError{Want: want, Got: d}))
	}
	return d, nil
}

// transportReference makes the reference that image/v5 takes. It refuses a tag
// beside a digest, which means nothing there: the digest decides.
func transportReference(named reference.Named) (types.ImageReference, error) {
	if digested, ok := named.(reference.Canonical); ok {
		bare, err := reference.WithDigest(reference.TrimNamed(named), digested.Digest())
		if err != nil {
			return nil, fmt.Errorf("dropping the tag of %s: %w", named, err)
		}
		named = bare
	}
	ref, err := docker.NewReference(named)
	if err != nil {
		return nil, fmt.Errorf("naming %s: %w", named, err)
	}
	return ref, nil
}

func digestByGet(ctx context.Context, sys *types.SystemContext, ref types.ImageReference) (digest.Digest, error) {
	src, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		return "", err
	}
	defer func() { _ = src.Close() }()
	b, _, err := src.GetManifest(ctx, nil)
	if err != nil {
		return "", err
	}
	return digest.FromBytes(b), nil
}
