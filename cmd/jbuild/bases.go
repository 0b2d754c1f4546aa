package main

import (
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/bases"
	"github.com/jrun-hpc/jrun/vmtemplate/terminal"
	"github.com/spf13/cobra"
)

func (p *program) newBasesCommand() *cobra.Command {
	return &cobra.Command{
		Use:     p.Say("bases.use"),
		Short:   p.Say("bases.short"),
		Long:    p.Say("bases.long"),
		Example: p.Say("bases.examples"),
		RunE:    func(cmd *cobra.Command, args []string) error { return p.runBases(cmd, args) },
	}
}

// baseJSON is an image in JSON.
type baseJSON struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Updated     string `json:"updated,omitempty"`
	Own         bool   `json:"own"`
}

func (p *program) runBases(cmd *cobra.Command, words []string) error {
	st, err := p.open()
	if err != nil {
		return err
	}
	defer st.Close()
	c, err := p.workshop(st).Catalogue()
	if err != nil {
		return err
	}
	if len(words) == 1 && strings.Count(words[0], "/") > 0 {
		return p.printTags(cmd, c, strings.TrimPrefix(words[0], st.config.Registry+"/"))
	}
	list := c.Repositories(cmd.Context())
	if len(words) > 0 {
		list = c.Search(cmd.Context(), strings.Join(words, " "))
	}
	all := []baseJSON{}
	failed := eachBase(list, func(r bases.Repository) {
		b := baseJSON{Name: r.Name, Description: r.Description, Own: r.Own}
		if !r.Updated.IsZero() {
			b.Updated = p.time(r.Updated)
		}
		all = append(all, b)
	})
	if failed != nil && len(all) == 0 {
		return failed
	}
	if p.json {
		return printJSON(cmd.OutOrStdout(), all)
	}
	if len(all) == 0 && failed == nil {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), p.Say("bases.none"))
		return err
	}
	var rows [][]string
	for _, b := range all {
		rows = append(rows, []string{b.Name, b.Updated, b.Description})
	}
	if _, err := io.WriteString(cmd.OutOrStdout(), terminal.Table(rows)); err != nil {
		return err
	}
	if failed != nil {
		fmt.Fprint(cmd.ErrOrStderr(), p.Format("jbuild", failed))
	}
	return nil
}

// eachBase goes through a list; one project that fails does not hide the others. The
// last failure is returned.
func eachBase(list iter.Seq2[bases.Repository, error], do func(bases.Repository)) (failed error) {
	for r, err := range list {
		if err != nil {
			failed = err
			continue
		}
		do(r)
	}
	return failed
}

// tagJSON is one image of a repository in JSON.
type tagJSON struct {
	Tag    string `json:"tag"`
	Digest string `json:"digest,omitempty"`
	Bytes  int64  `json:"bytes,omitempty"`
	Date   string `json:"date,omitempty"`
	Scan   string `json:"severity,omitempty"`
}

// mostDetails bounds how many tags are asked about one by one.
const mostDetails = 20

func (p *program) printTags(cmd *cobra.Command, c *bases.Catalogue, repository string) error {
	tags, err := c.Tags(cmd.Context(), repository)
	if err != nil {
		return err
	}
	all := []tagJSON{}
	for i := range tags {
		if i < mostDetails {
			if err := c.Details(cmd.Context(), repository, &tags[i]); err != nil {
				return err
			}
		}
		t := tagJSON{Tag: tags[i].Name, Digest: tags[i].Digest.String(), Bytes: tags[i].Size}
		if !tags[i].Date.IsZero() {
			t.Date = p.time(tags[i].Date)
		}
		if tags[i].Scan != nil {
			t.Scan = tags[i].Scan.Severity
		}
		all = append(all, t)
	}
	if p.json {
		return printJSON(cmd.OutOrStdout(), all)
	}
	return p.tagTable(cmd.OutOrStdout(), repository, all)
}

func (p *program) tagTable(out io.Writer, repository string, all []tagJSON) error {
	var rows [][]string
	for _, t := range all {
		size := ""
		if t.Bytes > 0 {
			size = p.bytes(t.Bytes)
		}
		rows = append(rows, []string{repository + ":" + t.Tag, t.Date, size, t.Scan})
	}
	_, err := io.WriteString(out, terminal.Table(rows))
	return err
}
