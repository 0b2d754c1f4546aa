package image

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/store"
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

	// Login is used for every registry instead of what AuthFile and its like hold;
	// for a service whose password is elsewhere.
	Login *Login

	// CertificatesDir has the certificates (*.crt) of who has signed those of
	// registries, instead of the directories certs.d/HOST.
	CertificatesDir string

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

	// Pull says when a registry is asked. The zero value asks for every job.
	Pull Pull

	// OfflineGrace is how long ago the registry may have said that this user may
	// have an image, for a job that cannot reach it. 0 asks for an answer always.
	OfflineGrace time.Duration

	// Job names the batch job, or the group of processes, for which a name stands
	// for one digest: it is asked for once, and the processes of the job on all
	// nodes use the same. Empty for a process that is alone.
	Job string

	// AllowedRegistries are the registries, or parts of them (host/project), that
	// images may come from; empty for all.
	AllowedRegistries []string

	// Severity is this site's own rule about vulnerabilities.
	Severity SeverityGate

	// Warn is told what a person should know although the image can be used. It
	// may be nil.
	Warn func(fault.Text)

	harborTiming harbor.Timing // of tests

	// Log receives the lines that image/v5 logs, when one wants to see its
	// requests. Without it they are dropped: every failure is returned.
	Log io.Writer
}

// Login is an account's name and password.
type Login struct{ User, Password string }

// DefaultStallTimeout is longer than a registry behind a busy object store was
// seen to pause, and short enough for a job that is being charged for.
const DefaultStallTimeout = 2 * time.Minute

// DefaultRetryDelay leads to four more attempts within 15 seconds.
const DefaultRetryDelay = time.Second

// mirrorTimeout bounds the question for a digest where image/v5 asks it, with its
// retries after 429: it repeats it four times, a minute apart at most.
const mirrorTimeout = 5 * time.Minute

// ErrStalled is wrapped by errors about a registry that stopped sending.
var ErrStalled = errors.New("nothing has come for too long")

// Client reaches registries and local images. It is safe for concurrent use.
type Client struct {
	opts     Options
	base     types.SystemContext
	refusals refusalTiming
	oneFile  bool // Options.AuthFile was given: logins elsewhere are left alone
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
	oneFile := opts.AuthFile != ""
	if !oneFile {
		// The library leaves this variable to its callers.
		opts.AuthFile = os.Getenv("REGISTRY_AUTH_FILE")
	}
	authFile := opts.AuthFile
	if authFile == "" {
		authFile = AuthFileInstead()
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
	if opts.Warn == nil {
		opts.Warn = func(fault.Text) {}
	}
	var login *types.DockerAuthConfig
	if opts.Login != nil {
		login = &types.DockerAuthConfig{Username: opts.Login.User, Password: opts.Login.Password}
	}
	return &Client{opts: opts, refusals: harborTiming, oneFile: oneFile, base: types.SystemContext{
		DockerAuthConfig:        login,
		DockerCertPath:          opts.CertificatesDir,
		AuthFilePath:            authFile,
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
