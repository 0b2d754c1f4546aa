package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/pbs"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/jrun-hpc/jrun/runtime/hostprogram"
	"github.com/jrun-hpc/jrun/runtime/launch"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// pbsLaunch is what the hook asks for.
type pbsLaunch struct {
	mode  string // shell or task
	image string
}

func newPBSLaunchCommand(g *globalOptions) *cobra.Command {
	var o pbsLaunch
	cmd := &cobra.Command{
		Use:   "pbs-launch --mode shell|task --image IMAGE -- PROGRAM [ARGUMENT...]",
		Short: "Start a program of a PBS job in its image; the hook does it",
		Long: `Start a program of a PBS job in the job's image. The hook puts this before each
program that PBS starts; nobody needs to type it. JRUN_OPTIONS of the job may hold
those options of 'jrun run' that the site allows.`,
		Hidden: true,
		Args:   wantArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPBSLaunch(cmd.Context(), g, o, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.mode, "mode", "task", "how PBS starts the program: as the job's `shell` or as a task")
	flags.StringVar(&o.image, "image", "", "the job's `IMAGE`")
	flags.SetInterspersed(false)
	return cmd
}

// runPBSLaunch becomes the program; args are its name and arguments.
func runPBSLaunch(ctx context.Context, g *globalOptions, o pbsLaunch, args []string) error {
	host, err := pbs.ReadHost()
	if err != nil {
		return err
	}
	task, ok := pbs.CurrentTask(host)
	if !ok {
		return fault.New("this is no job of PBS", fault.Because("PBS_JOBID is not set"), "submit it: qsub -l container_image=IMAGE job.sh")
	}
	s, run, err := openForTask(g)
	if err != nil {
		return err
	}
	// PBS has just said that the job is here, also where its files cannot be seen.
	job := sandbox.Job{ID: task.ID, File: task.File()}
	l := launch.Options{Name: o.image, Warn: s.report.warn, Job: func() sandbox.Job { return job }}
	forTask(&l, task)
	switch o.mode {
	case "shell":
		l.Login = args[0]
		l.Script = task.Script()
	case "task":
		l.Args = slices.Concat(args[:1], unquoted(args[1:]))
	default:
		return fault.Newf(fault.Because("it is neither shell nor task"), "bring hook and jrun to the same version: jrun pbs install", "cannot start the job in the mode %q", o.mode)
	}
	for name, value := range variablesForTask(task) {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	if n, err := strconv.Atoi(os.Getenv("NCPUS")); err == nil && n > 0 {
		runtime.GOMAXPROCS(min(n, runtime.GOMAXPROCS(0)))
	}
	s.report.beforeConversion = func() { warnOfMemory(s.report, task) }
	return s.startNamed(ctx, run, o.image, l)
}

// forTask says what a job that names an image has inside beside the usual.
func forTask(l *launch.Options, task pbs.Task) {
	l.Show, l.HostPrograms = task.Shown(), task.Programs()
}

// variablesForTask are those that it has beside the batch system's.
func variablesForTask(task pbs.Task) map[string]string {
	return task.Variables(path.Join(hostprogram.Bin, "pbs_tmrsh"))
}

// openForTask reads the configuration and the job's JRUN_OPTIONS.
func openForTask(g *globalOptions) (*session, *runOptions, error) {
	var run runOptions
	flags := pflag.NewFlagSet("JRUN_OPTIONS", pflag.ContinueOnError)
	flags.SortFlags = false
	run.addFlags(flags)
	g.addTaskFlags(flags)
	c, err := loadConfig()
	if err != nil {
		return nil, nil, err
	}
	words, err := pbs.SplitWords(os.Getenv(pbs.OptionsVariable))
	if err == nil {
		err = flags.Parse(words)
	}
	if err == nil && flags.NArg() > 0 {
		err = fault.Because("%q is no option", flags.Arg(0))
	}
	if err == nil {
		flags.Visit(func(f *pflag.Flag) {
			if allowed := c.PBS.options(); !slices.Contains(allowed, "--"+f.Name) && err == nil {
				err = fault.Because("--%s is not among those that this site allows", f.Name)
			}
		})
	}
	if err != nil {
		return nil, nil, fault.Newf(err, "correct or leave out JRUN_OPTIONS; 'jrun run --help' explains the options", "cannot use JRUN_OPTIONS=%q", os.Getenv(pbs.OptionsVariable))
	}
	s, err := g.open()
	return s, &run, err
}

func unquoted(arguments []string) []string {
	var plain []string
	for _, a := range arguments {
		plain = append(plain, pbs.Unquoted(a))
	}
	return plain
}

// warnOfMemory says when the job has little for what comes now.
func warnOfMemory(report *progress, task pbs.Task) {
	if limit := pbs.MemoryLimit(); limit < pbs.EnoughMemory {
		report.warn(fault.Say("job %s has %s of memory; converting its image may need more", task.ID, quantity.Size(limit)).
			And("ask for more: qsub -l select=1:mem=2gb …").And("or convert it before, on a login node: jrun pull IMAGE"))
	}
}
