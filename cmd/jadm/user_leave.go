package main

import "github.com/spf13/cobra"

// userLeaveCommands are the commands of 'jadm user' about people who leave.
func (*program) userLeaveCommands() []*cobra.Command { return nil }
