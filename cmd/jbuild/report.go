package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/report"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
	"github.com/jrun-hpc/jrun/vmtemplate/terminal"
	"github.com/spf13/cobra"
)

func (p *program) newReportCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:     p.Say("report.use"),
		Short:   p.Say("report.short"),
		Long:    p.Say("report.long"),
		Example: p.Say("report.examples"),
		Args:    p.args(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.runReport(cmd, dryRun) },
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, p.Say("report.dry-run"))
	return cmd
}

func (p *program) runReport(cmd *cobra.Command, dryRun bool) error {
	st, err := p.open()
	if err != nil {
		return err
	}
	defer st.Close()
	all, err := st.List(cmd.Context())
	if err != nil {
		return err
	}
	r, err := report.Of(all)
	if err != nil {
		return err
	}
	if !dryRun {
		if err := sendReport(cmd.Context(), st.config, r); err != nil {
			return err
		}
	}
	return p.printUnpushed(cmd, st.config, r, dryRun)
}

func (p *program) printUnpushed(cmd *cobra.Command, config site.Config, r report.Report, dryRun bool) error {
	out := cmd.OutOrStdout()
	if p.json {
		return printJSON(out, r)
	}
	if len(r.Workspaces) == 0 {
		fmt.Fprintln(out, p.Say("report.nothing", r.Host))
	} else {
		rows := [][]string{strings.Split(p.Say("report.head"), "\t")}
		for _, w := range r.Workspaces {
			rows = append(rows, []string{w.Name, w.Base, p.bytes(w.Bytes), p.time(w.Used), w.Pushed})
		}
		fmt.Fprint(out, terminal.Table(rows))
	}
	if dryRun {
		return nil
	}
	_, err := fmt.Fprintln(out, p.Say("report.told", config.Report.URL))
	return err
}

// sendReport sends a report with the login to the site's registry. The address's
// certificate is verified as a registry's is.
func sendReport(ctx context.Context, config site.Config, r report.Report) error {
	if config.Report.URL == "" || config.Registry == "" {
		return message.Fail(message.Of("report.nowhere"), nil, message.Of("report.nowhere.next"))
	}
	registry, err := image.ParseLoginTarget(config.Registry)
	if err != nil {
		return err
	}
	c := client(config)
	login, err := c.AccessTo(registry)
	if err != nil {
		return err
	}
	if login.User == "" || login.Password == "" {
		return message.Fail(message.Of("workshop.not-logged-in", config.Registry), nil, message.Of("workshop.not-logged-in.next", config.Registry))
	}
	address, err := url.Parse(config.Report.URL)
	if err != nil {
		return err
	}
	host, err := image.ParseLoginTarget(address.Host)
	if err != nil {
		return err
	}
	way, err := c.AccessTo(host)
	if err != nil {
		return err
	}
	return r.Send(ctx, report.To{URL: config.Report.URL, User: login.User, Password: login.Password, Transport: way.Transport, UserAgent: "jbuild/" + buildVersion})
}

// How long a command that is done waits for a report, and how long it is left alone after
// one that failed: a site that is down must not cost two seconds each time.
const (
	reportPatience = 2 * time.Second
	reportPause    = 10 * time.Minute
)

// reportQuietly tells the site what is not uploaded, when a command has changed that.
// It says nothing, and what goes wrong is no matter: the next one tells it again.
func (p *program) reportQuietly(ctx context.Context, st *opened) {
	if st.config.Report.URL == "" || st.config.Registry == "" {
		return
	}
	failed := filepath.Join(st.Dir(), "report-failed")
	if info, err := os.Stat(failed); err == nil && time.Since(info.ModTime()).Abs() < reportPause {
		return
	}
	// A command that was interrupted may have changed something, too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportPatience)
	defer cancel()
	all, err := st.List(ctx)
	if err != nil {
		return
	}
	r, err := report.Of(all)
	if err != nil {
		return
	}
	var notLoggedIn *message.Error
	switch err := sendReport(ctx, st.config, r); {
	case err == nil:
		_ = os.Remove(failed)
	case errors.As(err, &notLoggedIn) && notLoggedIn.What.Name() == "workshop.not-logged-in":
	default:
		_ = os.WriteFile(failed, nil, 0o600)
	}
}
