package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/terminal"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"
)

// inspected is an image as docker inspect has it.
type inspected struct {
	ID           string `json:"Id"`
	RepoTags     []string
	Digest       digest.Digest
	Created      time.Time
	Author       string
	Architecture string
	Os           string
	Size         int64
	Config       map[string]any
	RootFS       rootFS
}

type rootFS struct {
	Type   string
	Layers []digest.Digest
}

func inspectedImage(d workspace.Details) (inspected, error) {
	i := inspected{
		ID: "sha256:" + d.ID, RepoTags: append([]string{}, d.Names...), Digest: d.Digest, Created: d.Created, Author: d.Author,
		Architecture: d.Architecture, Os: d.OS, Size: d.Bytes, RootFS: rootFS{Type: "layers", Layers: d.Layers},
	}
	if len(d.Config) == 0 {
		return i, nil
	}
	return i, json.Unmarshal(d.Config, &i.Config)
}

func (p *program) newInspectCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     p.Say("docker.inspect.use"),
		Short:   p.Say("docker.inspect.short"),
		Long:    p.Say("docker.inspect.long"),
		Example: p.Say("docker.inspect.examples"),
		Args:    p.args(1, many),
		RunE: func(cmd *cobra.Command, args []string) error {
			st, err := p.open()
			if err != nil {
				return err
			}
			defer st.Close()
			all := make([]inspected, len(args))
			for i, name := range args {
				d, err := st.Inspect(name)
				if err != nil {
					return err
				}
				if all[i], err = inspectedImage(d); err != nil {
					return err
				}
			}
			if format == "" {
				return printJSON(cmd.OutOrStdout(), all)
			}
			return formatAll(cmd.OutOrStdout(), format, all)
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "", p.Say("docker.inspect.format"))
	return cmd
}

// formatAll writes each image with a template of text/template, as docker does.
func formatAll(out io.Writer, format string, all []inspected) error {
	t, err := template.New("format").Funcs(template.FuncMap{
		"json":  func(v any) (string, error) { raw, err := json.Marshal(v); return string(raw), err },
		"join":  strings.Join,
		"lower": strings.ToLower, "upper": strings.ToUpper,
	}).Parse(format)
	if err != nil {
		return message.Fail(message.Of("docker.inspect.bad-format", format), err, message.Of("docker.inspect.bad-format.next"))
	}
	for _, img := range all {
		if err := t.Execute(out, img); err != nil {
			return message.Fail(message.Of("docker.inspect.bad-format", format), err, message.Of("docker.inspect.bad-format.next"))
		}
		fmt.Fprintln(out)
	}
	return nil
}

func (p *program) newHistoryCommand() *cobra.Command {
	var whole bool
	cmd := &cobra.Command{
		Use:     p.Say("docker.history.use"),
		Short:   p.Say("docker.history.short"),
		Long:    p.Say("docker.history.long"),
		Example: p.Say("docker.history.examples"),
		Args:    p.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			st, err := p.open()
			if err != nil {
				return err
			}
			defer st.Close()
			d, err := st.Inspect(args[0])
			if err != nil {
				return err
			}
			return p.printHistory(cmd.OutOrStdout(), d.History, whole)
		},
	}
	cmd.Flags().BoolVar(&whole, "no-trunc", false, p.Say("docker.history.whole"))
	return cmd
}

// event is an instruction in JSON.
type event struct {
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by"`
	Bytes     int64     `json:"bytes"`
	Comment   string    `json:"comment,omitempty"`
}

// mostCreatedBy is how much of a command is in the table, in characters.
const mostCreatedBy = 60

// printHistory prints the newest first, as docker does.
func (p *program) printHistory(out io.Writer, all []workspace.Event, whole bool) error {
	list := make([]event, 0, len(all))
	for _, e := range slices.Backward(all) {
		list = append(list, event{Created: e.Created, CreatedBy: e.By, Bytes: e.Bytes, Comment: e.Comment})
	}
	if p.json {
		return printJSON(out, list)
	}
	rows := [][]string{strings.Split(p.Say("docker.history.head"), "\t")}
	for _, e := range list {
		by := printable.Line(e.CreatedBy)
		if !whole {
			by = printable.CutRunes(by, mostCreatedBy)
		}
		rows = append(rows, []string{p.time(e.Created), by, p.bytes(e.Bytes)})
	}
	_, err := io.WriteString(out, terminal.Table(rows))
	return err
}
