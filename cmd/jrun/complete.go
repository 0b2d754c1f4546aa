package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// completeImages offers the names in the store for the first argument, and
// leaves the rest, the command, to the shell.
func (g *globalOptions) completeImages(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	s, err := g.open()
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	refs, _ := s.store.Refs() // those that can be read
	var names []string
	for _, r := range refs {
		if strings.HasPrefix(r.Name, begun) {
			names = append(names, r.Name)
		}
	}
	return names, cobra.ShellCompDirectiveDefault
}
