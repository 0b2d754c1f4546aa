package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/change"
	"github.com/jrun-hpc/jrun/vmtemplate/check"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"github.com/spf13/cobra"
)

// statusWillNotRun is the exit status of jbuild check when jobs could not start.
const statusWillNotRun = 1

func (p *program) newCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:     p.Say("checking.use"),
		Short:   p.Say("checking.short"),
		Long:    p.Say("checking.long"),
		Example: p.Say("checking.examples"),
		Args:    p.args(1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return p.runCheck(cmd, args[0]) },
	}
}

func (p *program) runCheck(cmd *cobra.Command, name string) error {
	st, err := p.open()
	if err != nil {
		return err
	}
	defer st.Close()
	w, err := st.OpenAny(name)
	if err != nil {
		return err
	}
	defer w.Close()
	root, err := w.Root()
	if err != nil {
		return err
	}
	config, err := w.Config()
	if err != nil {
		return err
	}
	tree, err := check.OpenDirectory(root)
	if err != nil {
		return err
	}
	report, err := check.Examine(cmd.Context(), check.Image{
		Files: tree, Config: config, Site: st.config,
		Leaves: func(path string) bool { return change.Filter(path) != "" },
	})
	if err != nil {
		return err
	}
	words := report.In(p.Printer)
	if p.json {
		err = printJSON(cmd.OutOrStdout(), words)
	} else {
		err = p.printReport(cmd.OutOrStdout(), name, words)
	}
	if err == nil && !words.Runs {
		err = &rootless.EndedError{Status: statusWillNotRun}
	}
	return err
}

func (p *program) printReport(out io.Writer, name string, r check.Words) error {
	var b strings.Builder
	verdict := p.Say("checking.runs", name)
	if !r.Runs {
		verdict = p.Say("checking.blocked", name)
	}
	fmt.Fprintln(&b, verdict)
	titles := map[check.Severity]string{check.Blocks: p.Say("checking.blocks"), check.Warns: p.Say("checking.warns"), check.Advises: p.Say("checking.advises")}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "\n%s %s\n", titles[f.Severity], f.What)
		for _, path := range f.Paths {
			fmt.Fprintf(&b, "    %s\n", path)
		}
		if f.More > 0 {
			fmt.Fprintf(&b, "    %s\n", p.Say("checking.more", f.More))
		}
		for _, next := range f.Next {
			fmt.Fprintf(&b, "  %s %s\n", p.Say("message.next"), next)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", p.Say("checking.size", message.Bytes(r.Size.Bytes), r.Size.Files, message.Bytes(r.Size.Compressed)))
	for _, d := range r.Size.Largest {
		fmt.Fprintf(&b, "  %9s  %s%s\n", p.bytes(d.Bytes), strings.Repeat("  ", d.Depth), d.Path)
	}
	for _, waste := range r.Size.Waste {
		fmt.Fprintf(&b, "\n%s\n", p.Say("checking.waste", waste.What, message.Bytes(waste.Bytes)))
		for _, next := range waste.Next {
			fmt.Fprintf(&b, "  %s %s\n", p.Say("message.next"), next)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}
