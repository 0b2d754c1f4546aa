package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault/language"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/runtime/batch"
	"github.com/jrun-hpc/jrun/runtime/inject"
	"github.com/jrun-hpc/jrun/runtime/launch"
	"github.com/jrun-hpc/jrun/runtime/mpi"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// runOptions are the flags that say how a job looks from inside.
type runOptions struct {
	binds         []string
	env           []string
	envFiles      []string
	cleanEnv      bool
	workdir       string
	noHome        bool
	writableTmpfs bool
	root          bool
	entrypoint    string
	noProfile     bool
	gpu           string
	dryRun        *dryRun // if set, the run is explained instead
	mpi           string
}

func (o *runOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&o.binds, "bind", "B", nil, "show `SRC[:DST[:ro]]` of the host inside; may be repeated")
	flags.StringArrayVarP(&o.env, "env", "e", nil, "set `NAME=VALUE` inside, or pass NAME on; may be repeated")
	flags.StringArrayVar(&o.envFiles, "env-file", nil, "set the variables in `FILE`, one NAME=VALUE a line")
	flags.BoolVar(&o.cleanEnv, "clean-env", false, "start from the image's environment, without the host's")
	flags.StringVarP(&o.workdir, "workdir", "w", "", "start in `DIR` of the inside")
	flags.BoolVar(&o.noHome, "no-home", false, "show an empty home inside, in memory, instead of yours")
	flags.BoolVar(&o.writableTmpfs, "writable-tmpfs", false, "let the job write anywhere; what it writes to the image is gone at its end")
	flags.BoolVar(&o.root, "root", false, "appear as root (uid 0) inside; gives no rights outside")
	flags.StringVar(&o.gpu, "gpu", "", "show `WHICH` GPUs inside: auto (what the job was given), none, all (and fail without), or a list of numbers, UUIDs or CDI names (default jrun.toml's, or auto)")
	flags.BoolVar(&o.noProfile, "no-profile", false, "neither use nor record which parts of the image the program reads at its start")
	flags.StringVar(&o.mpi, "mpi", "", "the host's part in MPI: `MODE` auto, none, pmi (the launcher only), mpich, openmpi or abi (its library, too) or fabric (its network libraries) (default jrun.toml's, or auto)")
	flags.StringVar(&o.entrypoint, "entrypoint", "", "run `COMMAND` with the given arguments, instead of the image's entry point")
}

const runExamples = `  jrun run harbor.example.ac.jp/lab/python:3 -- python3 -c 'print("hello")'
  jrun run -B /data/lab:/data:ro -e OMP_NUM_THREADS=4 harbor.example.ac.jp/lab/sim:2 simulate input.dat
  jrun run harbor.example.ac.jp/lab/sim:2          # the image's own command
  jrun run ./archive/sim-2.sqfs simulate input.dat`

func newRunCommand(g *globalOptions) *cobra.Command {
	var o runOptions
	var dry bool
	cmd := &cobra.Command{
		Use:   "run [flags] IMAGE [--] [COMMAND [ARGUMENT...]]",
		Short: "Run a command inside an image",
		Long: `Run a command inside an image; without one, run the image's own.

The current directory, the home, /tmp and the devices of the host are there, the
rest is the image's. The image is fetched if its name stands for something that
is not in the store yet.`,
		Example:           runExamples,
		Args:              wantArgs(cobra.MinimumNArgs(1)),
		ValidArgsFunction: g.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			if dry {
				o.dryRun = &dryRun{out: cmd.OutOrStdout()}
			}
			return runRun(cmd.Context(), g, &o, args)
		},
	}
	o.addFlags(cmd.Flags())
	g.addPullFlag(cmd.Flags())
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be brought inside and why, as 'jrun explain' does, and run nothing")
	cmd.Flags().SetInterspersed(false)
	return cmd
}

func newShellCommand(g *globalOptions) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:               "shell [flags] IMAGE",
		Short:             "Open a shell inside an image",
		Long:              "Open your login shell inside an image, or bash or sh when the image lacks it.",
		Example:           "  jrun shell harbor.example.ac.jp/lab/python:3",
		Args:              wantArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: g.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			return start(cmd.Context(), g, &o, args[0], launch.Options{Shell: true})
		},
	}
	o.addFlags(cmd.Flags())
	g.addPullFlag(cmd.Flags())
	return cmd
}

// runRun becomes the command; args are the image and the command.
func runRun(ctx context.Context, g *globalOptions, o *runOptions, args []string) error {
	command := args[1:]
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	return start(ctx, g, o, args[0], launch.Options{Args: command, Entrypoint: o.entrypoint})
}

// repeatable reports whether the options mean the same in all processes: no variable's
// value is taken from one's own environment, and no file is read again.
func (o *runOptions) repeatable() bool {
	passedOn := func(pair string) bool { return !strings.Contains(pair, "=") }
	return len(o.envFiles) == 0 && !slices.ContainsFunc(o.env, passedOn)
}

// removedTries is how often an image is looked for again that garbage collection
// took away between finding and opening it.
const removedTries = 5

// start becomes the job, or tells why not; ranks of an MPI program tell it once.
func start(ctx context.Context, g *globalOptions, o *runOptions, name string, l launch.Options) error {
	s, err := g.open()
	if err == nil {
		err = s.startNamed(ctx, o, name, l)
	}
	if errors.Is(err, errReported) {
		return err
	}
	return sayOnce(ctx, err)
}

// startNamed becomes the job, in the image that name stands for.
func (s *session) startNamed(ctx context.Context, o *runOptions, name string, l launch.Options) error {
	resolved, err := s.resolve(ctx, name)
	if err != nil {
		return err
	}
	l.Name = name
	return s.start(ctx, o, l, func() (store.Object, image.Resolved, error) {
		object, err := s.obtain(ctx, resolved)
		return object, resolved, err
	})
}

// start becomes the job, in the image that get returns. It may be called again,
// when the image has been taken away at the same time.
func (s *session) start(ctx context.Context, o *runOptions, l launch.Options, get func() (store.Object, image.Resolved, error)) error {
	l.Repeatable = batch.Job() != "" && len(l.HostPrograms) == 0 && o.repeatable()
	mode, err := mpi.ParseMode(firstOf(o.mpi, s.config.MPI.Default))
	if err != nil {
		return err
	}
	l.MPI, l.MPIHosts, l.Explain = string(mode), s.config.MPI.Host, s.report.detail
	l.Env, l.EnvFiles, l.CleanEnv = o.env, o.envFiles, o.cleanEnv
	given, err := l.Environment()
	if err != nil {
		return err
	}
	l.Env, l.EnvFiles = given, nil
	l.Workdir = o.workdir
	l.Binds = slices.Concat(s.siteBinds(), o.binds)
	l.NoHome, l.WritableTmpfs, l.Root = o.noHome, o.writableTmpfs, o.root
	l.GPU, l.CDIDirs = firstOf(o.gpu, s.config.GPU.Default, "auto"), s.config.CDIDirs
	l.Words = language.StageWords(language.Locale(os.Getenv))
	if l.Warn == nil {
		l.Warn = s.report.warn
	}
	if l.Job == nil {
		l.Job = sandboxJob
	}
	l.SiteBinds = len(l.Binds) - len(o.binds)
	if o.dryRun != nil {
		return s.explainOnce(o.dryRun, l, get)
	}
	for try := 1; ; try++ {
		err := s.startOnce(ctx, o, l, get)
		if !errors.Is(err, store.ErrNotFound) || try == removedTries {
			return err
		}
	}
}

// startOnce becomes the job. The error wraps store.ErrNotFound when the image was
// removed at the same time.
func (s *session) startOnce(ctx context.Context, o *runOptions, l launch.Options, get func() (store.Object, image.Resolved, error)) error {
	object, resolved, err := get()
	if err != nil {
		return err
	}
	file, err := s.store.OpenFile(object)
	if err != nil {
		return err
	}
	l.Image, l.Path, l.Digest = file, object.Path, object.Digest.String()
	l.Config = object.Meta.Config.Config
	if s.store.Holds(object) {
		l.Lease = func() (*os.File, error) { return s.store.Lease(object, file, currentJob()) }
		l.Local = s.localCopy(object)
		if !o.noProfile {
			l.Profiles = s.store.ProfileStem(object)
		}
	}
	record := s.describe(o, &l, object, resolved)
	l.Entered = func(brought func() []inject.Item) { s.record(record, object, brought) }
	return launch.Run(ctx, l)
}

// siteBinds are the configured binds whose sources this machine has: one
// jrun.toml serves login nodes and compute nodes alike.
func (s *session) siteBinds() []string {
	var binds []string
	for _, text := range s.config.Binds {
		if source, _ := launch.BindSource(text); source != "" {
			if _, err := os.Stat(source); err == nil {
				binds = append(binds, text)
			}
		}
	}
	return binds
}
