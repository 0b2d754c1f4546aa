package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/interrupt"
	"github.com/sirupsen/logrus"
)

func main() { os.Exit(run(os.Args[1:])) }

// errReported is returned by commands that have told everything themselves.
var errReported = errors.New("the failure has been reported")

func run(args []string) int {
	logrus.SetLevel(logrus.ErrorLevel) // libraries warn of what is no matter here
	ctx, interrupted := interrupt.Until(context.Background())
	p := &program{}
	root := p.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	p.close()
	if number := interrupted(); number != 0 && err != nil && !errors.Is(err, errReported) {
		fmt.Fprintln(os.Stderr, "jadm: interrupted; run it again to go on")
		return 128 + number
	}
	if err == nil {
		return 0
	}
	if !errors.Is(err, errReported) {
		fmt.Fprint(os.Stderr, fault.Format("jadm", advised(err)))
	}
	return exitCode(err)
}

// exitCode is 1 unless the error says otherwise: jadm runs nothing whose own status
// it could be mixed up with.
func exitCode(err error) int {
	var f *fault.Error
	if errors.As(err, &f) && f.Code != 0 {
		return f.Code
	}
	return 1
}
