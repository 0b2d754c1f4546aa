package main

import (
	"fmt"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/spf13/cobra"
)

// resolution is `jrun resolve --json`.
type resolution struct {
	Reference string    `json:"reference"`
	Digest    string    `json:"digest"`
	How       image.How `json:"how"`  // registry, job, offline, store or file
	Time      time.Time `json:"time"` // when the registry said so
}

func newResolveCommand(g *globalOptions) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "resolve [flags] IMAGE",
		Short: "Ask which digest a name stands for",
		Long: `Ask the registry which digest a name stands for, and whether you may have it, with
one request. Inside a job the answer is the same for all its processes and nodes.`,
		Example:           "  jrun resolve harbor.example.ac.jp/lab/python:3\n  jrun run harbor.example.ac.jp/lab/python@$(jrun resolve harbor.example.ac.jp/lab/python:3) …",
		Args:              wantArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: g.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := g.open()
			if err != nil {
				return err
			}
			ref, err := image.ParseReference(args[0])
			if err != nil {
				return err
			}
			r, err := s.client.Resolve(cmd.Context(), s.store, ref)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), resolution{r.Reference.String(), r.Digest.String(), r.How, r.Time.UTC()})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), r.Digest)
			return err
		},
	}
	g.addPullFlag(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
