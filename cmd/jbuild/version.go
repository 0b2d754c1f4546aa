package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"
)

// buildVersion is set by the linker from git describe.
var buildVersion = "unknown"

var getenv = os.Getenv

func (p *program) newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: p.Say("version.short"),
		Args:  p.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "jbuild %s (%s, %s/%s)\n", buildVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
