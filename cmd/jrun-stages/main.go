// Command jrun-stages is the part of jrun that makes and serves sandboxes, as a
// program of its own. `make build` puts it into jrun, which executes it from memory:
// it starts three times for each sandbox, and Go initialises everything that a
// program links, which of jrun is three times as much.
package main

import (
	"fmt"
	"os"

	"github.com/jrun-hpc/jrun/runtime/sandbox"
)

func main() {
	status, isStage := sandbox.RunStage()
	if !isStage {
		fmt.Fprintln(os.Stderr, "jrun-stages: this is a part of jrun, which starts it itself")
		status = 125
	}
	os.Exit(status)
}
