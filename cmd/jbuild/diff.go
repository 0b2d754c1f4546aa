package main

import (
	"fmt"
	"io"

	"github.com/jrun-hpc/jrun/vmtemplate/change"
	"github.com/jrun-hpc/jrun/vmtemplate/inventory"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/workshop"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/spf13/cobra"
)

func (p *program) newDiffCommand() *cobra.Command {
	var files bool
	cmd := &cobra.Command{
		Use:     p.Say("diff.use"),
		Short:   p.Say("diff.short"),
		Long:    p.Say("diff.long"),
		Example: p.Say("diff.examples"),
		Args:    p.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withWorkspace(cmd.Context(), args[0], func(shop *workshop.Workshop, w *workspace.Workspace) error {
				changes, err := shop.Changes(cmd.Context(), w)
				switch {
				case err != nil:
					return err
				case p.json:
					return printJSON(cmd.OutOrStdout(), inJSON(changes))
				case files:
					return printFiles(cmd.OutOrStdout(), changes.Files)
				}
				return p.printChanges(cmd.OutOrStdout(), changes)
			})
		},
	}
	cmd.Flags().BoolVar(&files, "files", false, p.Say("diff.files"))
	return cmd
}

// printFiles lists paths as docker diff does.
func printFiles(out io.Writer, all []change.Change) error {
	letter := map[change.Kind]string{change.Added: "A", change.Modified: "C", change.Deleted: "D"}
	for _, c := range all {
		if c.Left == "" {
			if _, err := fmt.Fprintf(out, "%s %s\n", letter[c.Kind], c.Path); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *program) printChanges(out io.Writer, c workshop.Changes) error {
	for _, a := range c.Packages.Added {
		fmt.Fprintf(out, "+ %s %s %s\n", a.Manager, a.Name, a.Version)
	}
	for _, a := range c.Packages.Changed {
		fmt.Fprintf(out, "~ %s %s %s -> %s\n", a.Manager, a.Name, a.Version, a.To)
	}
	for _, a := range c.Packages.Removed {
		fmt.Fprintf(out, "- %s %s %s\n", a.Manager, a.Name, a.Version)
	}
	var in, left sum
	for _, f := range c.Files {
		if f.Left == "" {
			in.add(f)
		} else {
			left.add(f)
		}
	}
	fmt.Fprintln(out, p.Say("diff.sum", in.files, message.Bytes(in.bytes), left.files, message.Bytes(left.bytes)))
	for _, s := range c.Secrets {
		fmt.Fprintln(out, p.Say("diff.secret", s.Text()))
	}
	return nil
}

type sum struct {
	files int
	bytes int64
}

func (s *sum) add(c change.Change) {
	if !c.Dir {
		s.files++
		s.bytes += c.Bytes
	}
}

// diffJSON is the outcome for programs.
type diffJSON struct {
	Packages inventory.Difference `json:"packages"`
	Files    []fileJSON           `json:"files"`
	Secrets  []secretJSON         `json:"secrets"`
}

type fileJSON struct {
	Kind    change.Kind   `json:"kind"`
	Path    string        `json:"path"`
	Bytes   int64         `json:"bytes"`
	LeftOut change.Reason `json:"left_out,omitempty"`
}

type secretJSON struct {
	Path string `json:"path"`
	Line int    `json:"line"`
	Kind string `json:"kind"`
}

func inJSON(c workshop.Changes) diffJSON {
	d := diffJSON{Packages: c.Packages, Files: []fileJSON{}, Secrets: []secretJSON{}}
	for _, f := range c.Files {
		d.Files = append(d.Files, fileJSON{Kind: f.Kind, Path: f.Path, Bytes: f.Bytes, LeftOut: f.Left})
	}
	for _, s := range c.Secrets {
		d.Secrets = append(d.Secrets, secretJSON{Path: s.Path, Line: s.Line, Kind: string(s.Kind)})
	}
	return d
}
