package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/fault/language"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
	"github.com/jrun-hpc/jrun/vmtemplate/trial"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/spf13/cobra"
)

// testOptions are the flags of jbuild test.
type testOptions struct {
	binds    []string
	gpu, mpi string
}

func (p *program) newTestCommand() *cobra.Command {
	var o testOptions
	cmd := &cobra.Command{
		Use:     p.Say("test.use"),
		Short:   p.Say("test.short"),
		Long:    p.Say("test.long"),
		Example: p.Say("test.examples"),
		Args:    p.args(1, many),
		RunE: func(cmd *cobra.Command, args []string) error {
			command, err := commandIn(cmd, args[1:])
			if err != nil {
				return err
			}
			return p.runTest(cmd.Context(), &o, args[0], command)
		},
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().StringArrayVarP(&o.binds, "bind", "b", nil, p.Say("test.bind"))
	cmd.Flags().StringVar(&o.gpu, "gpu", "auto", p.Say("test.gpu"))
	cmd.Flags().StringVar(&o.mpi, "mpi", "auto", p.Say("test.mpi"))
	return cmd
}

// runTest converts in a process of its own, which enters the user namespace; this one
// stays the user and becomes the program.
func (p *program) runTest(ctx context.Context, o *testOptions, name string, args []string) error {
	config, err := p.config()
	if err != nil {
		return err
	}
	stem, err := trialStem(config, name)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding jbuild itself: %w", err)
	}
	convert := exec.CommandContext(ctx, self, "convert-for-test", "--lang="+p.Language(), "--", name)
	convert.Stdin, convert.Stdout, convert.Stderr = nil, os.Stderr, os.Stderr
	convert.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := convert.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && ctx.Err() == nil {
			return &rootless.EndedError{Status: rootless.Status(exit.ProcessState)} // it has said why
		}
		return errors.Join(ctx.Err(), err)
	}
	return trial.Run(ctx, stem, trial.Options{
		Name: name, Args: args, Shell: len(args) == 0, Binds: o.binds, GPU: o.gpu, MPI: o.mpi,
		Words: language.StageWords(p.Language()),
		Warn:  func(text fault.Text) { fmt.Fprintln(os.Stderr, "jbuild: "+p.Text(message.Plain(text))) },
	})
}

// trialStem is where the files of a trial are. Names of images have slashes.
func trialStem(config site.Config, name string) (string, error) {
	file := strings.NewReplacer("/", "+", ":", "=").Replace(name)
	if strings.HasPrefix(file, ".") || file == "" {
		return "", workspace.CheckName(name)
	}
	return filepath.Join(config.DataDir(getenv), "trials", file), nil
}

// newConvertForTestCommand is the half of jbuild test that needs the user namespace.
func (p *program) newConvertForTestCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "convert-for-test NAME",
		Hidden: true,
		Args:   p.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			st, err := p.open()
			if err != nil {
				return err
			}
			defer st.Close()
			img, closeAll, err := imageOf(cmd.Context(), st.Store, args[0])
			if err != nil {
				return err
			}
			defer closeAll()
			stem, err := trialStem(st.config, args[0])
			if err != nil {
				return err
			}
			if err := trial.Make(cmd.Context(), img, stem); err != nil {
				return message.Fail(message.Of("test.convert", args[0]), err)
			}
			return nil
		},
	}
}

// imageOf is a workspace as an image, or an image of the store.
func imageOf(ctx context.Context, st *workspace.Store, name string) (*workspace.Image, func(), error) {
	if workspace.CheckName(name) == nil && st.Has(name) {
		w, err := st.Open(name)
		if err != nil {
			return nil, nil, err
		}
		left := func(path string) bool { return slices.Contains(w.State.LeaveOut, path) } // as when it is uploaded
		img, err := w.Image(ctx, workspace.ImageOptions{By: "jbuild", Leave: left})
		if err != nil {
			w.Close()
			return nil, nil, err
		}
		return img, func() { img.Close(); w.Close() }, nil
	}
	img, err := st.Stored(name)
	if err != nil {
		return nil, nil, err
	}
	return img, img.Close, nil
}
