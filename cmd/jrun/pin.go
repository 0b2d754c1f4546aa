package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/spf13/cobra"
)

func newPinCommand(g *globalOptions) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "pin [flags] --reason WHY IMAGE",
		Short: "Keep an image for good",
		Long: `Keep an image of the store for good: garbage collection leaves it alone. Pin what
a paper cites. IMAGE is a name that was pulled, a digest or the beginning of one.`,
		Example:           "  jrun pin sha256:4fd1b3c9 --reason 'Suzuki 2026, figure 3'",
		Args:              wantArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: g.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return fault.New("cannot pin without a reason", errors.New("in five years somebody will ask"), "jrun pin "+args[0]+" --reason 'Suzuki 2026, figure 3'")
			}
			s, err := g.open()
			if err != nil {
				return err
			}
			object, err := s.find(args[0])
			if err != nil {
				return err
			}
			if object.Site {
				return fault.Newf(errors.New("it is in the site's part of the store"),
					"ask the administrator to pin it\nor keep a copy of your own: jrun convert "+args[0]+" FILE.sqfs", "cannot pin %s", args[0])
			}
			if err := s.store.SetPin(store.Pin{Digest: object.Digest, Reason: reason, Time: time.Now().UTC()}); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "pinned %s\n", object.Digest)
			return err
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY` it must stay, for those who come later")
	return cmd
}

func newUnpinCommand(g *globalOptions) *cobra.Command {
	return &cobra.Command{
		Use:               "unpin IMAGE",
		Short:             "Let garbage collection have an image again",
		Long:              "Let garbage collection have an image again that was pinned. It is not removed by this.",
		Example:           "  jrun unpin sha256:4fd1b3c9",
		Args:              wantArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: g.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := g.open()
			if err != nil {
				return err
			}
			object, err := s.find(args[0])
			if err != nil {
				return err
			}
			err = s.store.RemovePin(object.Digest)
			if errors.Is(err, store.ErrNotFound) {
				return fault.Newf(err, "jrun store status lists what is pinned", "%s is not pinned", args[0])
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "unpinned %s\n", object.Digest)
			return err
		},
	}
}
