//go:build docs

package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// The manual pages are written by a build of their own, so that jadm does not
// carry a Markdown renderer.
func init() {
	extraCommands = append(extraCommands, &cobra.Command{
		Use:    "man DIRECTORY",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			return doc.GenManTree(cmd.Root(), &doc.GenManHeader{Title: "JADM", Section: "1", Source: "jadm"}, args[0])
		},
	})
}
