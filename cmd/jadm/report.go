package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/user"
	"strconv"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/report"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/spf13/cobra"
)

type reportOptions struct {
	csv      bool
	html     string
	language string
}

func (p *program) newReportCommand() *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report [flags]",
		Short: "Show who takes how much room",
		Long: `Show how much room images take, in Harbor and in the store: by project, by person, and
by how long ago they were used. As tables, as CSV, as JSON, or as one HTML page with
charts that needs nothing else.`,
		Example: "  jadm report\n  jadm report --csv >storage.csv\n  jadm report --html storage.html --language ja",
		Args:    wantArgs(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.runReport(cmd, o) },
	}
	cmd.Flags().BoolVar(&o.csv, "csv", false, "print the projects as CSV, in bytes")
	cmd.Flags().StringVar(&o.html, "html", "", "write a page into `FILE`")
	cmd.Flags().StringVar(&o.language, "language", "", "`LANGUAGE` of the page: en or ja (default jadm.toml's)")
	cmd.MarkFlagsMutuallyExclusive("csv", "html")
	return cmd
}

func (p *program) runReport(cmd *cobra.Command, o reportOptions) error {
	if o.language != "" && o.language != "en" && o.language != "ja" {
		return fault.Newf(fmt.Errorf("%q is neither en nor ja", o.language), "write --language en or --language ja", "cannot understand the command line")
	}
	r, err := p.gather(cmd.Context())
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	switch {
	case o.html != "" && p.dryRun:
		return p.printWritten(out, o.html, "would write")
	case o.html != "":
		s, err := p.settings()
		if err != nil {
			return err
		}
		if o.language == "" {
			o.language = s.Language
		}
		var page bytes.Buffer
		if err := r.HTML(&page, o.language); err != nil {
			return fault.New("cannot write the page", err, "jadm report --html "+o.html+" --language ja")
		}
		if err := state.WriteFile(o.html, page.Bytes(), 0o644); err != nil {
			return fault.Newf(err, "name a file that you may write: jadm report --html FILE", "cannot write %s", o.html)
		}
		return p.printWritten(out, o.html, "wrote")
	case o.csv:
		return r.CSV(out)
	case p.json:
		return printJSON(out, r)
	}
	return r.Text(out)
}

// printWritten says where the page is, or would be.
func (p *program) printWritten(out io.Writer, file, verb string) error {
	if p.json {
		return printJSON(out, map[string]any{"file": file, "written": !p.dryRun})
	}
	_, err := fmt.Fprintf(out, "%s %s\n", verb, printable.Line(file))
	return err
}

func (p *program) gather(ctx context.Context) (report.Report, error) {
	s, err := p.settings()
	if err != nil {
		return report.Report{}, err
	}
	client, err := p.harbor()
	if err != nil {
		return report.Report{}, err
	}
	book, err := p.book()
	if err != nil {
		return report.Report{}, err
	}
	known := map[string]bool{}
	for u, err := range client.Users(ctx) {
		if err != nil {
			return report.Report{}, err
		}
		known[u.Name] = true
	}
	return report.Gather(ctx, report.Source{
		Registry: client, Host: s.Harbor.Host(), Store: s.Store.Path, Book: book,
		// A person's own project is called like them, whoever has made it.
		Owner: func(project harbor.Project) string {
			if known[project.Name] {
				return project.Name
			}
			return project.Owner
		},
		Account: func(uid int) string {
			if account, err := user.LookupId(strconv.Itoa(uid)); err == nil {
				return account.Username
			}
			return ""
		},
	}, clock())
}
