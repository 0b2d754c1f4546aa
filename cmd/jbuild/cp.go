package main

import (
	"context"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/spf13/cobra"
)

func (p *program) newCopyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     p.Say("cp.use"),
		Short:   p.Say("cp.short"),
		Long:    p.Say("cp.long"),
		Example: p.Say("cp.examples"),
		Args:    p.args(2, many),
		RunE:    func(cmd *cobra.Command, args []string) error { return p.runCopy(cmd.Context(), args) },
	}
}

func (p *program) runCopy(ctx context.Context, args []string) error {
	last := args[len(args)-1]
	name, target, in := insideName(last)
	source := ""
	if !in {
		if name, source, in = insideName(args[0]); !in || len(args) != 2 {
			return message.Fail(message.Of("cp.where"), nil, message.Of("cp.where.next"))
		}
	}
	st, err := p.open()
	if err != nil {
		return err
	}
	defer st.Close()
	shop := p.workshop(st)
	w, err := st.Open(name)
	if err != nil {
		return err
	}
	defer p.closer(ctx, st, w)()
	if source != "" {
		return w.CopyOut(source, last)
	}
	for _, from := range args[:len(args)-1] {
		if len(args) > 2 && !strings.HasSuffix(target, "/") {
			target += "/"
		}
		if err := shop.CopyIn(w, from, target); err != nil {
			return err
		}
	}
	return nil
}

// insideName reads NAME:PATH.
func insideName(arg string) (name, path string, ok bool) {
	name, path, ok = strings.Cut(arg, ":")
	return name, path, ok && workspace.CheckName(name) == nil && path != ""
}
