//go:build docs

package main

import (
	"os"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// The manual pages are written by a build of their own, in English whoever builds, so
// that jbuild does not carry a Markdown renderer.
func init() {
	extraCommands = append(extraCommands, &cobra.Command{
		Use:    "man DIRECTORY",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			english, _ := message.For("en")
			root := newRootCommand(english)
			root.DisableAutoGenTag = true
			return doc.GenManTree(root, &doc.GenManHeader{Title: "JBUILD", Section: "1", Source: "jbuild"}, args[0])
		},
	})
}
