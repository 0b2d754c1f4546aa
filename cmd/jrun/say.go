package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/mpi"
	"github.com/jrun-hpc/jrun/runtime/spokesman"
)

// sayOnce prints err, if this is a rank of an MPI program, in one of the ranks on this
// machine to which the same has happened. The error that it returns has the same exit
// status, and has been told.
func sayOnce(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	ranks, ok := mpi.OwnRanks(os.Environ())
	if !ok {
		return err
	}
	what := err.Error()
	var f *fault.Error
	if errors.As(err, &f) {
		what = f.What // reasons may say when or to whom it happened
	}
	spokesman.Group{Name: ranks.Name, Size: ranks.Here}.Say(ctx, what, func() { fmt.Fprint(os.Stderr, tongue.Format("jrun", err)) })
	return &fault.Error{What: what, Why: errReported, Code: fault.ExitCode(err)}
}
