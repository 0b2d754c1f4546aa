package launch

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"slices"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/gpu"
	"github.com/jrun-hpc/jrun/runtime/hostprogram"
	"github.com/jrun-hpc/jrun/runtime/identity"
	"github.com/jrun-hpc/jrun/runtime/inject"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Options says what to run in which image, and what the job sees.
type Options struct {
	Image  *os.File            // the squashfs file, open for reading; Run closes it
	Path   string              // its name, by which processes of a job find each other
	Name   string              // as the user wrote it; inside it is $JRUN_IMAGE
	Digest string              // of the manifest, if known; inside it is $JRUN_DIGEST
	Config ocispec.ImageConfig // what the image says about itself

	// Lease is called by the process that makes the sandbox, for the file that says
	// that the image is in use, which the sandbox then keeps (package presence). It
	// may return nil, and be nil. Run returns its error.
	Lease func() (*os.File, error)

	// Local is called by the process that makes the sandbox, with the image and after
	// Lease, for a file with the same bytes that is faster to read. It may return nil,
	// and be nil. It is not part of what processes find each other by, so those that
	// join a sandbox do not pay for it.
	Local func(context.Context, *os.File) (*os.File, error)

	Profiles string // path without suffix of the start-up profiles; empty for none

	Args       []string // the command; empty runs the image's own
	Shell      bool     // run a shell of the image instead, the caller's if it has it
	Login      string   // run this shell as a login shell, or the image's if it lacks it
	Script     string   // what Login gets to run, if it is known
	Entrypoint string   // runs this with Args as its arguments
	Workdir    string   // absolute, inside

	Binds         []string // SOURCE[:DESTINATION[:ro]]
	SiteBinds     int      // how many of Binds, from the first, are the configuration's
	Show          []string // files and directories of the host, if it has them, beside the default ones
	NoHome        bool     // for programs that must not see the user's settings
	Env           []string // NAME=VALUE, or NAME to pass it on
	EnvFiles      []string
	CleanEnv      bool // keep the host's variables out, for reproducible runs
	WritableTmpfs bool // for programs that write beside themselves
	Root          bool // for programs that insist on being uid 0

	// Repeatable says that other processes of the batch job with the same command line
	// get the same: nothing in these options is this process's own.
	Repeatable bool

	// GPU is which GPUs the job gets, see package gpu: auto (or empty), none, all, or
	// a list of them.
	GPU string

	// CDIDirs are where the site's CDI specifications are; nil: the usual places.
	CDIDirs []string

	// HostPrograms are paths of programs to be called by their names inside, if the
	// host has them. What they read of the host must be shown.
	HostPrograms []string

	MPI string // of mpi.Modes; empty for auto

	// MPIHosts are directories of the host's MPIs, beside those that the environment
	// names.
	MPIHosts []string

	// Entered is called when this process is about to become the command. Brought says
	// what of the host GPUs and MPI have brought inside; only the process that made the
	// sandbox has found it out, and it costs something to ask. May be nil.
	Entered func(brought func() []inject.Item)

	Words []string // for the errors that sandbox.Command tells; nil: English

	Warn    func(fault.Text)  // is told what a person should know; may be nil
	Explain func(text string) // is told what was decided, by the process that makes the sandbox; may be nil

	// Job is called by the process that makes the sandbox, for the batch job that the
	// sandbox ends with. It may be nil, and return none.
	Job func() sandbox.Job

	selection gpu.Selection // GPU, understood
	set       []string      // what Environment returned
}

// note is what the creator of a sandbox finds out and every rank needs.
type note struct {
	Person    identity.Person
	About     identity.About
	Variables []inject.Item   // that go with what of the host is inside
	Brought   json.RawMessage // the rest of it, []inject.Item, for those who ask
}

// Run becomes the job. It returns only if that failed.
func Run(ctx context.Context, o Options) error {
	defer o.Image.Close()
	args, imagesOwn, err := o.command()
	if err != nil {
		return err
	}
	p, err := o.prepare(imagesOwn)
	if err != nil {
		return err
	}
	hidden := variables(p.mpi.Items)
	locales := identity.WantedLocales(os.Environ())
	key, err := o.key(&p, locales)
	if err != nil {
		return err
	}
	program := ""
	if o.Login != "" {
		if program, err = o.loginShell(o.Image, p.binds); err != nil {
			return err
		}
		args = []string{"-" + path.Base(program)} // login(1)
	}
	entrance, err := sandbox.Enter(ctx, key, func() (*sandbox.Spec, error) {
		return o.spec(ctx, p, locales, args)
	})
	if err != nil {
		return err
	}
	var n note
	if err := json.Unmarshal(entrance.Note, &n); err != nil {
		return fmt.Errorf("reading what is known of the image: %w", err)
	}
	if o.Entered != nil {
		o.Entered(n.brought)
	}
	if o.Shell {
		args = []string{n.About.Shell}
	}
	imageEnv := slices.Concat(o.Config.Env, []string{"PATH=" + o.searchPath(p.programs)})
	env := identity.Environment{Host: os.Environ(), Image: imageEnv, Set: append(o.names(), o.set...), Clean: o.CleanEnv}
	if ctx.Err() != nil {
		return ctx.Err() // interrupted at the last moment
	}
	items := slices.Concat(hidden, n.Variables)
	cmd := sandbox.Command{Program: program, Args: args, Env: inject.Environment(env.Inside(n.Person, n.About), o.set, items), Dir: p.dir, Words: o.Words}
	if o.Repeatable {
		cmd.Repeat = repeat(env, n, o.set, items)
	}
	return entrance.Exec(cmd)
}

// names tells programs inside where they are; prompts show it.
func (o *Options) names() []string {
	pairs := []string{"JRUN_IMAGE=" + o.Name}
	if o.Digest != "" {
		pairs = append(pairs, "JRUN_DIGEST="+o.Digest)
	}
	return pairs
}

// searchPath is the image's PATH, and where the programs of the host are.
func (o *Options) searchPath(p programs) string {
	search := identity.SearchPath(o.Config.Env)
	if len(p.files) > 0 {
		search += ":" + hostprogram.Bin
	}
	return search
}

// home is where HOME points, which batch systems set; the account's own home
// is asked for only without it, because that may need the network.
func home() string {
	if dir := os.Getenv("HOME"); dir != "" {
		return identity.CleanHome(dir)
	}
	return identity.Current(context.Background()).Home
}
