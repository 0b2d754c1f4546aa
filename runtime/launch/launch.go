package launch

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/gpu"
	"github.com/jrun-hpc/jrun/runtime/hostprogram"
	"github.com/jrun-hpc/jrun/runtime/identity"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
	"github.com/jrun-hpc/jrun/squash/reader"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
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
	Show          []string // files and directories of the host, if it has them, beside the default ones
	NoHome        bool     // for programs that must not see the user's settings
	Env           []string // NAME=VALUE, or NAME to pass it on
	EnvFiles      []string
	CleanEnv      bool // keep the host's variables out, for reproducible runs
	WritableTmpfs bool // for programs that write beside themselves
	Root          bool // for programs that insist on being uid 0

	// GPU is which GPUs the job gets, see package gpu: auto (or empty), none, all, or
	// a list of them.
	GPU string

	// CDIDirs are where the site's CDI specifications are; nil: the usual places.
	CDIDirs []string

	// HostPrograms are paths of programs to be called by their names inside, if the
	// host has them. What they read of the host must be shown.
	HostPrograms []string

	Warn func(text string) // is told what a person should know; may be nil

	Job sandbox.Job // the batch job that the sandbox ends with; may be zero

	selection gpu.Selection // GPU, understood
	set       []string      // what Environment returned
}

// note is what the creator of a sandbox finds out and every rank needs.
type note struct {
	Person identity.Person
	About  identity.About
	GPU    dress
}

// Run becomes the job. It returns only if that failed.
func Run(ctx context.Context, o Options) error {
	defer o.Image.Close()
	args, own, err := o.command()
	if err != nil {
		return err
	}
	cwd, err := os.Getwd()
	if err != nil {
		return fault.New("cannot find the current directory", err, "change to a directory that exists ('cd') and try again")
	}
	home := home()
	dir, err := o.directory(home, cwd, own)
	if err != nil {
		return err
	}
	set, err := o.Environment()
	if err != nil {
		return err
	}
	binds, err := o.binds(home, cwd)
	if err != nil {
		return err
	}
	if o.selection, err = gpu.ParseSelection(o.GPU); err != nil {
		return err
	}
	o.set = set
	brought, err := o.bring()
	if err != nil {
		return err
	}
	binds = append(binds, brought.binds...)
	image := o.Image
	locales := identity.WantedLocales(os.Environ())
	key, err := o.key(image, home, binds, locales)
	if err != nil {
		return err
	}
	program := ""
	if o.Login != "" {
		if program, err = o.loginShell(image, binds); err != nil {
			return err
		}
		args = []string{"-" + path.Base(program)} // login(1)
	}
	entrance, err := sandbox.Enter(ctx, key, func() (*sandbox.Spec, error) {
		return o.spec(ctx, image, home, binds, locales, args, brought.files)
	})
	if err != nil {
		return err
	}
	var n note
	if err := json.Unmarshal(entrance.Note, &n); err != nil {
		return fmt.Errorf("reading what is known of the image: %w", err)
	}
	if o.Shell {
		args = []string{n.About.Shell}
	}
	imageEnv := slices.Concat(o.Config.Env, []string{"PATH=" + o.searchPath(len(brought.files) > 0)})
	imageEnv, set = n.GPU.wear(imageEnv, set)
	env := identity.Environment{Host: os.Environ(), Image: imageEnv, Set: append(o.names(), set...), Clean: o.CleanEnv}
	if ctx.Err() != nil {
		return ctx.Err() // interrupted at the last moment
	}
	return entrance.Exec(sandbox.Command{Program: program, Args: args, Env: env.Inside(n.Person, n.About), Dir: dir})
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
func (o *Options) searchPath(hostPrograms bool) string {
	search := identity.SearchPath(o.Config.Env)
	if hostPrograms {
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

// key makes processes of one job that want the same thing share a sandbox, so
// that ranks of an MPI program can reach each other's memory. Outside of a
// batch job the session of the terminal takes the job's place; a writable
// layer is then private to one command, since nobody expects to see there what
// another command left.
func (o *Options) key(image *os.File, home string, binds []sandbox.Bind, locales []string) (sandbox.Key, error) {
	info, err := image.Stat()
	if err != nil {
		return "", fmt.Errorf("reading the image's file: %w", err)
	}
	job := os.Getenv("PBS_JOBID")
	if job == "" {
		session, err := unix.Getsid(0)
		if err != nil {
			return "", fmt.Errorf("asking for the session: %w", err)
		}
		job = fmt.Sprint("session ", session)
		if o.WritableTmpfs {
			job = fmt.Sprint("process ", os.Getpid())
		}
	}
	return sandbox.NewKey(job, o.Path, info.Size(), info.ModTime().UnixNano(), binds, locales, home, o.NoHome, o.WritableTmpfs, o.Root,
		o.selection, gpu.Variables(os.Environ(), o.set))
}

// spec looks into the image and describes the sandbox.
func (o *Options) spec(ctx context.Context, image *os.File, home string, binds []sandbox.Bind, locales, args []string, extra []sandbox.File) (spec *sandbox.Spec, err error) {
	lease, local, err := o.secure(ctx, image)
	if err != nil {
		return nil, err
	}
	if local != nil {
		image = local
	}
	defer func() {
		if err != nil {
			closeAll(lease, local)
		}
	}()
	info, err := image.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the image's file: %w", err)
	}
	r, err := reader.Open(image, info.Size(), reader.Options{})
	if err == nil {
		_, err = fs.Stat(r.FS(), ".") // damage found by the holder would name no file
	}
	if err != nil {
		return nil, fault.Newf(err, "remove it and fetch it again: jrun rm IMAGE; jrun pull IMAGE", "the image's file %s cannot be read", o.Path)
	}
	files := r.FS()
	person := identity.Current(ctx)
	if o.Root {
		person = person.AsRoot()
	}
	about := identity.Examine(files, person, locales)
	person.Shell = about.Shell
	gpus, err := o.gpus(files)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(note{Person: person, About: about, GPU: gpus.dress})
	if err != nil {
		return nil, fmt.Errorf("writing down what is known of the image: %w", err)
	}
	return &sandbox.Spec{
		Image:     image,
		Lease:     lease,
		Binds:     append(binds, gpus.mountable(binds)...),
		Devices:   gpus.devices,
		EmptyDirs: o.emptyDirs(home),
		Files: append([]sandbox.File{
			{Path: "/etc/passwd", Content: identity.Passwd(readSmall(files, "etc/passwd"), person)},
			{Path: "/etc/group", Content: identity.GroupFile(readSmall(files, "etc/group"), person)},
			{Path: "/etc/profile.d/zz-jrun.sh", Content: identity.Profile(o.searchPath(len(extra) > 0))},
		}, extra...),
		WritableTmpfs: o.WritableTmpfs,
		Root:          o.Root,
		Job:           o.Job,
		Profile:       o.profile(args),
		Note:          text,
	}, nil
}

// secure takes the lease and then, which may take long, the local copy of the image.
func (o *Options) secure(ctx context.Context, image *os.File) (lease, local *os.File, err error) {
	if o.Lease != nil {
		if lease, err = o.Lease(); err != nil {
			return nil, nil, err
		}
	}
	if o.Local != nil {
		if local, err = o.Local(ctx, image); err != nil {
			closeAll(lease, local)
			return nil, nil, err
		}
	}
	return lease, local, nil
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// profile names the file of the start-up profile of a program: each reads other
// parts of the image.
func (o *Options) profile(args []string) string {
	if o.Profiles == "" {
		return ""
	}
	program := "shell"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		program = strings.Map(func(r rune) rune {
			if r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) || r == '.' || r == '-' || r == '+' {
				return r
			}
			return '_'
		}, path.Base(args[0]))
	}
	return o.Profiles + "." + program[:min(len(program), 64)] + ".profile"
}

// readSmall returns a file of the image, or nothing when there is none or it
// is too big to be what its name says.
func readSmall(files fs.FS, name string) []byte {
	const most = 1 << 20
	info, err := fs.Stat(files, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return nil
	}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil
	}
	return text
}
