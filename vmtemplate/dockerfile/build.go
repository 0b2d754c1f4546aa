package dockerfile

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/inside"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"go.podman.io/buildah/define"
	"go.podman.io/buildah/imagebuildah"
	"go.podman.io/buildah/pkg/parse"
	nettypes "go.podman.io/common/libnetwork/types"
	"go.podman.io/image/v5/types"
	"golang.org/x/sys/unix"
)

// Options are those of docker build, under their names there.
type Options struct {
	Context  string // a directory, a tar file, or - for a tar file or a Dockerfile from Stdin
	File     string // the Dockerfile, - for Stdin; empty: Dockerfile in the context
	Stdin    io.Reader
	Tags     []string          // names of the image; without a registry they are local
	Args     map[string]string // values for ARG
	Secrets  []string          // id=NAME,src=FILE or id=NAME,env=VARIABLE, for RUN --mount=type=secret
	SSH      []string          // default or NAME=SOCKET, for RUN --mount=type=ssh
	Target   string            // stage to stop at
	Labels   []string          // NAME=VALUE
	AddHost  []string          // HOST:ADDRESS, for RUN
	Contexts map[string]string // further directories or images, for COPY --from
	Platform string            // must be this machine's

	NoCache   bool // do all again
	Pull      bool // ask registries for images that are here
	Squash    bool // one layer, with the base's
	NoNetwork bool // for RUN

	Report Reporter
}

// Result is an image that was built.
type Result struct {
	ID    string // of its configuration, in hexadecimal
	Names []string
}

// build is one run of Build.
type build struct {
	o        Options
	st       *workspace.Store
	context  buildContext
	contexts contexts
	parsed   parsed
	names    []string
	tmp      string
	handover string
	steps    steps
}

// patience is how long a build that was interrupted may clean up. What it does not
// remove is removed by the next jbuild.
const patience = 10 * time.Second

// Build builds an image. Its errors are for people; that of a RUN whose program failed
// has the program's exit status as its Code.
func Build(ctx context.Context, st *workspace.Store, o Options) (Result, error) {
	if define.Version != knownBuildah {
		return Result{}, fmt.Errorf("this jbuild is linked with buildah %s, and knows how %s runs programs: it was not built correctly", define.Version, knownBuildah)
	}
	b := &build{o: o, st: st, steps: steps{report: o.Report}}
	tmp, err := os.MkdirTemp("", "build-")
	if err != nil {
		return Result{}, fmt.Errorf("making a temporary directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	b.tmp = tmp
	if err := b.prepare(); err != nil {
		return Result{}, err
	}
	if err := b.fetch(ctx); err != nil {
		return Result{}, interrupted(ctx, err)
	}
	options, err := b.options()
	if err != nil {
		return Result{}, err
	}
	id, err := b.run(ctx, options)
	if err != nil {
		return Result{}, interrupted(ctx, err)
	}
	return Result{ID: id, Names: b.names}, nil
}

// prepare reads everything that the build depends on and that can be wrong.
func (b *build) prepare() (err error) {
	if err := checkPlatform(b.o.Platform); err != nil {
		return err
	}
	if err := b.checkSecrets(); err != nil {
		return err
	}
	if b.names, err = names(b.st, b.o.Tags); err != nil {
		return err
	}
	if b.contexts, err = readContexts(b.o.Contexts); err != nil {
		return err
	}
	if b.context, err = openContext(b.o, b.tmp); err != nil {
		return err
	}
	if b.parsed, err = (source{file: b.context.file, text: b.context.text, args: b.o.Args, target: b.o.Target}).parse(); err != nil {
		return err
	}
	b.handover, err = handOver(b.tmp, b.st.IDs())
	return err
}

func (b *build) checkSecrets() error {
	if _, err := parse.Secrets(b.o.Secrets); err != nil {
		return message.Fail(message.Of("dockerfile.secret"), err, message.Of("dockerfile.secret.next"))
	}
	if _, err := parse.SSH(b.o.SSH); err != nil {
		return message.Fail(message.Of("dockerfile.ssh"), err, message.Of("dockerfile.ssh.next"))
	}
	return nil
}

// options are buildah's.
func (b *build) options() (define.BuildOptions, error) {
	registries := filepath.Join(b.tmp, "registries.conf")
	if err := os.WriteFile(registries, b.registries(), 0o600); err != nil {
		return define.BuildOptions{}, fmt.Errorf("preparing the build: %w", err)
	}
	_, system := b.st.Storage()
	system.SystemRegistriesConfPath = registries
	system.OSChoice, system.ArchitectureChoice = "linux", runtime.GOARCH
	o := define.BuildOptions{
		ContextDirectory:        b.context.dir,
		IgnoreFile:              b.context.ignore,
		AdditionalBuildContexts: b.contexts,
		Target:                  b.o.Target,
		Args:                    b.o.Args,
		Labels:                  b.o.Labels,
		NoCache:                 b.o.NoCache,
		Squash:                  b.o.Squash,
		Layers:                  true,
		OutputFormat:            define.Dockerv2ImageManifest, // OCI's has no ONBUILD, HEALTHCHECK and SHELL
		PullPolicy:              define.PullIfMissing,
		SystemContext:           &system,
		SignaturePolicyPath:     system.SignaturePolicyPath,

		Isolation:        define.IsolationChroot,
		ConfigureNetwork: define.NetworkEnabled,
		NetworkInterface: hostNetwork{},
		TransientMounts:  []string{b.handover + ":" + inside.Ours + ":ro"},
		CommonBuildOpts: &define.CommonBuildOptions{
			Secrets: b.o.Secrets, SSHSources: b.o.SSH, AddHost: b.o.AddHost,
			IdentityLabel: types.OptionalBoolFalse, // docker writes no such label
			Ulimit:        limits(),
		},

		RemoveIntermediateCtrs:  true,
		ForceRmIntermediateCtrs: true,
		MaxPullPushRetries:      3,

		Out: &b.steps, Err: &b.steps, ReportWriter: io.Discard,
	}
	if b.o.NoNetwork {
		o.ConfigureNetwork = define.NetworkDisabled
	}
	if len(b.names) > 0 {
		o.Output, o.AdditionalTags = b.names[0], b.names[1:]
	}
	return o, nil
}

// limits are this process's own of what buildah sets otherwise (to a million, for which
// even root may lack the right).
func limits() []string {
	var all []string
	for name, resource := range map[string]int{"nofile": unix.RLIMIT_NOFILE, "nproc": unix.RLIMIT_NPROC} {
		var l unix.Rlimit
		if unix.Getrlimit(resource, &l) == nil {
			all = append(all, fmt.Sprintf("%s=%d:%d", name, int64(l.Cur), int64(l.Max))) // -1: none (RLIM_INFINITY)
		}
	}
	return all
}

// run lets buildah build. When ctx ends it is given a moment to clean up: it looks at ctx
// in some places only.
func (b *build) run(ctx context.Context, options define.BuildOptions) (string, error) {
	file := filepath.Join(b.tmp, "Dockerfile")
	if err := os.WriteFile(file, b.context.text, 0o600); err != nil {
		return "", fmt.Errorf("preparing the build: %w", err)
	}
	type outcome struct {
		id  string
		err error
	}
	done := make(chan outcome, 1)
	storage, _ := b.st.Storage()
	go func() {
		id, _, err := imagebuildah.BuildDockerfiles(ctx, storage, options, file)
		done <- outcome{id, err}
	}()
	var end outcome
	select {
	case end = <-done:
	case <-ctx.Done():
		select {
		case end = <-done:
		case <-time.After(patience):
			return "", ctx.Err()
		}
	}
	if end.err != nil {
		return "", b.explain(end.err)
	}
	return end.id, nil
}

// interrupted is the context's error, if it has one: what follows from it is not of
// interest.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// hostNetwork is in the place of a program that sets up networks, which buildah looks
// for even where the machine's network is used. It is never asked for anything.
type hostNetwork struct{ nettypes.ContainerNetwork }
