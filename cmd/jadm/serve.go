package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/lifecycle/mirror"
	"github.com/jrun-hpc/jrun/image/lifecycle/service"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/image/lifecycle/usage"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"
)

const serveLong = `Make images ready before jobs ask for them: whatever is pushed to Harbor is
converted into the site's part of jrun's store, what is deleted there goes from it,
and who may read what follows the members of the projects.

Harbor tells of changes with webhooks (POST /v1/webhook; jadm apply makes the
policies). A webhook is a hint where to look and no more; everything is compared
from time to time anyway (serve.poll_every), and at the start. So it may be stopped,
or killed, at any time.

/healthz says 503 and why when something has been wrong for some minutes; /metrics
is for Prometheus. jadm queue shows what it is doing.

With --dry-run it says what the store lacks, and what would be removed, and ends.`

func (p *program) newServeCommand() *cobra.Command {
	var unit, verbose bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Make images ready before jobs ask for them",
		Long:  serveLong,
		Example: `  jadm serve --print-unit | sudo tee /etc/systemd/system/jadm.service
  sudo systemctl enable --now jadm
  jadm serve --dry-run`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if unit {
				return p.printUnit(cmd.OutOrStdout())
			}
			return p.serve(cmd.Context(), cmd.OutOrStdout(), verbose)
		},
	}
	cmd.Flags().BoolVar(&unit, "print-unit", false, "print a systemd unit for this configuration, and end")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "log every step")
	return cmd
}

// Memory, in bytes: what one conversion is kept to by the garbage collector, and what
// all else takes. What a conversion takes at most is about twice as much.
const (
	conversionMemory = 256 << 20
	serviceMemory    = 128 << 20
)

func (p *program) serve(ctx context.Context, out io.Writer, verbose bool) error {
	p.serving = !p.dryRun
	s, err := p.settings()
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	log := service.NewLog(os.Stderr, level)
	metrics := service.NewMetrics()
	m, err := p.mirror(log, metrics)
	if err != nil {
		return err
	}
	if p.dryRun {
		return p.dryServe(ctx, out, m)
	}
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(int64(s.Serve.Jobs)*conversionMemory + serviceMemory)
	}
	o := service.Options{
		Mirror: m, Metrics: metrics, Log: log, State: s.State,
		Listen: s.Serve.Listen, TLSCert: s.Serve.TLSCert, TLSKey: s.Serve.TLSKey, PollEvery: time.Duration(s.Serve.PollEvery),
	}
	if o.Tasks, err = p.tasks(m, log); err != nil {
		return err
	}
	if o.Handlers, err = p.reportHandlers(log); err != nil {
		return err
	}
	if s.Serve.WebhookSecretFile != "" {
		if o.WebhookSecret, err = settings.ReadSecret(s.Serve.WebhookSecretFile); err != nil {
			return err
		}
	}
	if s.Serve.MetricsTokenFile != "" {
		if o.MetricsToken, err = settings.ReadSecret(s.Serve.MetricsTokenFile); err != nil {
			return err
		}
	}
	sv, err := service.New(o)
	if err != nil {
		return err
	}
	return sv.Run(ctx)
}

// mirror is what keeps the store the same as the registry.
func (p *program) mirror(log *slog.Logger, metrics *service.Metrics) (*mirror.Mirror, error) {
	s, err := p.settings()
	if err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		return nil, fault.New("refusing to convert images as root", errors.New("jrun takes no images that belong to root for the site's"),
			"run it as the service account: sudo -u jadm jadm serve\nor as a service: jadm serve --print-unit")
	}
	if s.Store.Path == "" {
		return nil, fault.New("there is no store to convert into", errors.New("jadm.toml names none"), "write where jrun's store is: [store] path = \"/shared/jrun\"")
	}
	if !p.dryRun {
		if err := openSite(s.Store.Path); err != nil {
			return nil, err
		}
	}
	client, err := p.harbor()
	if err != nil {
		return nil, err
	}
	password, err := settings.ReadSecret(s.Harbor.PasswordFile)
	if err != nil {
		return nil, err
	}
	certificates, err := certificatesDir(s)
	if err != nil {
		return nil, err
	}
	recorder, err := p.recorder()
	if err != nil {
		return nil, err
	}
	directory, err := p.stayers()
	if err != nil {
		return nil, err
	}
	remembered, err := p.state()
	if err != nil {
		return nil, err
	}
	book, err := p.book()
	if err != nil {
		return nil, err
	}
	return mirror.New(mirror.Options{
		Cited: func(_ context.Context, place store.Place) (map[digest.Digest]bool, error) {
			return cited(book, place.Project)
		},
		Harbor: client, Registry: s.Harbor.Host(), Store: s.Store.Path,
		Login: image.Login{User: s.Harbor.User, Password: password}, CertificatesDir: certificates,
		Directory: directory, State: remembered, Audit: recorder, Log: log,
		Choice:    mirror.Choice{Include: s.Serve.Include, Exclude: s.Serve.Exclude},
		Platforms: platforms(s.Serve.Platforms), MaxBytes: int64(s.Serve.MaxSize), MinFreeBytes: int64(s.Serve.MinFree),
		Jobs: s.Serve.Jobs, PollEvery: time.Duration(s.Serve.PollEvery), UndeleteFor: time.Duration(s.Serve.UndeleteFor),
		Version: version(), Observe: metrics.Conversion,
	})
}

// openSite makes the site's part of the store, and the box into which jobs put what they
// used: a job that ran before there was one would have told nobody.
func openSite(root string) error {
	if err := store.InitSite(root); err != nil {
		return err
	}
	_, err := store.OpenReports(root)
	return err
}

// cited are the digests of a project that somebody has pinned.
func cited(book usage.Book, project string) (map[digest.Digest]bool, error) {
	pins, err := book.PinsOf(project)
	all := map[digest.Digest]bool{}
	for _, p := range pins {
		all[p.Digest] = true
		if p.Resolved != "" {
			all[p.Resolved] = true
		}
	}
	return all, err
}

// platforms reads os/architecture/variant; settings has checked them.
func platforms(words []string) []store.Platform {
	var all []store.Platform
	for _, word := range words {
		parts := append(strings.Split(word, "/"), "")
		all = append(all, store.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]})
	}
	return all
}

// certificatesDir is a directory with who has signed Harbor's certificate, in the form
// that is wanted for pulling; empty when the system knows.
func certificatesDir(s *settings.Settings) (string, error) {
	if s.Harbor.CAFile == "" {
		return "", nil
	}
	pem, err := os.ReadFile(s.Harbor.CAFile)
	if err != nil {
		return "", fault.Newf(err, "correct harbor.ca_file in jadm.toml", "cannot read the certificates in %s", s.Harbor.CAFile)
	}
	dir := filepath.Join(s.State, "serve", "certificates")
	return dir, state.WriteFile(filepath.Join(dir, "ca.crt"), pem, 0o644)
}

// dryServe says what a round would do.
func (p *program) dryServe(ctx context.Context, out io.Writer, m *mirror.Mirror) error {
	plan, err := m.Plan(ctx)
	if err != nil {
		return err
	}
	if p.json {
		return printJSON(out, plan)
	}
	for _, c := range plan.Convert {
		fmt.Fprintln(out, "convert", printable.Line(fmt.Sprintf("%s@%s %s %s", c.Image, c.Digest, c.Platform, strings.Join(c.Tags, ","))))
	}
	for _, r := range plan.Remove {
		fmt.Fprintln(out, "remove ", printable.Line(fmt.Sprintf("%s@%s", r.Project, r.Digest)))
	}
	_, err = fmt.Fprintf(out, "%d to convert, %d to remove\n", len(plan.Convert), len(plan.Remove))
	return err
}
