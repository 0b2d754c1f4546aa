package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// takesPaths are the commands whose arguments are files or directories.
var takesPaths = map[string]bool{
	"jadm init": true, "jadm passwords": true, "jadm user place": true,
	"jadm bundle make": true, "jadm bundle verify": true, "jadm bundle show": true, "jadm bundle run": true, "jadm bundle restore": true,
}

// completeNoFiles keeps the shell from offering files where none are meant: for IDs, images,
// dates and numbers.
func completeNoFiles(c *cobra.Command) {
	if c.ValidArgsFunction == nil && !takesPaths[c.CommandPath()] {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		name, _ := pflag.UnquoteUsage(f)
		if _, known := c.GetFlagCompletionFunc(f.Name); known || f.NoOptDefVal != "" || strings.Contains(name, "FILE") || strings.Contains(name, "DIR") {
			return
		}
		var choices []string
		if strings.Contains(name, "|") {
			choices = strings.Split(name, "|")
		}
		// It can only fail for a flag that is not there.
		_ = c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
	})
	for _, sub := range c.Commands() {
		completeNoFiles(sub)
	}
}
