package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// newOptions are the flags of jbuild new.
type newOptions struct {
	base string
	name string
}

func (p *program) newNewCommand() *cobra.Command {
	var o newOptions
	cmd := &cobra.Command{
		Use:   "new --base IMAGE [--name NAME]",
		Short: p.Say("new.short"),
		Args:  p.wantArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return p.runNew(cmd, &o) },
	}
	cmd.Flags().StringVar(&o.base, "base", "", p.Say("new.base"))
	cmd.Flags().StringVar(&o.name, "name", "", p.Say("new.name"))
	return cmd
}

func (p *program) runNew(cmd *cobra.Command, o *newOptions) error {
	st, err := p.open()
	if err != nil {
		return err
	}
	defer st.Close()
	name := o.name
	if name == "" {
		name = proposeName(o.base)
	}
	if err := workspace.CheckName(name); err != nil {
		return err
	}
	progress, done := p.progress(cmd.ErrOrStderr(), "new.fetching", o.base)
	base, err := st.Find(cmd.Context(), o.base, progress)
	done()
	if err != nil {
		return err
	}
	w, err := st.Create(name, base)
	if err != nil {
		return err
	}
	defer w.Close()
	_, err = fmt.Fprintln(cmd.OutOrStdout(), p.Say("new.made", name, base.Name, name))
	return err
}

// proposeName makes a workspace's name from its base's.
func proposeName(base string) string {
	base, _, _ = strings.Cut(base, "@")
	base = base[strings.LastIndexByte(base, '/')+1:]
	base, _, _ = strings.Cut(base, ":")
	return base
}

// progress shows how much has come, on a terminal in one line.
func (p *program) progress(out any, _ string, what string) (workspace.Progress, func()) {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, func() {}
	}
	var last time.Time
	return func(done, of int64) {
			if time.Since(last) < 100*time.Millisecond {
				return
			}
			last = time.Now()
			fmt.Fprintf(file, "\r\x1b[K%s", p.Say("new.fetching", what, message.Bytes(done), message.Bytes(of)))
		}, func() {
			fmt.Fprint(file, "\r\x1b[K")
		}
}
