package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/terminal"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/spf13/cobra"
)

func (p *program) newListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   p.Say("list.short"),
		Long:    p.Say("list.long"),
		Example: p.Say("list.examples"),
		Args:    p.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := p.open()
			if err != nil {
				return err
			}
			defer st.Close()
			all, err := st.List(cmd.Context())
			if err != nil {
				return err
			}
			if p.json {
				return printJSON(cmd.OutOrStdout(), listed(all))
			}
			return p.printList(cmd.OutOrStdout(), all)
		},
	}
}

// listedWorkspace is a workspace in JSON.
type listedWorkspace struct {
	Name string `json:"name"`
	workspace.State
	Bytes int64 `json:"bytes"` // of what is not the base's
	InUse bool  `json:"in_use"`
}

func listed(all []workspace.Summary) []listedWorkspace {
	out := make([]listedWorkspace, 0, len(all))
	for _, s := range all {
		out = append(out, listedWorkspace{Name: s.Name, State: s.State, Bytes: s.Bytes, InUse: s.InUse})
	}
	return out
}

func (p *program) printList(out io.Writer, all []workspace.Summary) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, p.Say("list.none"))
		return err
	}
	rows := [][]string{strings.Split(p.Say("list.head"), "\t")}
	for _, s := range all {
		uploaded := ""
		if n := len(s.State.Pushes); n > 0 {
			uploaded = s.State.Pushes[n-1].Image
		}
		rows = append(rows, []string{s.Name, s.State.Base, p.bytes(s.Bytes), p.time(s.State.Used), uploaded})
	}
	_, err := io.WriteString(out, terminal.Table(rows))
	return err
}

func (p *program) bytes(n int64) string { return p.Text(message.Plain(message.Bytes(n))) }

func (p *program) time(t time.Time) string { return p.Text(message.Plain(message.Time(t))) }

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
