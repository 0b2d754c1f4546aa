package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/jrun-hpc/jrun/vmtemplate/dockerfile"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/spf13/cobra"
)

// buildOptions are the flags of jbuild build, which are docker's.
type buildOptions struct {
	dockerfile.Options
	args     []string
	contexts []string
	network  string
	progress string
	idFile   string
	quiet    bool
}

func (p *program) newBuildCommand() *cobra.Command {
	var o buildOptions
	cmd := &cobra.Command{
		Use:     p.Say("docker.build.use"),
		Short:   p.Say("docker.build.short"),
		Long:    p.Say("docker.build.long"),
		Example: p.Say("docker.build.examples"),
		Args:    p.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Context = args[0]
			return p.runBuild(cmd, &o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.File, "file", "f", "", p.Say("docker.build.file"))
	f.StringArrayVarP(&o.Tags, "tag", "t", nil, p.Say("docker.build.tag"))
	f.StringArrayVar(&o.args, "build-arg", nil, p.Say("docker.build.arg"))
	f.StringArrayVar(&o.contexts, "build-context", nil, p.Say("docker.build.context"))
	f.StringArrayVar(&o.Secrets, "secret", nil, p.Say("docker.build.secret"))
	f.StringArrayVar(&o.SSH, "ssh", nil, p.Say("docker.build.ssh"))
	f.StringVar(&o.Target, "target", "", p.Say("docker.build.target"))
	f.StringArrayVar(&o.Labels, "label", nil, p.Say("docker.build.label"))
	f.StringArrayVar(&o.AddHost, "add-host", nil, p.Say("docker.build.add-host"))
	f.StringVar(&o.network, "network", "host", p.Say("docker.build.network"))
	f.StringVar(&o.Platform, "platform", "", p.Say("docker.build.platform"))
	f.BoolVar(&o.NoCache, "no-cache", false, p.Say("docker.build.no-cache"))
	f.BoolVar(&o.Pull, "pull", false, p.Say("docker.build.pull"))
	f.BoolVar(&o.Squash, "squash", false, p.Say("save.squash"))
	f.StringVar(&o.idFile, "iidfile", "", p.Say("docker.build.iidfile"))
	f.BoolVarP(&o.quiet, "quiet", "q", false, p.Say("docker.build.quiet"))
	f.StringVar(&o.progress, "progress", "plain", p.Say("docker.build.progress"))
	for _, name := range []string{"rm", "force-rm", "load", "compress"} { // docker's, and always so here
		f.Bool(name, true, "")
		_ = f.MarkHidden(name)
	}
	return cmd
}

func (p *program) runBuild(cmd *cobra.Command, o *buildOptions) error {
	if err := o.complete(); err != nil {
		return err
	}
	st, err := p.open()
	if err != nil {
		return err
	}
	defer st.Close()
	report := &buildReport{program: p, out: cmd.ErrOrStderr(), quiet: o.quiet || o.progress == "quiet"}
	o.Report, o.Stdin = report, os.Stdin
	result, err := dockerfile.Build(cmd.Context(), st.Store, o.Options)
	if err != nil {
		report.showKept()
		return err
	}
	if o.idFile != "" {
		write := func() error { return os.WriteFile(o.idFile, []byte("sha256:"+result.ID), 0o644) }
		if err := rootless.ForUser(write); err != nil {
			return message.Fail(message.Of("docker.build.iidfile-failed", o.idFile), err)
		}
	}
	return p.printBuilt(cmd.OutOrStdout(), result, report.quiet)
}

// complete checks the flags that are more than text.
func (o *buildOptions) complete() error {
	switch o.network {
	case "none":
		o.NoNetwork = true
	case "host", "default", "":
	default:
		return message.Fail(message.Of("docker.build.bad-network", o.network), nil, message.Of("docker.build.bad-network.next"))
	}
	switch o.progress {
	case "auto", "plain", "tty", "quiet":
	default:
		return message.Fail(message.Of("docker.build.bad-progress", o.progress), nil, message.Of("root.see-help", "jbuild build"))
	}
	o.Args, o.Contexts = map[string]string{}, map[string]string{}
	for _, arg := range o.args {
		name, value, given := strings.Cut(arg, "=")
		if !given {
			if value, given = os.LookupEnv(name); !given {
				continue // as docker: then ARG's own value counts
			}
		}
		o.Args[name] = value
	}
	for _, context := range o.contexts {
		name, value, _ := strings.Cut(context, "=")
		o.Contexts[name] = value
	}
	return nil
}

// builtImage is a built image in JSON.
type builtImage struct {
	ID    string   `json:"id"`
	Names []string `json:"names"`
}

func (p *program) printBuilt(out io.Writer, r dockerfile.Result, quiet bool) error {
	var err error
	switch {
	case p.json:
		err = printJSON(out, builtImage{ID: "sha256:" + r.ID, Names: append([]string{}, r.Names...)})
	case quiet:
		_, err = fmt.Fprintln(out, "sha256:"+r.ID)
	case len(r.Names) == 0:
		_, err = fmt.Fprintln(out, p.Say("docker.build.done", r.ID[:12]))
	default:
		_, err = fmt.Fprintln(out, p.Say("docker.build.done-as", shownName(r.Names[0]), r.ID[:12]))
	}
	return err
}

// shownName is a name as it is typed: what is in no registry needs no localhost.
func shownName(name string) string { return strings.TrimPrefix(name, "localhost/") }

// buildReport prints the steps of a build in lines, or, when nothing is to be said, keeps
// the end of what a failed RUN has written.
type buildReport struct {
	*program
	out   io.Writer
	quiet bool

	mu   sync.Mutex
	kept []byte
}

// mostKept bounds what is shown of a RUN that failed silently.
const mostKept = 16 << 10

func (r *buildReport) Fetching(name string) (workspace.Progress, func()) {
	if r.quiet {
		return nil, func() {}
	}
	fmt.Fprintln(r.out, r.Say("docker.build.fetching", name))
	m := r.newMeter(r.out)
	return m.fetch(name), m.end
}

func (r *buildReport) Step(s dockerfile.Step) {
	r.mu.Lock()
	r.kept = nil
	r.mu.Unlock()
	if r.quiet {
		return
	}
	stage := ""
	if s.Stages > 1 {
		stage = fmt.Sprintf("[%d/%d] ", s.Stage, s.Stages)
	}
	fmt.Fprintf(r.out, "%sSTEP %d/%d: %s\n", stage, s.Number, s.Of, s.Text)
}

func (r *buildReport) Cached() {
	if !r.quiet {
		fmt.Fprintln(r.out, r.Say("docker.build.cached"))
	}
}

func (r *buildReport) Write(p []byte) (int, error) {
	if !r.quiet {
		return r.out.Write(p)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = append(r.kept, p...)
	if len(r.kept) > 2*mostKept {
		r.kept = bytes.Clone(r.kept[len(r.kept)-mostKept:])
	}
	return len(p), nil
}

// showKept prints what the last step has written.
func (r *buildReport) showKept() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.out.Write(r.kept[max(len(r.kept)-mostKept, 0):])
	r.kept = nil
	if err != nil && !errors.Is(err, os.ErrClosed) {
		return // nothing more can be told
	}
}
