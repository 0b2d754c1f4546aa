//go:build stages

package main

import (
	_ "embed" // for the program

	"github.com/jrun-hpc/jrun/runtime/sandbox"
)

// stages is cmd/jrun-stages, which `make build` puts there.
//
//go:embed jrun-stages
var stages string

func init() { sandbox.Stages = stages }
