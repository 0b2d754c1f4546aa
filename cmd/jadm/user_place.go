package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/jrun-hpc/jrun/image/lifecycle/onboarding"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/spf13/cobra"
)

const userPlaceLong = `Put the logins of a file that 'jadm user add' has written into the file that somebody's
programs read. All else in that file stays: their own logins, and keys that jadm does
not know. Run by root, it makes the file and missing directories for the owner of the
directory; it follows no symbolic link of anybody but root. It needs no configuration.`

func (p *program) newUserPlaceCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "place FILE INTO",
		Short:   "Put a login of the compute servers into somebody's auth.json",
		Long:    userPlaceLong,
		Example: "  sudo jadm user place /var/lib/jadm/credentials/20260001.auth.json ~20260001/.config/containers/auth.json",
		Args:    wantArgs(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.runUserPlace(cmd.OutOrStdout(), args[0], args[1])
		},
	}
}

func (p *program) runUserPlace(out io.Writer, from, into string) error {
	place := onboarding.MergeLogins
	if p.dryRun {
		place = func(from, _ string) ([]string, error) { return onboarding.LoginsIn(from) }
	}
	logins, err := place(from, into)
	if err != nil {
		return err
	}
	if p.dryRun && !p.json {
		_, err := fmt.Fprintf(out, "would put the logins for %s of %s into %s\n", printable.Line(strings.Join(logins, ", ")), printable.Line(from), printable.Line(into))
		return err
	}
	if p.json {
		return printJSON(out, map[string]any{"file": into, "logins": logins})
	}
	for _, l := range logins {
		fmt.Fprintf(out, "%s can log in to %s\n", printable.Line(into), printable.Line(l))
	}
	return nil
}
