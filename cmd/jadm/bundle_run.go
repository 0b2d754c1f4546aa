package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/bundle"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func (p *program) newBundleRunCommand() *cobra.Command {
	var options []string
	verify := true
	c := &cobra.Command{
		Use:   "run [flags] DIR IMAGE [COMMAND [ARGUMENT…]]",
		Short: "Run an image of a bundle with jrun, without a registry",
		Long: `Checks what the image consists of, and becomes jrun, which is beside jadm or in PATH.
IMAGE is a name that 'jadm bundle show' lists, a part of it after a slash, with or without
the tag, or the beginning of a digest.

Without jadm: jrun oci:DIR/data/images:NAME COMMAND`,
		Example: `  jadm bundle run /archive/u2026001 solver:2.0 ./solve input.dat
  jadm bundle run --option=--bind=/data /archive/u2026001 solver python3 -V`,
		Args: wantArgs(cobra.MinimumNArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, words, command := args[0], args[1], args[2:]
			b, err := bundle.Load(dir)
			if err != nil {
				return err
			}
			image, err := b.Find(words)
			if err != nil {
				return err
			}
			reference, err := bundle.Reference(dir, image)
			if err != nil {
				return err
			}
			jrun, err := findJrun()
			if err != nil {
				return err
			}
			argv := append(append(append([]string{"jrun"}, options...), reference), command...)
			if p.dryRun {
				if p.json {
					return printJSON(cmd.OutOrStdout(), map[string]any{"program": jrun, "arguments": argv})
				}
				_, err := fmt.Fprintln(cmd.OutOrStdout(), printable.Text(strings.Join(append([]string{jrun}, argv[1:]...), " ")))
				return err
			}
			if verify {
				if err := bundle.VerifyImage(cmd.Context(), dir, image); err != nil {
					return err
				}
			}
			err = unix.Exec(jrun, argv, os.Environ())
			return fault.Newf(err, "check that it can be run: "+jrun+" --version", "cannot start %s", jrun)
		},
	}
	c.Flags().BoolVar(&verify, "verify", true, "check the image's bytes before it runs")
	c.Flags().StringArrayVarP(&options, "option", "o", nil, "give `OPTION` to jrun (can be repeated)")
	c.Flags().SetInterspersed(false)
	return c
}

// findJrun looks beside jadm, then in PATH.
func findJrun() (string, error) {
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "jrun")
		if unix.Access(beside, unix.X_OK) == nil {
			return beside, nil
		}
	}
	found, err := exec.LookPath("jrun")
	if err == nil {
		found, err = filepath.Abs(found)
	}
	if err != nil {
		return "", fault.New("cannot find jrun", errors.New("it is neither beside jadm nor in PATH"), "install jrun, or copy its one file beside jadm")
	}
	return found, nil
}
