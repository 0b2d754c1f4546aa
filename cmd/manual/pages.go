//go:build docs

package manual

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// NewCommand is a hidden one, which writes the manual pages of a program's commands into
// a directory.
func NewCommand(root func(*cobra.Command) *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:    "man DIRECTORY",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			of := root(cmd)
			return doc.GenManTree(of, &doc.GenManHeader{Title: strings.ToUpper(of.Name()), Section: "1", Source: of.Name()}, args[0])
		},
	}
}
