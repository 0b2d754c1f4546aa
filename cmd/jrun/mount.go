package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/presence"
	"github.com/jrun-hpc/jrun/runtime/hostmount"
	"github.com/spf13/cobra"
)

func newMountCommand(g *globalOptions) *cobra.Command {
	var foreground bool
	cmd := &cobra.Command{
		Use:   "mount [flags] IMAGE DIR",
		Short: "Show an image's files as a directory",
		Long: `Show an image's files as a directory of this machine, read-only and visible to
you alone. IMAGE is a .sqfs file or any other name of an image. Unmount with
'fusermount3 -u DIR' ('umount DIR' as root); with --foreground also by Ctrl-C.`,
		Example: "  jrun mount sim-2.sqfs /tmp/sim\n  fusermount3 -u /tmp/sim",
		Args:    wantArgs(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := g.open()
			if err != nil {
				return err
			}
			if args[1] == "" { // which would be the current directory
				return fault.New("cannot mount on a directory without a name", fault.Because("DIR is an empty word"), "name an empty directory: jrun mount IMAGE DIR")
			}
			object, err := s.ensure(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			dir, err := filepath.Abs(args[1])
			if err != nil {
				return fmt.Errorf("finding the current directory: %w", err)
			}
			if foreground {
				defer s.keepInUse(object)()
				return hostmount.Serve(cmd.Context(), object.Path, dir, hostmount.Ready)
			}
			return mountInBackground(cmd.Context(), object.Path, dir)
		},
	}
	g.addPullFlag(cmd.Flags())
	cmd.Flags().BoolVar(&foreground, "foreground", false, "serve until the directory is unmounted or a signal comes")
	return cmd
}

func mountInBackground(ctx context.Context, file, dir string) error {
	err := hostmount.Start(ctx, []string{"mount", "--quiet", "--foreground", "--", file, dir})
	var failed *hostmount.StartError
	if errors.As(err, &failed) && failed.Said != "" {
		fmt.Fprintln(os.Stderr, failed.Said) // it has the three parts already
		return errReported
	}
	return err
}

// keepInUse keeps an image of the store from garbage collection until the function
// returned is called.
func (s *session) keepInUse(object store.Object) (release func()) {
	if !s.store.Holds(object) {
		return func() {}
	}
	file, err := s.store.OpenFile(object)
	if err != nil {
		return func() {} // it is opened again, and the error told
	}
	lease, err := s.store.Lease(object, file, currentJob())
	file.Close()
	if lease == nil || err != nil {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		presence.Keep(lease, stop)
		close(stopped)
	}()
	return func() {
		close(stop)
		<-stopped
	}
}
