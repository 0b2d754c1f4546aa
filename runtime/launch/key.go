package launch

import (
	"fmt"
	"os"

	"github.com/jrun-hpc/jrun/presence"
	"github.com/jrun-hpc/jrun/runtime/batch"
	"github.com/jrun-hpc/jrun/runtime/gpu"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
	"golang.org/x/sys/unix"
)

// key makes processes of one job that want the same thing share a sandbox, so
// that ranks of an MPI program can reach each other's memory. A writable layer outside
// of a batch job and of an MPI program is private to one command, since nobody expects to see there what
// another command left.
func (o *Options) key(p *prepared, locales []string) (sandbox.Key, error) {
	info, err := o.Image.Stat()
	if err != nil {
		return "", fmt.Errorf("reading the image's file: %w", err)
	}
	ranks := len(p.mpi.Launchers) > 0
	job, inJob, err := together(ranks)
	if err != nil {
		return "", err
	}
	if !inJob && !ranks && o.WritableTmpfs {
		job = fmt.Sprint("process ", os.Getpid())
	}
	return sandbox.NewKey(job, o.Path, info.Size(), info.ModTime().UnixNano(), p.binds, p.programs.files, locales, p.home, o.NoHome, o.WritableTmpfs, o.Root,
		o.selection, gpu.Variables(os.Environ(), o.set), p.mpi.Depends(), itemDevices(p.mpi.Items))
}

// together names what the processes of one sandbox have in common: a batch job (and
// then inJob is true); or, of ranks, what their launcher descends from, since Hydra
// gives each rank a session of its own; or the session of the terminal.
func together(ranks bool) (name string, inJob bool, err error) {
	if job := batch.Job(); job != "" {
		return job, true, nil
	}
	if ranks {
		return "tree " + presence.Tree(true).String(), false, nil
	}
	session, err := unix.Getsid(0)
	if err != nil {
		return "", false, fmt.Errorf("asking for the session: %w", err)
	}
	return fmt.Sprint("session ", session), false, nil
}
