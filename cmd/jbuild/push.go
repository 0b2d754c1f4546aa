package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/registry"
	"github.com/jrun-hpc/jrun/vmtemplate/upload"
	"github.com/jrun-hpc/jrun/vmtemplate/workshop"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// pushOptions are the flags of jbuild push.
type pushOptions struct {
	overwrite, squash, dryRun bool
	keepSecrets               bool
	compression               string
}

func (o *pushOptions) addFlags(p *program, cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.overwrite, "overwrite", false, p.Say("push.overwrite"))
	cmd.Flags().BoolVar(&o.squash, "squash", false, p.Say("save.squash"))
	cmd.Flags().BoolVar(&o.keepSecrets, "keep-secrets", false, p.Say("push.keep-secrets"))
	cmd.Flags().StringVar(&o.compression, "compression", "gzip", p.Say("push.compression"))
}

func (o *pushOptions) check() error {
	if o.compression != "gzip" && o.compression != "zstd" {
		return message.Fail(message.Of("push.bad-compression", o.compression), nil, message.Of("push.bad-compression.next"))
	}
	return nil
}

func (p *program) newPushCommand() *cobra.Command {
	var o pushOptions
	cmd := &cobra.Command{
		Use:     p.Say("push.use"),
		Short:   p.Say("push.short"),
		Long:    p.Say("push.long"),
		Example: p.Say("push.examples"),
		Args:    p.args(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.runPush(cmd, &o, args[0], args[len(args)-1])
		},
	}
	o.addFlags(p, cmd)
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, p.Say("push.dry-run"))
	return cmd
}

func (p *program) runPush(cmd *cobra.Command, o *pushOptions, name, to string) error {
	if err := o.check(); err != nil {
		return err
	}
	st, err := p.open()
	if err != nil {
		return err
	}
	defer st.Close()
	shop := p.workshop(st)
	if workspace.CheckName(name) == nil && st.Has(name) {
		w, err := st.Open(name)
		if err != nil {
			return err
		}
		defer p.closer(cmd.Context(), st, w)()
		target, err := shop.Target(to)
		if err != nil {
			return err
		}
		return p.pushWorkspace(cmd, o, shop, w, target)
	}
	img, err := st.Stored(name)
	if err != nil {
		return err
	}
	defer img.Close()
	target, err := shop.Target(to)
	if err != nil {
		return err
	}
	return p.pushed(cmd, o, shop, target, func(ctx context.Context, po workshop.PushOptions) (upload.Result, error) {
		return shop.PushImage(ctx, img, target, po)
	})
}

// pushWorkspace uploads a workspace that is open.
func (p *program) pushWorkspace(cmd *cobra.Command, o *pushOptions, shop *workshop.Workshop, w *workspace.Workspace, target upload.Target) error {
	if !o.keepSecrets {
		if err := p.refuseSecrets(cmd.Context(), shop, w); err != nil {
			return err
		}
	}
	return p.pushed(cmd, o, shop, target, func(ctx context.Context, po workshop.PushOptions) (upload.Result, error) {
		return shop.Push(ctx, w, workspace.ImageOptions{Squash: o.squash}, target, po)
	})
}

// refuseSecrets is the check before an upload: an image is copied to many machines, and
// what was in it once cannot be taken back.
func (p *program) refuseSecrets(ctx context.Context, shop *workshop.Workshop, w *workspace.Workspace) error {
	found, err := shop.Secrets(ctx, w)
	if err != nil || len(found) == 0 {
		return err
	}
	first := found[0]
	next := []message.Text{message.Of("push.secrets.rm", w.Name, first.Path), message.Of("push.secrets.keep")}
	if n := len(found) - 1; n > 0 {
		next = append([]message.Text{message.Of("push.secrets.more", n, w.Name)}, next...)
	}
	return message.Fail(message.Of("push.secrets", first.Text()), nil, next...)
}

// pushed asks what there is to ask, uploads, and tells the outcome. Nobody is asked for
// a yes: a command says --overwrite.
func (p *program) pushed(cmd *cobra.Command, o *pushOptions, shop *workshop.Workshop, target upload.Target, push func(context.Context, workshop.PushOptions) (upload.Result, error)) error {
	po := workshop.PushOptions{Overwrite: o.overwrite, Zstd: o.compression == "zstd", Relogin: p.relogin(shop, target.Host)}
	report, err := shop.Inspect(cmd.Context(), target, 0, po)
	if err != nil {
		return err
	}
	for _, f := range report.Findings {
		switch {
		case f.Stops, f.Kind == upload.Exists && !o.overwrite && o.dryRun:
			return f.Err
		case f.Kind != upload.Exists:
			fmt.Fprint(cmd.ErrOrStderr(), p.Format("jbuild", f.Err))
		}
	}
	if o.dryRun {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), p.Say("push.could", target.String()))
		return err
	}
	meter := p.newMeter(cmd.ErrOrStderr())
	po.Progress = meter.upload
	started := time.Now()
	result, err := push(cmd.Context(), po)
	meter.end()
	if err != nil {
		var exists *upload.TagExistsError
		if errors.As(err, &exists) {
			return message.Fail(message.Of("push.exists", target.String()), nil, message.Of("push.exists.next"), message.Of("push.exists.overwrite"))
		}
		return err
	}
	return p.printPushed(cmd.OutOrStdout(), target, result, time.Since(started))
}

// pushedImage is the outcome in JSON.
type pushedImage struct {
	Image     string `json:"image"`
	Digest    string `json:"digest"`
	Bytes     int64  `json:"bytes"`
	SentBytes int64  `json:"sent_bytes"`
	Unchanged bool   `json:"unchanged"`
}

func (p *program) printPushed(out io.Writer, target upload.Target, r upload.Result, took time.Duration) error {
	if p.json {
		return printJSON(out, pushedImage{Image: target.String(), Digest: r.Digest.String(), Bytes: r.Size, SentBytes: r.Counts.Wire, Unchanged: r.Unchanged})
	}
	if r.Unchanged {
		_, err := fmt.Fprintln(out, p.Say("push.unchanged", target.String()))
		return err
	}
	_, err := fmt.Fprintln(out, p.Say("push.done", target.String(), message.Bytes(r.Counts.Wire), message.Bytes(r.Size), took.Round(time.Second/10).String())+"\n"+p.Say("push.next", target.String()))
	return err
}

// relogin asks for another login on a terminal when the registry refuses the one that is
// kept, so that an upload goes on; nil where nobody can be asked.
func (p *program) relogin(shop *workshop.Workshop, host string) func(context.Context, error) (registry.Login, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) || !term.IsTerminal(int(os.Stdout.Fd())) {
		return nil
	}
	return func(ctx context.Context, why error) (registry.Login, error) {
		fmt.Fprint(os.Stderr, "\r\x1b[K"+p.Format("jbuild", why))
		face, err := p.face()
		if err != nil {
			return registry.Login{}, err
		}
		defer func() { _ = face.Close() }()
		user, password, err := askLogin(ctx, face, "", host)
		if err != nil {
			return registry.Login{}, err
		}
		if err := shop.Login(ctx, host, user, password); err != nil {
			return registry.Login{}, err
		}
		return registry.Login{User: user, Password: password}, nil
	}
}
