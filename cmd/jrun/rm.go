package main

import (
	"errors"
	"fmt"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"
)

func newRemoveCommand(g *globalOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "rm IMAGE...",
		Short: "Remove images from the store",
		Long: `Remove images from the store. IMAGE is a name that was pulled, a digest or the
beginning of one. When other names stand for the same image, only the name is
removed; a digest removes the image with all its names. Jobs that run in it go on.`,
		Example:           "  jrun rm harbor.example.ac.jp/lab/python:3\n  jrun rm sha256:4fd1b3c9",
		Args:              wantArgs(cobra.MinimumNArgs(1)),
		ValidArgsFunction: g.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := g.open()
			if err != nil {
				return err
			}
			for _, name := range args {
				gone, err := s.remove(name)
				if err != nil {
					return err
				}
				if !g.quiet {
					fmt.Fprintln(cmd.OutOrStdout(), gone)
				}
			}
			return nil
		},
	}
}

// remove says in words what it removed.
func (s *session) remove(name string) (string, error) {
	// A damaged object cannot be found by asking for it, but must be removable.
	if d := digest.Digest(name); d.Validate() == nil {
		err := s.store.Remove(d)
		if errors.Is(err, store.ErrNotFound) {
			return "", fault.Newf(err, "jrun images lists what is there", "there is no image %s in the store %s", name, s.store.Root())
		}
		return "removed " + name, err
	}
	if ref, err := image.ParseReference(name); err == nil && ref.Kind() == image.Squashfs {
		return "", fault.Newf(fault.Because("it is a file of yours, not in the store"), fault.Say("rm %s", ref.Path()), "cannot remove %s", name)
	}
	object, err := s.find(name)
	if err != nil {
		return "", err
	}
	refs, err := s.store.RefsOf(object.Digest)
	if err != nil {
		return "", err
	}
	if ref, err := image.ParseReference(name); err == nil && !isDigestHead(name) && (len(refs) > 1 || object.Site) {
		canonical, err := s.client.Canonical(ref)
		if err != nil {
			return "", err
		}
		for _, r := range refs {
			if r.Name == canonical {
				what := fmt.Sprintf("removed the name %s; %s has %d more", name, shortDigest(object.Digest.String()), len(refs)-1)
				if object.Site {
					what = fmt.Sprintf("removed the name %s; the image itself is the site's", name)
				}
				return what, s.store.RemoveRef(r.Name)
			}
		}
	}
	return fmt.Sprintf("removed %s (%s)", name, shortDigest(object.Digest.String())), s.store.Remove(object.Digest)
}
