package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/squash"
	"github.com/jrun-hpc/jrun/squash/reader"
	"github.com/jrun-hpc/jrun/squash/writer"
	"github.com/spf13/cobra"
)

func newVerifyCommand(g *globalOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "verify IMAGE",
		Short: "Check that an image's file is undamaged",
		Long: `Check every byte of an image in the store, or of a .sqfs file, against the sums
that were taken when it was written, and then read everything in it. Of an image
in the store its block index is checked, too. Files that other programs made have
no sums; for those only what cannot be read is found.`,
		Example:           "  jrun verify harbor.example.ac.jp/lab/python:3\n  jrun verify ./sim-2.sqfs",
		Args:              wantArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: g.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := g.open()
			if err != nil {
				return err
			}
			object, err := s.findOrFile(cmd, args[0])
			if err != nil {
				return err
			}
			summed, err := verify(cmd.Context(), object)
			if err == nil {
				err = image.CheckIndex(s.store, object)
			}
			if err != nil {
				return verifyFault(args[0], object, err)
			}
			verdict := "undamaged: every byte is what was written"
			if !summed {
				verdict = "readable: everything in it decodes, but no sums were kept that would show a changed byte"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is %s\n", args[0], verdict)
			return err
		},
	}
}

// verify reports whether there were sums to compare with.
func verify(ctx context.Context, object store.Object) (summed bool, err error) {
	err = store.Verify(ctx, object, nil)
	if err != nil && !errors.Is(err, store.ErrNoSums) {
		return false, err
	}
	summed = err == nil
	file, err := os.Open(object.Path)
	if err != nil {
		return summed, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return summed, err
	}
	r, err := reader.Open(file, info.Size(), reader.Options{})
	if err != nil {
		return summed, err
	}
	return summed, r.Check(ctx, nil)
}

func verifyFault(name string, object store.Object, err error) error {
	var damage *store.DamageError
	switch {
	case errors.As(err, &damage), errors.Is(err, squash.ErrCorrupt), errors.Is(err, writer.ErrIndex):
	case errors.Is(err, squash.ErrUnsupported):
		return fault.Newf(err, "make it again with mksquashfs -comp zstd, or with jrun convert", "%s cannot be read by jrun", name)
	default:
		return fault.Newf(err, "try again; if it fails again, show this to the administrator", "cannot verify %s", name)
	}
	next := fault.Say("fetch it again: jrun rm %s; jrun pull IMAGE", object.Digest)
	if ref, parseErr := image.ParseReference(name); parseErr == nil && ref.Kind() == image.Squashfs {
		next = fault.Say("convert it again (jrun convert IMAGE FILE.sqfs), or take it from a backup")
	}
	return fault.Newf(err, next, "%s is damaged", name)
}
