package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jrun-hpc/jrun/interrupt"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"github.com/sirupsen/logrus"
	"go.podman.io/storage/pkg/reexec"
)

func main() {
	if status, isStage := sandbox.RunStage(); isStage {
		os.Exit(status) // a part of jbuild test
	}
	if reexec.Init() {
		return // a process of a build or a session
	}
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	logrus.SetLevel(logrus.ErrorLevel) // libraries warn of what is no matter here
	printer := chooseLanguage(args, os.Getenv)
	ctx, interrupted := interrupt.Until(context.Background())
	root := newRootCommand(printer)
	err := root.ExecuteContext(ctx)
	if number := interrupted(); number != 0 && err != nil && !errors.Is(err, errReported) {
		fmt.Fprintln(os.Stderr, "jbuild: "+printer.Say("main.interrupted"))
		return 128 + number
	}
	if err == nil {
		return 0
	}
	var ended *rootless.EndedError
	if errors.As(err, &ended) {
		return ended.Status
	}
	if !errors.Is(err, errReported) {
		fmt.Fprint(os.Stderr, printer.Format("jbuild", flagFault(root, err)))
	}
	return message.ExitCode(err)
}
