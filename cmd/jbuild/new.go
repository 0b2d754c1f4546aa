package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/starter"
	"github.com/jrun-hpc/jrun/vmtemplate/upload"
	"github.com/jrun-hpc/jrun/vmtemplate/workshop"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/spf13/cobra"
)

// newOptions are the flags of jbuild new.
type newOptions struct {
	base, name, from string
	run, env         []string
	workdir          string
	push             string
	pushOptions
}

func (p *program) newNewCommand() *cobra.Command {
	var o newOptions
	cmd := &cobra.Command{
		Use:     p.Say("new.use"),
		Short:   p.Say("new.short"),
		Long:    p.Say("new.long"),
		Example: p.Say("new.examples"),
		Args:    p.args(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.runNew(cmd, &o) },
	}
	cmd.Flags().StringVar(&o.base, "base", "", p.Say("new.base"))
	cmd.Flags().StringVar(&o.name, "name", "", p.Say("new.name"))
	cmd.Flags().StringVar(&o.from, "from", "", p.Say("new.from"))
	cmd.Flags().StringArrayVar(&o.run, "run", nil, p.Say("new.run"))
	cmd.Flags().StringArrayVar(&o.env, "env", nil, p.Say("new.env"))
	cmd.Flags().StringVar(&o.workdir, "workdir", "", p.Say("new.workdir"))
	cmd.Flags().StringVar(&o.push, "push", "", p.Say("new.push"))
	o.addFlags(p, cmd)
	return cmd
}

// check refuses what cannot be right before anything is made.
func (o *newOptions) check() error {
	if o.base == "" && o.from == "" {
		return message.Fail(message.Of("new.no-base"), nil, message.Of("new.no-base.next"), message.Of("new.no-base.guided"))
	}
	if o.workdir != "" && !strings.HasPrefix(o.workdir, "/") {
		return message.Fail(message.Of("new.bad-workdir", o.workdir), nil, message.Of("new.bad-workdir.next", o.workdir))
	}
	for _, e := range o.env {
		if name, _, ok := strings.Cut(e, "="); !ok || name == "" {
			return message.Fail(message.Of("new.bad-env", e), nil, message.Of("new.bad-env.next"))
		}
	}
	if o.name != "" {
		if err := workspace.CheckName(o.name); err != nil {
			return err
		}
	}
	return o.pushOptions.check()
}

func (p *program) runNew(cmd *cobra.Command, o *newOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	st, err := p.open()
	if err != nil {
		return err
	}
	defer st.Close()
	shop := p.workshop(st)
	var target upload.Target
	if o.push != "" {
		if target, err = shop.Target(o.push); err != nil {
			return err
		}
	}
	var plan *starter.Plan
	if o.from != "" {
		if plan, err = p.plan(cmd.Context(), shop, o); err != nil {
			return err
		}
		o.base = plan.Base
	}
	name := o.name
	if name == "" {
		name = proposeName(o)
	}
	meter := p.newMeter(cmd.ErrOrStderr())
	w, err := shop.New(cmd.Context(), name, o.base, meter.fetch(o.base))
	meter.end()
	if err != nil {
		return err
	}
	defer w.Close()
	if err := p.begin(cmd, shop, w, o, plan); err != nil {
		return err
	}
	if o.push != "" {
		return p.pushWorkspace(cmd, &o.pushOptions, shop, w, target)
	}
	if p.json {
		return printJSON(cmd.OutOrStdout(), listedWorkspace{Name: w.Name, State: w.State})
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), p.Say("new.made", name, w.State.Base, name))
	return err
}

// plan reads a list of packages.
func (p *program) plan(ctx context.Context, shop *workshop.Workshop, o *newOptions) (*starter.Plan, error) {
	ask := starter.Ask{Dir: os.DirFS(filepath.Dir(o.from)), Name: filepath.Base(o.from), Base: o.base}
	if o.base == "" {
		var err error
		if ask.Bases, err = shop.BaseNames(ctx); err != nil {
			return nil, err
		}
	}
	plan, err := starter.Make(ask)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(os.Stderr, p.Say("new.plan", o.from, plan.Base, plan.Reason))
	for _, note := range plan.Notes {
		fmt.Fprintln(os.Stderr, p.Say("new.note", note))
	}
	return plan, nil
}

// begin does in a new workspace what the flags and the plan say.
func (p *program) begin(cmd *cobra.Command, shop *workshop.Workshop, w *workspace.Workspace, o *newOptions, plan *starter.Plan) error {
	if plan != nil {
		if err := p.follow(cmd, shop, w, plan); err != nil {
			return err
		}
	}
	if len(o.env) > 0 || o.workdir != "" {
		err := w.Update(func(s *workspace.State) {
			s.Env, s.Workdir = append(s.Env, o.env...), o.workdir
		})
		if err != nil {
			return err
		}
	}
	for _, line := range o.run {
		if err := p.step(cmd, shop, w, line); err != nil {
			return err
		}
	}
	return nil
}

// follow does what a plan says.
func (p *program) follow(cmd *cobra.Command, shop *workshop.Workshop, w *workspace.Workspace, plan *starter.Plan) error {
	for _, f := range plan.Files {
		if err := shop.Write(w, f.Path, f.Content); err != nil {
			return err
		}
	}
	config, err := w.Config()
	if err != nil {
		return err
	}
	if err := w.Update(func(s *workspace.State) { s.Env = plan.Environment(config.Env) }); err != nil {
		return err
	}
	for _, s := range plan.Steps {
		fmt.Fprintln(cmd.ErrOrStderr(), p.Say("new.step", s.What))
		if err := p.step(cmd, shop, w, s.Run); err != nil {
			return err
		}
	}
	return nil
}

// step runs one line as root. Its output goes to ours, or out of the way of JSON.
func (p *program) step(cmd *cobra.Command, shop *workshop.Workshop, w *workspace.Workspace, line string) error {
	out := os.Stdout
	if p.json {
		out = os.Stderr
	}
	status, err := shop.Run(cmd.Context(), w, line, workspace.Session{Stdout: out, Stderr: os.Stderr})
	if err != nil {
		return err
	}
	if status != 0 {
		return message.Fail(message.Of("new.failed", line, status), nil, message.Of("new.failed.look", w.Name), message.Of("new.failed.away", w.Name))
	}
	return nil
}

// proposeName makes a workspace's name from its base's, or from where a list of packages
// is.
func proposeName(o *newOptions) string {
	if o.from != "" {
		if dir, err := filepath.Abs(filepath.Dir(o.from)); err == nil && workspace.CheckName(strings.ToLower(filepath.Base(dir))) == nil {
			return strings.ToLower(filepath.Base(dir))
		}
	}
	base, _, _ := strings.Cut(o.base, "@")
	base = base[strings.LastIndexByte(base, '/')+1:]
	base, _, _ = strings.Cut(base, ":")
	return base
}
