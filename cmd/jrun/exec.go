package main

import (
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/fault/language"
	"github.com/jrun-hpc/jrun/runtime/batch"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
	"github.com/spf13/cobra"
)

func newExecCommand() *cobra.Command {
	var workdir string
	cmd := &cobra.Command{
		Use:   "exec [flags] JOB|PID COMMAND [ARGUMENT...]",
		Short: "Run a command in a sandbox that runs already",
		Long: `Run a command beside a program of yours that runs inside an image on this machine:
the same files, directory and environment. The program is named by its process id,
or by the job it belongs to ($PBS_JOBID there).`,
		Example: "  jrun exec 1234.pbsserver nvidia-smi\n  jrun exec 4711 bash      # look around where process 4711 runs",
		Args:    wantArgs(cobra.MinimumNArgs(2)),
		RunE: func(_ *cobra.Command, args []string) error {
			return runExec(args[0], args[1:], workdir)
		},
	}
	cmd.Flags().StringVarP(&workdir, "workdir", "w", "", "start in `DIR` of the inside, not where the program is")
	cmd.Flags().SetInterspersed(false)
	return cmd
}

func runExec(target string, command []string, workdir string) error {
	p, err := findTarget(target)
	if err != nil {
		return err
	}
	entrance, err := p.Enter()
	if err != nil {
		return fault.Newf(err, "it may have ended: see 'ps' and 'qstat'", "cannot enter the sandbox of process %d", p.PID)
	}
	dir := p.Dir
	if workdir != "" {
		if !path.IsAbs(workdir) {
			return fault.Newf(fault.Because("it does not start with /"), "give an absolute path", "cannot use %q as the working directory", workdir)
		}
		dir = path.Clean(workdir)
	}
	env := slices.DeleteFunc(p.Env, func(pair string) bool { return strings.HasPrefix(pair, "TERM=") })
	if terminal, ok := os.LookupEnv("TERM"); ok {
		env = append(env, "TERM="+terminal)
	}
	return entrance.Exec(sandbox.Command{Args: command, Env: env, Dir: dir, Words: language.StageWords(language.Locale(os.Getenv))})
}

// findTarget returns the process of a PID, or the first of a job's.
func findTarget(target string) (sandbox.Process, error) {
	if pid, err := strconv.Atoi(target); err == nil {
		if p, err := sandbox.FindProcess(pid); err == nil {
			return p, nil
		} else if len(ofJob(target)) == 0 {
			return sandbox.Process{}, fault.Newf(err, "see what runs: ps -fu $USER\non the machine where it runs: qstat -n", "cannot enter %s", target)
		}
	}
	if found := ofJob(target); len(found) > 0 {
		return found[0], nil
	}
	host, _ := os.Hostname() // for people
	return sandbox.Process{}, fault.Newf(fault.Because("none of your programs on %s runs in an image for it: %w", host, sandbox.ErrNoSandbox),
		fault.Say("go to a machine where it runs: qstat -n %s", target).And("with OpenPBS also from anywhere: pbs_tmrsh"), "cannot enter job %s", target)
}

// ofJob lists the processes of a job, by its id or the number that it begins with.
func ofJob(id string) []sandbox.Process {
	return slices.DeleteFunc(sandbox.Processes(), func(p sandbox.Process) bool {
		return !slices.ContainsFunc(p.Env, func(pair string) bool {
			name, value, _ := strings.Cut(pair, "=")
			number, _, _ := strings.Cut(value, ".")
			return slices.Contains(batch.Variables(), name) && (value == id || number == id)
		})
	})
}
