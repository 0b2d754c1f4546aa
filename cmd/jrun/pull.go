package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newPullCommand(g *globalOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "pull [flags] IMAGE...",
		Short: "Fetch images, so that later runs start at once",
		Long: `Fetch images from their registries and convert them, so that later runs start
at once. An image that is there already is only compared with the registry. The
digest of each image is printed on standard output.`,
		Example:           "  jrun pull harbor.example.ac.jp/lab/python:3",
		Args:              wantArgs(cobra.MinimumNArgs(1)),
		ValidArgsFunction: g.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := g.open()
			if err != nil {
				return err
			}
			for _, name := range args {
				object, err := s.ensure(cmd.Context(), name)
				if err != nil {
					return err
				}
				if object.Digest != "" {
					fmt.Fprintln(cmd.OutOrStdout(), object.Digest)
				}
			}
			return nil
		},
	}
}
