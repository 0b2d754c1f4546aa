//go:build docs

package main

import (
	"github.com/jrun-hpc/jrun/cmd/manual"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/spf13/cobra"
)

// The manual pages are in English whoever builds.
func init() {
	extraCommands = append(extraCommands, manual.NewCommand(func(*cobra.Command) *cobra.Command {
		english, _ := message.For("en")
		root := newRootCommand(english)
		root.DisableAutoGenTag = true
		return root
	}))
}
