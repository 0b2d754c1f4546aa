package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/fault/language"
	"github.com/jrun-hpc/jrun/interrupt"
	"github.com/jrun-hpc/jrun/runtime/nodecache"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
)

// tongue is the language of whoever reads what this process says: English until main
// knows better. Reports, help and --json are English always.
var tongue = fault.English

func main() {
	if status, isStage := sandbox.RunStage(); isStage {
		os.Exit(status)
	}
	if status, isStage := nodecache.RunStage(); isStage {
		os.Exit(status)
	}
	ctx, interrupted := interrupt.Until(context.Background())
	tongue = language.Of(os.Getenv)
	err := newRootCommand().ExecuteContext(ctx)
	if number := interrupted(); number != 0 && err != nil && !errors.Is(err, errReported) {
		fmt.Fprintln(os.Stderr, "jrun: "+tongue.Say(fault.Say("interrupted; nothing was left behind")))
		os.Exit(128 + number)
	}
	if err != nil && !errors.Is(err, errReported) {
		fmt.Fprint(os.Stderr, tongue.Format("jrun", flagFault(err)))
	}
	if err != nil {
		os.Exit(fault.ExitCode(err))
	}
}
