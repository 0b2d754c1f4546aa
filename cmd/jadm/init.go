package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
	"github.com/spf13/cobra"
)

const initLong = `Write a jadm.toml and a desired.toml to begin with, with comments on what one edits
first, and a webhook.secret that Harbor and jadm serve are to share. A file that is
there already is left alone, and then nothing is written.

With --account, which is for root, it also makes the directories of a service account:
that of the files, and /var/lib/jadm, which only the account can enter. With --store
it makes that directory for all users, if there is none yet, and writes it into
jadm.toml. It makes no accounts.`

//go:embed example/jadm.toml
var exampleSettings []byte

//go:embed example/desired.toml
var exampleDesired []byte

// initOptions are the flags of jadm init.
type initOptions struct {
	account string // whose the files are; empty: of whoever calls
	harbor  string // URL
	store   string // directory
}

func (p *program) newInitCommand() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init [DIRECTORY]",
		Short: "Write jadm.toml and desired.toml to begin with",
		Long:  initLong,
		Example: `  sudo jadm init --account jadm --harbor https://harbor.example.ac.jp --store /lustre/jrun
  jadm init                          # in the directory of --config, or /etc/jadm
  jadm init .                        # here
  jadm init --dry-run .              # only say what would be written`,
		Args: wantArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, name := filepath.Split(p.file())
			if len(args) == 1 {
				dir, name = args[0], filepath.Base(settings.DefaultFile)
			}
			b := beginning{dir: filepath.Clean(dir), owner: -1, group: -1, options: o}
			if err := b.choose(name); err != nil {
				return err
			}
			return p.begin(cmd.OutOrStdout(), b)
		},
	}
	cmd.Flags().StringVar(&o.account, "account", "", "service `ACCOUNT` that the files and directories are for")
	cmd.Flags().StringVar(&o.harbor, "harbor", "", "`URL` of Harbor")
	cmd.Flags().StringVar(&o.store, "store", "", "`DIRECTORY` of the store, as in jrun.toml")
	return cmd
}

// beginning is what jadm init makes.
type beginning struct {
	options      initOptions
	dir          string
	owner, group int // -1: whoever calls
	files        []newFile
	directories  []newDirectory
}

// newFile is a file that must not be there yet.
type newFile struct {
	path    string
	content []byte
	mode    fs.FileMode
}

// newDirectory is a directory that may be there.
type newDirectory struct {
	path   string
	mode   fs.FileMode
	shared bool // it stays root's
}

// choose says what is to be made.
func (b *beginning) choose(name string) error {
	config, err := beginWith(exampleSettings, b.options)
	if err != nil {
		return err
	}
	if b.options.account != "" {
		if err := b.findAccount(); err != nil {
			return err
		}
		b.directories = append(b.directories, newDirectory{path: b.dir, mode: 0o755}, newDirectory{path: defaultState, mode: 0o700})
	}
	if b.options.store != "" {
		b.directories = append(b.directories, newDirectory{path: b.options.store, mode: 0o777 | os.ModeSticky, shared: true})
	}
	b.files = []newFile{
		{filepath.Join(b.dir, name), config, 0o644},
		{filepath.Join(b.dir, "desired.toml"), exampleDesired, 0o644},
		{filepath.Join(b.dir, "webhook.secret"), []byte(randomSecret() + "\n"), 0o600},
	}
	return nil
}

// defaultState is the state directory of the example.
const defaultState = "/var/lib/jadm"

func (b *beginning) findAccount() error {
	if os.Getuid() != 0 {
		return fault.New("only root can make files for another account", errors.New("you are "+actor()), "sudo jadm init --account "+b.options.account+"\nor leave --account out, as the service account")
	}
	account, err := user.Lookup(b.options.account)
	if err != nil {
		return fault.Newf(err, "make it: sudo useradd --system --home-dir "+defaultState+" --shell /usr/sbin/nologin "+b.options.account, "there is no account %s", b.options.account)
	}
	if account.Uid == "0" {
		return fault.New("jadm is not for root", errors.New("jrun takes no images that belong to root for the site's"), "name a service account: --account jadm")
	}
	if b.owner, err = strconv.Atoi(account.Uid); err == nil {
		b.group, err = strconv.Atoi(account.Gid)
	}
	return err
}

// begin makes all files or none.
func (p *program) begin(out io.Writer, b beginning) error {
	for _, f := range b.files {
		if _, err := os.Lstat(f.path); !errors.Is(err, fs.ErrNotExist) {
			if err == nil {
				err = fs.ErrExist
			}
			return fault.Newf(err, "edit it, or name another directory: jadm init DIRECTORY", "%s stays as it is", f.path)
		}
	}
	if !p.dryRun {
		if err := b.write(); err != nil {
			return err
		}
	}
	paths := make([]string, len(b.files))
	for i, f := range b.files {
		paths[i] = f.path
	}
	if p.json {
		return printJSON(out, map[string]any{"files": paths, "written": !p.dryRun})
	}
	verb := "wrote"
	if p.dryRun {
		verb = "would write"
	}
	for _, path := range paths {
		fmt.Fprintf(out, "%s %s\n", verb, path)
	}
	if !p.dryRun {
		fmt.Fprintf(out, "\nNext: edit %s and desired.toml. Then, as the account that runs jadm:\n  jadm passwords    asks for Harbor's and the directory's\n  jadm doctor       says what is not right yet\n  jadm plan         shows what would be done\n", paths[0])
		if paths[0] != settings.DefaultFile {
			fmt.Fprintf(out, "with --config %s, or JADM_CONFIG\n", paths[0])
		}
	}
	return nil
}

func (b *beginning) write() error {
	for _, d := range b.directories {
		if err := b.makeDirectory(d); err != nil {
			return fault.Newf(err, "look at it: ls -ld "+d.path, "cannot make the directory %s", d.path)
		}
	}
	for _, f := range b.files {
		if err := b.writeNew(f); err != nil {
			return fault.Newf(err, "name a directory where you may write: jadm init DIRECTORY", "cannot write %s", f.path)
		}
	}
	return nil
}

// makeDirectory makes one as it is to be; a shared one that is there stays as it is.
func (b *beginning) makeDirectory(d newDirectory) error {
	_, err := os.Stat(d.path)
	if err == nil && d.shared {
		return nil
	}
	if err := os.MkdirAll(d.path, 0o755); err != nil {
		return err
	}
	if d.shared {
		return os.Chmod(d.path, d.mode)
	}
	return errors.Join(os.Chown(d.path, b.owner, b.group), os.Chmod(d.path, d.mode))
}

// writeNew writes a file that must not be there: somebody may have been faster.
func (b *beginning) writeNew(f newFile) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
	if err != nil {
		return err
	}
	_, err = file.Write(f.content)
	if b.owner >= 0 {
		err = errors.Join(err, file.Chown(b.owner, b.group))
	}
	return errors.Join(err, file.Close())
}
