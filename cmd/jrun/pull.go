package main

import (
	"context"
	"fmt"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/spf13/cobra"
)

func newPullCommand(g *globalOptions) *cobra.Command {
	var site bool
	cmd := &cobra.Command{
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
				object, err := s.pull(cmd.Context(), name, site)
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
	cmd.Flags().BoolVar(&site, "site", false, "into the site's part of the store, for the project's members; for the service account")
	return cmd
}

// pull makes an image ready in the caller's or the site's part of the store.
func (s *session) pull(ctx context.Context, name string, site bool) (store.Object, error) {
	if site {
		if err := s.useSite(name); err != nil {
			return store.Object{}, err
		}
	}
	return s.ensure(ctx, name)
}

// useSite makes the site's part of the store the one that is written.
func (s *session) useSite(name string) error {
	ref, err := image.ParseReference(name)
	if err == nil {
		ref, err = s.client.Qualify(ref)
	}
	if err != nil {
		return err
	}
	s.store, err = store.OpenSite(s.store.Root(), image.PlaceOf(ref))
	return err
}
