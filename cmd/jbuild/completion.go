package main

import (
	"io"
	"maps"
	"slices"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/spf13/cobra"
)

// completions write what a shell needs in order to complete jbuild's commands and flags.
var completions = map[string]func(*cobra.Command, io.Writer) error{
	"bash": func(c *cobra.Command, out io.Writer) error { return c.GenBashCompletionV2(out, true) },
	"zsh":  func(c *cobra.Command, out io.Writer) error { return c.GenZshCompletion(out) },
	"fish": func(c *cobra.Command, out io.Writer) error { return c.GenFishCompletion(out, true) },
}

func (p *program) newCompletionCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "completion bash|zsh|fish",
		Short:     p.Say("completion.short"),
		Long:      p.Say("completion.long"),
		Example:   p.Say("completion.examples"),
		Args:      p.args(1, 1),
		ValidArgs: slices.Sorted(maps.Keys(completions)),
		RunE: func(cmd *cobra.Command, args []string) error {
			write, ok := completions[args[0]]
			if !ok {
				return message.Fail(message.Of("completion.unknown", args[0]), nil, message.Of("root.usage", cmd.UseLine()))
			}
			return write(cmd.Root(), cmd.OutOrStdout())
		},
	}
}
