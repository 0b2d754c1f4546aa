package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	printer := chooseLanguage(args, os.Getenv)
	ctx, interrupted := untilSignal(context.Background())
	err := newRootCommand(printer).ExecuteContext(ctx)
	if number := interrupted(); number != 0 && err != nil && !errors.Is(err, errReported) {
		fmt.Fprintln(os.Stderr, "jbuild: "+printer.Say("main.interrupted"))
		return 128 + number
	}
	if err == nil {
		return 0
	}
	if !errors.Is(err, errReported) {
		fmt.Fprint(os.Stderr, printer.Format("jbuild", flagFault(err)))
	}
	return message.ExitCode(err)
}
