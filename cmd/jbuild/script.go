package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/jobscript"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/spf13/cobra"
)

// scriptOptions are the flags of jbuild script.
type scriptOptions struct {
	kind, output string
	overwrite    bool
	job          jobscript.Job
}

func (p *program) newScriptCommand() *cobra.Command {
	var o scriptOptions
	cmd := &cobra.Command{
		Use:     p.Say("script.use"),
		Short:   p.Say("script.short"),
		Long:    p.Say("script.long"),
		Example: p.Say("script.examples"),
		Args:    p.args(1, many),
		RunE:    func(cmd *cobra.Command, args []string) error { return p.runScript(cmd, &o, args) },
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.StringVar(&o.kind, "kind", "serial", p.Say("script.kind"))
	f.StringVarP(&o.output, "output", "o", "", p.Say("script.output"))
	f.BoolVar(&o.overwrite, "overwrite", false, p.Say("script.overwrite"))
	f.StringVar(&o.job.Name, "name", "", p.Say("script.name"))
	f.StringVarP(&o.job.Queue, "queue", "q", "", p.Say("script.queue"))
	f.StringVar(&o.job.Walltime, "walltime", "", p.Say("script.walltime"))
	f.StringVar(&o.job.Mail, "mail", "", p.Say("script.mail"))
	f.StringVar(&o.job.Select, "select", "", p.Say("script.select"))
	f.IntVar(&o.job.Shape.Chunks, "nodes", 0, p.Say("script.nodes"))
	f.IntVar(&o.job.Shape.CPUs, "cpus", 0, p.Say("script.cpus"))
	f.IntVar(&o.job.Shape.GPUs, "gpus", 0, p.Say("script.gpus"))
	f.IntVar(&o.job.Shape.Ranks, "ranks", 0, p.Say("script.ranks"))
	f.IntVar(&o.job.Shape.MemoryGiB, "memory", 0, p.Say("script.memory"))
	return cmd
}

func (p *program) runScript(cmd *cobra.Command, o *scriptOptions, args []string) error {
	config, err := p.config()
	if err != nil {
		return err
	}
	o.job.Image, o.job.Kind = args[0], jobscript.Kind(o.kind)
	if o.job.Command, err = commandIn(cmd, args[1:]); err != nil {
		return err
	}
	switch strings.Count(o.job.Image, "/") {
	case 0:
		if o.job.Image, err = p.uploaded(o.job.Image); err != nil {
			return err
		}
	case 1: // PROJECT/NAME, as push takes it
		if config.Registry != "" {
			o.job.Image = config.Registry + "/" + o.job.Image
		}
	}
	text, err := jobscript.Script(p.Printer, o.job, config.Job)
	if err != nil {
		return err
	}
	if o.output == "" || o.output == "-" {
		_, err := fmt.Fprint(cmd.OutOrStdout(), text)
		return err
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_EXCL
	if o.overwrite {
		flags = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	}
	f, err := os.OpenFile(o.output, flags, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return message.Fail(message.Of("export.exists", o.output), nil, message.Of("export.exists.next"), message.Of("script.replace"))
	}
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return message.Fail(message.Of("export.write", o.output), err, message.Of("export.write.next"))
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), p.Say("script.done", o.output, o.output))
	return err
}

// uploaded is where the workspace called name was uploaded last, or where 'jbuild push'
// would put an image of that name.
func (p *program) uploaded(name string) (string, error) {
	st, err := p.open()
	if err != nil {
		return "", err
	}
	defer st.Close()
	if workspace.CheckName(name) == nil && st.Has(name) {
		w, err := st.Open(name)
		if err != nil {
			return "", err
		}
		defer w.Close()
		if n := len(w.State.Pushes); n > 0 {
			return w.State.Pushes[n-1].Image, nil
		}
		return "", message.Fail(message.Of("script.not-uploaded", name), nil, message.Of("script.not-uploaded.next", name))
	}
	target, err := p.workshop(st).Target(name)
	return target.String(), err
}
