package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
	"github.com/spf13/cobra"
)

const initLong = `Write a jadm.toml and a desired.toml to begin with, with a comment on each key. A
file that is there already is left alone, and then nothing is written.`

//go:embed example/jadm.toml
var exampleSettings []byte

//go:embed example/desired.toml
var exampleDesired []byte

func (p *program) newInitCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIRECTORY]",
		Short: "Write jadm.toml and desired.toml to begin with",
		Long:  initLong,
		Example: `  jadm init                          in the directory of --config, or /etc/jadm
  jadm init .                        here
  jadm init --dry-run .              only say what would be written`,
		Args: wantArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, name := filepath.Split(p.file())
			if len(args) == 1 {
				dir, name = args[0], filepath.Base(settings.DefaultFile)
			}
			files := []exampleFile{{filepath.Join(dir, name), exampleSettings}, {filepath.Join(dir, "desired.toml"), exampleDesired}}
			if err := p.writeExamples(files); err != nil {
				return err
			}
			if p.json {
				return printJSON(cmd.OutOrStdout(), map[string]any{"files": []string{files[0].path, files[1].path}, "written": !p.dryRun})
			}
			verb := "wrote"
			if p.dryRun {
				verb = "would write"
			}
			for _, f := range files {
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", verb, f.path)
			}
			if !p.dryRun {
				fmt.Fprintf(cmd.OutOrStdout(), "\nNext: correct harbor.url in %s, put the password of Harbor's administrator into\nits password_file, and see what would be done: jadm --config %s plan\n", files[0].path, files[0].path)
			}
			return nil
		},
	}
}

// exampleFile is a file to begin with.
type exampleFile struct {
	path    string
	content []byte
}

// writeExamples writes all files or none.
func (p *program) writeExamples(files []exampleFile) error {
	for _, f := range files {
		if _, err := os.Lstat(f.path); !errors.Is(err, fs.ErrNotExist) {
			if err == nil {
				err = fs.ErrExist
			}
			return fault.Newf(err, "edit it, or name another directory: jadm init DIRECTORY", "%s stays as it is", f.path)
		}
	}
	if p.dryRun {
		return nil
	}
	for _, f := range files {
		if err := writeNew(f); err != nil {
			return fault.Newf(err, "name a directory where you may write: jadm init DIRECTORY", "cannot write %s", f.path)
		}
	}
	return nil
}

// writeNew writes a file that must not be there: somebody may have been faster.
func writeNew(f exampleFile) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(f.content)
	return errors.Join(err, file.Close())
}
