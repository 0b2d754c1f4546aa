package main

import (
	"fmt"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/spf13/cobra"
)

// newOptions are the flags of jbuild new.
type newOptions struct {
	base string
	name string
}

func (p *program) newNewCommand() *cobra.Command {
	var o newOptions
	cmd := &cobra.Command{
		Use:   "new --base IMAGE [--name NAME]",
		Short: p.Say("new.short"),
		Args:  p.wantArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return p.runNew(cmd, &o) },
	}
	cmd.Flags().StringVar(&o.base, "base", "", p.Say("new.base"))
	cmd.Flags().StringVar(&o.name, "name", "", p.Say("new.name"))
	return cmd
}

func (p *program) runNew(cmd *cobra.Command, o *newOptions) error {
	st, err := p.open()
	if err != nil {
		return err
	}
	defer st.Close()
	name := o.name
	if name == "" {
		name = proposeName(o.base)
	}
	if err := workspace.CheckName(name); err != nil {
		return err
	}
	meter := p.newMeter(cmd.ErrOrStderr())
	base, err := st.Find(cmd.Context(), o.base, meter.fetch(o.base))
	meter.end()
	if err != nil {
		return err
	}
	w, err := st.Create(name, base)
	if err != nil {
		return err
	}
	defer w.Close()
	_, err = fmt.Fprintln(cmd.OutOrStdout(), p.Say("new.made", name, base.Name, name))
	return err
}

// proposeName makes a workspace's name from its base's.
func proposeName(base string) string {
	base, _, _ = strings.Cut(base, "@")
	base = base[strings.LastIndexByte(base, '/')+1:]
	base, _, _ = strings.Cut(base, ":")
	return base
}
