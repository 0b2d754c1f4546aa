package main

import (
	"github.com/spf13/cobra"
)

const userLong = `People at Harbor: those of the directory (LDAP or a CSV file, people in jadm.toml),
their project, their part in others, and the login that compute servers use for them.`

func (p *program) newUserCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Take people in, and see what they have",
		Long:  userLong,
		Args:  wantArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Example: `  jadm user add 20260001
  jadm user show 20260001
  jadm user list`,
	}
	cmd.AddCommand(p.newUserAddCommand(), p.newUserListCommand(), p.newUserShowCommand(), p.newUserPlaceCommand())
	cmd.AddCommand(p.userLeaveCommands()...)
	return cmd
}
