package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/spf13/cobra"
)

func (p *program) newExportCommand() *cobra.Command {
	return &cobra.Command{
		Use:     p.Say("export.use"),
		Short:   p.Say("export.short"),
		Long:    p.Say("export.long"),
		Example: p.Say("export.examples"),
		Args:    p.args(2, 2),
		RunE:    func(cmd *cobra.Command, args []string) error { return p.runExport(cmd, args[0], args[1]) },
	}
}

// runExport writes a new file; "-" is the standard output.
func (p *program) runExport(cmd *cobra.Command, name, file string) error {
	st, err := p.open()
	if err != nil {
		return err
	}
	defer st.Close()
	w, err := st.Open(name)
	if err != nil {
		return err
	}
	defer w.Close()
	if file == "-" {
		return w.Export(cmd.Context(), cmd.OutOrStdout())
	}
	if _, err := os.Lstat(file); err == nil {
		return message.Fail(message.Of("export.exists", file), fs.ErrExist, message.Of("export.exists.next"))
	}
	out, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return message.Fail(message.Of("export.write", file), err, message.Of("export.write.next"))
	}
	defer func() { _ = os.Remove(out.Name()) }() // after the renaming there is none
	err = w.Export(cmd.Context(), out)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if err := os.Rename(out.Name(), file); err != nil {
		return message.Fail(message.Of("export.write", file), err)
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), p.Say("export.done", name, file, file))
	return err
}

func (p *program) newImportCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     p.Say("import.use"),
		Short:   p.Say("import.short"),
		Long:    p.Say("import.long"),
		Example: p.Say("import.examples"),
		Args:    p.args(1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return p.runImport(cmd, name, args[0]) },
	}
	cmd.Flags().StringVar(&name, "name", "", p.Say("import.name"))
	return cmd
}

func (p *program) runImport(cmd *cobra.Command, name, file string) error {
	in := cmd.InOrStdin()
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return message.Fail(message.Of("import.read", file), err, message.Of("import.read.next"))
		}
		defer f.Close()
		in = f
	}
	st, err := p.open()
	if err != nil {
		return err
	}
	defer st.Close()
	w, err := st.Import(cmd.Context(), in, name)
	if err != nil {
		return err
	}
	defer p.reportQuietly(cmd.Context(), st)
	defer w.Close()
	if p.json {
		return printJSON(cmd.OutOrStdout(), listedWorkspace{Name: w.Name, State: w.State})
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), p.Say("new.made", w.Name, w.State.Base, w.Name))
	return err
}

func (p *program) newRenameCommand() *cobra.Command {
	return &cobra.Command{
		Use:     p.Say("rename.use"),
		Short:   p.Say("rename.short"),
		Long:    p.Say("rename.long"),
		Example: p.Say("rename.examples"),
		Args:    p.args(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			st, err := p.open()
			if err != nil {
				return err
			}
			defer st.Close()
			defer p.reportQuietly(cmd.Context(), st)
			return st.Rename(args[0], args[1])
		},
	}
}
