package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const passwordsLong = `Ask for each password that jadm.toml names a file for and that is not there yet, and
write it into its file, readable by this account only. It is not shown while it is
typed. Named files are asked for again, to change what is in them. What nobody else has
made, the secrets of webhooks and metrics, is made and not asked for.

Without a terminal the passwords are read from standard input, a line each, in the
order of --dry-run.`

func (p *program) newPasswordsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "passwords [FILE...]",
		Short: "Write the passwords that jadm.toml names files for",
		Long:  passwordsLong,
		Example: `  sudo -u jadm jadm passwords
  sudo -u jadm jadm passwords harbor.password     # it has changed
  jadm passwords --dry-run                        # which there are, and which are missing`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := p.settings()
			if err != nil {
				return err
			}
			wanted, err := choosePasswords(passwordsOf(s), args)
			if err != nil {
				return err
			}
			return p.writePasswords(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), wanted)
		},
	}
}

// password is a file with a secret.
type password struct {
	File  string `json:"file"`
	Of    string `json:"of"` // whose it is, for people
	There bool   `json:"there"`
	// made: nobody has it yet, so that any will do.
	made bool
}

// passwordsOf are those that a configuration names.
func passwordsOf(s *settings.Settings) []password {
	var all []password
	for _, one := range []password{
		{File: s.Harbor.PasswordFile, Of: fmt.Sprintf("%s at %s", s.Harbor.User, s.Harbor.Host())},
		{File: s.People.LDAP.PasswordFile, Of: fmt.Sprintf("%s at %s", s.People.LDAP.BindDN, s.People.LDAP.URL)},
		{File: s.Mail.PasswordFile, Of: fmt.Sprintf("%s at %s", s.Mail.User, s.Mail.SMTP)},
		{File: s.Lease.PasswordFile, Of: fmt.Sprintf("%s at %s", s.Lease.User, s.Lease.URL)},
		{File: s.Lease.TokenFile, Of: "the token for " + s.Lease.URL},
		{File: s.Serve.WebhookSecretFile, Of: "webhooks", made: true},
		{File: s.Serve.MetricsTokenFile, Of: "metrics", made: true},
	} {
		if one.File == "" || slices.ContainsFunc(all, func(other password) bool { return other.File == one.File }) {
			continue
		}
		_, err := os.Lstat(one.File)
		one.There = !errors.Is(err, fs.ErrNotExist)
		all = append(all, one)
	}
	return all
}

// choosePasswords takes those that are named, by path or by the name of the file, as
// missing; the others stay if any is named.
func choosePasswords(all []password, names []string) ([]password, error) {
	if len(names) == 0 {
		return all, nil
	}
	var chosen []password
	for _, name := range names {
		i := slices.IndexFunc(all, func(one password) bool { return one.File == name || filepath.Base(one.File) == name })
		if i < 0 {
			return nil, fault.Newf(errors.New("jadm.toml names no such file"), "see which it names: jadm passwords --dry-run", "there is no password %s", name)
		}
		one := all[i]
		one.There = false
		chosen = append(chosen, one)
	}
	return chosen, nil
}

func (p *program) writePasswords(ctx context.Context, in io.Reader, out io.Writer, wanted []password) error {
	if p.dryRun {
		if p.json {
			return printJSON(out, wanted)
		}
		return printPasswords(out, wanted)
	}
	ask := askLines(in)
	if file, ok := in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		ask = askSilently(file, os.Stderr)
	}
	for i, one := range wanted {
		if one.There {
			continue
		}
		secret, err := randomSecret(), error(nil)
		if !one.made {
			secret, err = ask(ctx, fmt.Sprintf("Password of %s: ", printable.Line(one.Of)))
		}
		if err == nil && secret == "" {
			err = errors.New("it is empty")
		}
		if errors.Is(err, io.EOF) {
			err = errors.New("standard input has ended")
		}
		if err != nil {
			return fault.Newf(err, "run it again: jadm passwords", "there is no password of %s", one.Of)
		}
		if err := state.WriteFile(one.File, []byte(secret+"\n"), 0o600); err != nil {
			return fault.Newf(err, "run it as the account that owns the directory: sudo -u jadm jadm passwords", "cannot write %s", one.File)
		}
		wanted[i].There = true
	}
	if p.json {
		return printJSON(out, wanted)
	}
	return printPasswords(out, wanted)
}

// randomSecret has 260 bits of chance.
func randomSecret() string { return rand.Text() + rand.Text() }

func printPasswords(out io.Writer, all []password) error {
	var b strings.Builder
	for _, one := range all {
		is := "missing"
		if one.There {
			is = "there  "
		}
		fmt.Fprintf(&b, "%s  %s  (%s)\n", is, one.File, one.Of)
	}
	_, err := io.WriteString(out, printable.Text(b.String()))
	return err
}

// askLines takes answers from a file or a pipe.
func askLines(in io.Reader) func(context.Context, string) (string, error) {
	lines := bufio.NewReader(in)
	return func(context.Context, string) (string, error) {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line != "" {
			err = nil
		}
		return strings.TrimRight(line, "\r\n"), err
	}
}

// askSilently asks on a terminal, which shows again what is typed however it ends.
func askSilently(terminal *os.File, out io.Writer) func(context.Context, string) (string, error) {
	return func(ctx context.Context, question string) (string, error) {
		fd := int(terminal.Fd())
		before, err := term.GetState(fd)
		if err != nil {
			return "", err
		}
		type answer struct {
			secret []byte
			err    error
		}
		answered := make(chan answer, 1)
		fmt.Fprint(out, question)
		go func() {
			secret, err := term.ReadPassword(fd)
			answered <- answer{secret, err}
		}()
		select {
		case a := <-answered:
			fmt.Fprintln(out)
			return string(a.secret), a.err
		case <-ctx.Done():
			fmt.Fprintln(out)
			return "", errors.Join(context.Cause(ctx), term.Restore(fd, before))
		}
	}
}
