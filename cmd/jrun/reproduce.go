package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/shellword"
	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"
)

// reproduceOptions are the flags of jrun reproduce.
type reproduceOptions struct {
	dryRun bool
	here   bool
	run    int
}

func newReproduceCommand(g *globalOptions) *cobra.Command {
	var o reproduceOptions
	cmd := &cobra.Command{
		Use:   "reproduce [flags] JOB [-- COMMAND [ARGUMENT...]]",
		Short: "Run again what a job has run",
		Long: `Run again what a job has run: the same image to the digest, whatever its name stands
for now, with the same options, in the same directory, with the same variables; or
COMMAND in the same surroundings. What differs on this machine is said before.
Secrets are not recorded: set them in the environment.`,
		Example: "  jrun reproduce --dry-run 4711\n  jrun reproduce 4711\n  jrun reproduce --run 2 4711 -- python3 -i\n" +
			"  jrun reproduce --pull=never 4711             # the registry is gone; the image is pinned",
		ValidArgsFunction: g.completeJobs,
		RunE: func(cmd *cobra.Command, args []string) error {
			command := []string(nil)
			if dash := cmd.ArgsLenAtDash(); dash >= 0 {
				args, command = args[:dash], args[dash:]
			}
			if len(args) != 1 {
				return fault.New("cannot understand the command line", fault.Because("one job is needed, and '--' before a command; got %d words", len(args)),
					fault.Say("usage: %s", cmd.UseLine()).And("see '%s --help'", cmd.CommandPath()))
			}
			s, err := g.open()
			if err != nil {
				return err
			}
			job, err := s.book().Find(args[0])
			if err != nil {
				return err
			}
			r, err := chooseRun(job, o.run, "jrun reproduce")
			if err != nil {
				return err
			}
			return s.reproduce(cmd.Context(), cmd.OutOrStdout(), r, o, command)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.dryRun, "dry-run", false, "only print the command that would do it, and what differs")
	flags.BoolVar(&o.here, "here", false, "in the current directory, not in that of the job")
	flags.IntVar(&o.run, "run", 0, "of a job that ran several things, the `N`th")
	g.addPullFlag(flags)
	return cmd
}

// command is what to type to reproduce the same run.
func (o reproduceOptions) command(job string, flags ...string) string {
	words := append([]string{"jrun", "reproduce"}, flags...)
	if o.run != 0 {
		words = append(words, "--run", strconv.Itoa(o.run))
	}
	return shellword.ShowLine(append(words, job))
}

func (s *session) reproduce(ctx context.Context, out io.Writer, r provenance.Record, o reproduceOptions, command []string) error {
	again, err := s.again(r, command)
	if err != nil {
		return err
	}
	again.inDirectory = !o.here && provenance.Exists(r.Command.Directory)
	differences := r.Differences(provenance.Surroundings{
		Machine: provenance.ThisMachine("/", version()), Host: os.Environ(), SiteBinds: s.siteBinds(), Exists: provenance.Exists,
	})
	if !s.report.quiet {
		for _, d := range differences {
			fmt.Fprintln(s.report.out, "jrun: differs here: "+differenceLine(d))
		}
	}
	missing := r.MissingSecrets(os.Environ())
	if o.dryRun {
		if len(missing) > 0 {
			fmt.Fprintf(s.report.out, "jrun: set these first, they are secrets: %s\n", strings.Join(missing, ", "))
		}
		_, err := fmt.Fprintln(out, again.line(pullWords[s.clientOptions.Pull]))
		return err
	}
	if len(missing) > 0 {
		return fault.Newf(fault.Because("%s held secrets, which are not recorded", strings.Join(missing, " and ")),
			fault.Say("export %s=…", strings.Join(missing, "=… ")).And("and try again: %s", o.command(r.Job)), "cannot reproduce the job %s as it was", r.Job)
	}
	if err := again.prepare(); err != nil {
		return err
	}
	if again.shell {
		again.launch.Shell = true
	}
	again.launch.Name = again.name
	return s.start(ctx, &again.options, again.launch, func() (store.Object, image.Resolved, error) {
		return s.obtainAgain(ctx, r, again.name, o)
	})
}

func differenceLine(d provenance.Difference) string {
	line := fmt.Sprintf("%s: then %s, now %s", shellWordIfOdd(d.What), shellWordIfOdd(d.Then), shellWordIfOdd(d.Now))
	if d.Remedy != "" {
		line += " (" + d.Remedy + ")"
	}
	return line
}

// shellWordIfOdd keeps control characters from the terminal.
func shellWordIfOdd(s string) string {
	if printable.Is(s) {
		return s
	}
	return shellword.Show(s)
}

// obtainAgain finds the very image that a record is about.
func (s *session) obtainAgain(ctx context.Context, was provenance.Record, name string, o reproduceOptions) (store.Object, image.Resolved, error) {
	ref, err := image.ParseReference(name)
	if err != nil {
		return store.Object{}, image.Resolved{}, err
	}
	want := was.Image.Digest
	if ref.Kind() != image.Registry && was.Image.File == nil {
		// Who has read a layout once needs it no more.
		if object, err := s.store.Get(want); err == nil {
			return object, image.Resolved{Reference: ref, Digest: want, How: image.FromStore, Time: was.Image.Answered}, nil
		}
	}
	if f := was.Image.File; f != nil && want == "" {
		if same, there := f.Unchanged(); there && !same {
			return store.Object{}, image.Resolved{}, fault.Newf(fault.Because("the file has been written to since, and it has no digest to compare"),
				fault.Say("run it as it is now: jrun run %s COMMAND", shellword.Show(f.Path)).And("or put back the file of then, with its time (cp -p)"), "%s is not what the job %s ran", f.Path, was.Job)
		}
	}
	resolved, err := s.resolve(ctx, name)
	var object store.Object
	if err == nil {
		object, err = s.obtain(ctx, resolved)
	}
	var status *image.StatusError
	if errors.As(err, &status) && status.Status == http.StatusNotFound {
		return object, resolved, s.goneFault(was, want, err, o.command(was.Job, "--pull=never"))
	}
	if err == nil && object.Digest != want {
		err = fault.Newf(fault.Because("it holds %s now; the job ran %s", digestWord(object.Digest), want),
			fault.Say("find a copy of then; jrun why %s tells where it came from", shellword.Show(was.Job)), "%s is not what the job %s ran", name, was.Job)
	}
	return object, resolved, err
}

// goneFault is for a digest that the registry has no more.
func (s *session) goneFault(was provenance.Record, want digest.Digest, err error, again string) error {
	why := fault.Because("the registry does not have %s any more: %w", was.Image.Resolved, statusOf(err))
	var next fault.Text
	switch s.stored(was.Image).State {
	case "there":
		next = fault.Say("it is still in the store; keep it and use that:").And("jrun pin %s --reason WHY", want).And("%s", again)
	case "removed":
		next = fault.Say("have it back from the store, keep it and use that:").And("jrun gc --undelete %s", want).And("jrun pin %s --reason WHY", want).And("%s", again)
	default:
		why = fault.Because("neither the registry nor the store has %s any more: %w", was.Image.Resolved, statusOf(err))
		next = fault.Say("ask the owner of the image to push %s again", want).And("or see what the name stands for now: jrun why %s", shellword.Show(was.Job))
	}
	return fault.Newf(why, next, "the image of the job %s is gone", was.Job)
}

func statusOf(err error) error {
	var status *image.StatusError
	if errors.As(err, &status) {
		return status
	}
	return err
}
