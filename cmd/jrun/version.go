package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// buildVersion is set by the linker from git describe.
var buildVersion string

func version() string {
	if buildVersion == "" {
		return "unknown"
	}
	return buildVersion
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "jrun %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
