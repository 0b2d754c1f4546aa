//go:build docs

package main

import (
	"github.com/jrun-hpc/jrun/cmd/manual"
	"github.com/spf13/cobra"
)

func init() { extraCommands = append(extraCommands, manual.NewCommand((*cobra.Command).Root)) }
