package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// buildVersion is set by the Makefile.
var buildVersion string

func version() string {
	if buildVersion == "" {
		return "unknown"
	}
	return buildVersion
}

func (p *program) newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  jadm version",
		Args:    wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.json {
				return printJSON(cmd.OutOrStdout(), map[string]string{"version": version()})
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "jadm "+version())
			return err
		},
	}
}
