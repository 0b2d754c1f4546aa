package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/spf13/cobra"
)

func newPinCommand(g *globalOptions) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "pin [flags] --reason WHY IMAGE",
		Short: "Keep an image for good",
		Long: `Keep an image of the store for good: garbage collection leaves it alone. Pin what
a paper cites. IMAGE is a name that was pulled, a digest or the beginning of one.

Where the site looks after a registry with jadm it is asked to keep the image
there, too, and its own copy. That happens within minutes, if you are a member of
the image's project.`,
		Example:           "  jrun pin sha256:4fd1b3c9 --reason 'Suzuki 2026, figure 3'",
		Args:              wantArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: g.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			again := fault.Say("jrun pin %s --reason 'Suzuki 2026, figure 3'", args[0])
			if reason == "" {
				return fault.New("cannot pin without a reason", fault.Because("in five years somebody will ask"), again)
			}
			if len(reason) > provenance.MostReason {
				return fault.New("cannot pin with such a long reason", fault.Because("it has %d bytes, more than %d", len(reason), provenance.MostReason), again)
			}
			s, err := g.open()
			if err != nil {
				return err
			}
			object, err := s.find(args[0])
			if err != nil {
				return err
			}
			if !object.Site {
				if err := s.store.SetPin(store.Pin{Digest: object.Digest, Reason: reason, Time: time.Now().UTC()}); err != nil {
					return err
				}
			}
			said, err := s.askSite(provenance.Pin, object, reason, args[0])
			if err != nil {
				return err
			}
			if object.Site {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "asked the site to keep %s\n", object.Digest)
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "pinned %s%s\n", object.Digest, said)
			return err
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY` it must stay, for those who come later")
	return cmd
}

func newUnpinCommand(g *globalOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "unpin IMAGE",
		Short: "Let garbage collection have an image again",
		Long: `Let garbage collection have an image again that was pinned. It is not removed by this.
What others have pinned stays pinned for them.`,
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
			if !object.Site {
				err = s.store.RemovePin(object.Digest)
				if errors.Is(err, store.ErrNotFound) {
					return fault.Newf(err, "jrun store status lists what is pinned", "%s is not pinned", args[0])
				}
				if err != nil {
					return err
				}
			}
			said, err := s.askSite(provenance.Unpin, object, "", args[0])
			if err != nil {
				return err
			}
			if object.Site {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "told the site that you no longer need %s\n", object.Digest)
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "unpinned %s%s\n", object.Digest, said)
			return err
		},
	}
}

// askSite hands a pin on to the site, and returns words for the end of a line. For an
// object of the user's own it is enough that the user's own part keeps it: a site that
// takes no requests is no error then.
func (s *session) askSite(kind provenance.ReportKind, object store.Object, reason, name string) (said string, err error) {
	err = s.tellPin(kind, object, name, reason)
	switch {
	case err == nil && kind == provenance.Pin:
		return " (and asked the site to keep it in the registry)", nil
	case err == nil, !object.Site && errors.Is(err, store.ErrNobodyToTell):
		return "", nil
	case object.Site:
		return "", fault.Newf(err, fault.Say("ask the administrator to pin it: jadm pin %s --reason WHY", object.Digest).And("or keep a copy of your own: jrun convert %s FILE.sqfs", name),
			"cannot tell the site about %s", name)
	}
	s.report.warn(fault.Say("it is done in your own part of the store, but the site could not be told: %v", err))
	return "", nil
}
